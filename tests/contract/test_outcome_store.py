"""Outcomes and consent: what returned binds, counts once, and never goes back."""

import asyncio

import pytest

from api.adapters.records import encode_consent
from api.ports import (
    CommitState,
    ConsentResult,
    ConsentState,
    ConsentWrite,
    CustomerKey,
    OutcomeResult,
    OutcomeState,
    OutcomeWrite,
    StoreUnavailable,
    Stream,
)
from engine.contacts import Contact, ContactState, DeclineReason, unpack
from engine.facts import Consent
from tests.contract.worlds import ADA, GRACE, LOAN, World, a_commit, a_contact, an_outcome, soon, soon_ms


async def _offered(world: World, *contacts: Contact) -> None:
    commit = a_commit(await world.read(), *(contacts or (a_contact(),)))
    assert (await world.customers.commit(ADA, commit, deadline=soon())).state is CommitState.COMMITTED


async def _record(world: World, outcome: OutcomeWrite, key: CustomerKey = ADA) -> OutcomeResult:
    return await world.outcomes.record_outcome(key, outcome, deadline=soon())


async def _contacts(world: World, key: CustomerKey = ADA) -> list[Contact]:
    return unpack((await world.record(key)).contacts or b"")


async def _kinds(world: World, stream: Stream, key: CustomerKey = ADA) -> list[tuple[str, bytes]]:
    entries = (await world.journal.read(stream, {key.partition: "0-0"}, count=1_000)).get(key.partition, ())
    return [(entry.kind, entry.body) for entry in entries]


async def test_an_outcome_raises_its_contact_and_no_other(world: World) -> None:
    """The one of this action in this session."""
    others = (a_contact(action=LOAN), a_contact(session=7))
    await _offered(world, others[0], a_contact(), others[1])
    await _record(world, an_outcome(ContactState.DECLINED))
    declined = a_contact(state=ContactState.DECLINED)._replace(reason=DeclineReason.NOT_NOW)
    assert await _contacts(world) == [others[0], declined, others[1]]


async def test_an_outcome_raises_the_latest_of_equal_contacts(world: World) -> None:
    """A reservation that lapsed stays as it was."""
    await _offered(world, a_contact(at=1), a_contact(at=2))
    await _record(world, an_outcome(ContactState.SHOWN))
    assert await _contacts(world) == [a_contact(at=1), a_contact(at=2, state=ContactState.SHOWN)]


async def test_a_late_lower_state_does_not_lower(world: World) -> None:
    """An impression that arrives after the decline changes nothing, not even the version."""
    await _offered(world)
    await _record(world, an_outcome(ContactState.DECLINED, "o1"))
    before = await world.record()
    assert (await _record(world, an_outcome(ContactState.SHOWN, "o2"))).state is OutcomeState.RECORDED
    assert await world.record() == before


@pytest.mark.parametrize("state", [ContactState.SHOWN, ContactState.CLICKED, ContactState.DECLINED])
async def test_an_outcome_sent_many_times_counts_once(world: World, state: ContactState) -> None:
    """One after another and all at once."""
    await _offered(world)
    results = await asyncio.gather(*(_record(world, an_outcome(state)) for _ in range(5)))
    assert sorted(result.state for result in results) == [OutcomeState.RECORDED, *[OutcomeState.DUPLICATE] * 4]
    assert (await _record(world, an_outcome(state))).state is OutcomeState.DUPLICATE
    assert (await world.record()).outcome_count == (state is not ContactState.SHOWN)
    assert (await _kinds(world, Stream.DECISIONS)).count(("o", b"outcome")) == 1


@pytest.mark.parametrize(
    "other", [{"decision_id": "decision-2"}, {"action": "personal_loan"}, {"state": ContactState.DECLINED}]
)
async def test_an_outcome_id_that_was_used_for_something_else_hides_nothing(
    world: World, other: dict[str, object]
) -> None:
    """Of another offer, or another answer to the same: it is an outcome of its own, and counts once in its turn."""
    await _offered(world)
    await _record(world, an_outcome(ContactState.SHOWN))
    another = an_outcome(ContactState.SHOWN)._replace(**other)  # type: ignore[arg-type]  # fields of its own
    assert (await _record(world, another)).state is OutcomeState.RECORDED
    assert (await _record(world, another)).state is OutcomeState.DUPLICATE
    assert (await _kinds(world, Stream.DECISIONS)).count(("o", b"outcome")) == 2


async def test_an_accept_places_one_order(world: World) -> None:
    """However often, and under however many outcome ids, it is sent."""
    await _offered(world)
    accepts = [an_outcome(ContactState.ACCEPTED, f"o{number % 3}") for number in range(6)]
    results = await asyncio.gather(*(_record(world, accept) for accept in accepts))
    assert sum(result.ordered for result in results) == 1
    assert await _kinds(world, Stream.FULFILMENT) == [("r", b"order")]


async def test_each_decision_and_action_has_an_order_of_its_own(world: World) -> None:
    """The order is keyed by both."""
    accept = an_outcome(ContactState.ACCEPTED)
    await _record(world, accept)
    await _record(world, accept._replace(outcome_id="o2", decision_id="decision-2"))
    await _record(world, accept._replace(outcome_id="o3", action="personal_loan"))
    assert len(await _kinds(world, Stream.FULFILMENT)) == 3


async def test_an_impression_after_its_validity_is_reported_only(world: World) -> None:
    """The history stays; the entry says that it was late; a repeat is a duplicate."""
    await _offered(world)
    before = await world.record()
    late = an_outcome(ContactState.SHOWN, valid_until_ms=0)
    assert (await _record(world, late)).state is OutcomeState.LATE_IMPRESSION
    assert (await _record(world, late)).state is OutcomeState.DUPLICATE
    assert await world.record() == before
    assert await _kinds(world, Stream.DECISIONS) == [("r", b"decision"), ("l", b"outcome")]


async def test_a_decline_after_validity_still_binds(world: World) -> None:
    """A no is a no."""
    await _offered(world)
    await _record(world, an_outcome(ContactState.DECLINED, valid_until_ms=0))
    assert (await _contacts(world))[0].state == ContactState.DECLINED


async def test_an_outcome_of_a_contact_that_is_gone_counts_from_now(world: World) -> None:
    """It was shown, whatever became of the history."""
    await _record(world, an_outcome(ContactState.DECLINED))
    (contact,) = await _contacts(world)
    assert contact[1:] == (*a_contact()[1:4], ContactState.DECLINED, DeclineReason.NOT_NOW, 0)
    assert abs(contact.at - soon_ms() / 1_000) < 60


async def test_a_decline_makes_a_decision_in_flight_judge_again(world: World) -> None:
    """It binds the very next request anywhere."""
    await _offered(world)
    read = await world.read()
    await _record(world, an_outcome(ContactState.DECLINED))
    committed = await world.customers.commit(ADA, a_commit(read, a_contact(session=9)), deadline=soon())
    assert committed.state is CommitState.CONFLICT
    assert committed.record is not None
    assert committed.record.consent_version == read.record.consent_version + 1


async def test_an_outcome_past_its_deadline_writes_nothing(world: World) -> None:
    """And says so, since nobody may take it for durable."""
    await _offered(world)
    before = await world.record()
    with pytest.raises(StoreUnavailable):
        await _record(world, an_outcome(ContactState.DECLINED, deadline_ms=soon_ms() - 20_000))
    assert await world.record() == before
    assert (await _record(world, an_outcome(ContactState.DECLINED))).state is OutcomeState.RECORDED


async def test_an_outcome_follows_a_merge_and_still_counts_once(world: World) -> None:
    """Recorded before the merge, repeated after it: a duplicate; new after it: on the winner."""
    await _offered(world)
    await _record(world, an_outcome(ContactState.SHOWN, "o1"))
    await world.move(ADA, GRACE)
    assert (await _record(world, an_outcome(ContactState.SHOWN, "o1"))).state is OutcomeState.DUPLICATE
    assert (await _record(world, an_outcome(ContactState.DECLINED, "o2"))).state is OutcomeState.RECORDED
    assert (await _record(world, an_outcome(ContactState.DECLINED, "o2"))).state is OutcomeState.DUPLICATE
    assert [contact.state for contact in await _contacts(world, GRACE)] == [ContactState.DECLINED]


def _a_consent(version: int, *, web: bool = True) -> ConsentWrite:
    consent = Consent(version=version, allowed_by_purpose={"marketing": {"web": web}}, profiling_objection=False)
    return ConsentWrite(soon_ms(), encode_consent(consent), version, b"consent")


async def _consent(world: World, write: ConsentWrite, key: CustomerKey = ADA) -> ConsentResult:
    return await world.outcomes.set_consent(key, write, deadline=soon())


async def test_a_consent_is_in_force_when_it_returns(world: World) -> None:
    """And is on record."""
    assert await _consent(world, _a_consent(3)) == ConsentResult(ConsentState.APPLIED, 3)
    record = await world.record()
    assert (record.consent, record.consent_version) == (_a_consent(3).consent, 1)
    assert await _kinds(world, Stream.DECISIONS) == [("k", b"consent")]


async def test_the_same_consent_again_changes_nothing(world: World) -> None:
    """Sent twice, recorded once."""
    await _consent(world, _a_consent(3))
    assert await _consent(world, _a_consent(3)) == ConsentResult(ConsentState.UNCHANGED, 3)
    assert (await world.record()).consent_version == 1


@pytest.mark.parametrize("version", [2, 3])
async def test_an_earlier_consent_never_replaces_a_later_one(world: World, version: int) -> None:
    """Nor does another one of the same version."""
    await _consent(world, _a_consent(3))
    stale = _a_consent(version, web=False)
    assert await _consent(world, stale) == ConsentResult(ConsentState.STALE, 3)
    assert (await world.record()).consent == _a_consent(3).consent


async def test_of_many_consents_at_once_the_latest_stays(world: World) -> None:
    """In whatever order they arrive."""
    versions = [4, 1, 9, 2, 7, 3]
    await asyncio.gather(*(_consent(world, _a_consent(version, web=version % 2 == 0)) for version in versions))
    assert (await world.record()).consent == _a_consent(9, web=False).consent


async def test_a_consent_follows_a_merge(world: World) -> None:
    """The withdrawal reaches the record that is used."""
    await world.move(ADA, GRACE)
    await _consent(world, _a_consent(1, web=False))
    assert (await world.record(GRACE)).consent == _a_consent(1, web=False).consent


async def test_a_consent_past_its_deadline_is_refused(world: World) -> None:
    """Nothing is written."""
    with pytest.raises(StoreUnavailable):
        await _consent(world, _a_consent(1)._replace(deadline_ms=1))
    assert (await world.record()).consent is None
