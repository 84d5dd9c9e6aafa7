"""POST /v1/outcomes: what is written for each outcome, once, and how a batch is answered."""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
import pytest

from api.entries import OutcomeEntry
from api.ports import Stream, key_of
from api.problems import TYPE_PREFIX
from api.tokens import GRACE_S
from engine.contacts import ContactState, DeclineReason, hash32, unpack
from tests.unit.api.shells import Running, an_offer, running


def an_outcome(house: Running, **changes: object) -> dict[str, object]:
    outcome = {
        "outcome_id": "o1",
        "tracking_token": house.tokens.mint(an_offer()),
        "outcome": "impression",
        "occurred_at": "2026-11-21T10:00:00Z",
    }
    return outcome | changes


@pytest.mark.parametrize(
    ("sent", "state", "reason"),
    [
        ({"outcome": "impression"}, ContactState.SHOWN, DeclineReason.NONE),
        ({"outcome": "click"}, ContactState.CLICKED, DeclineReason.NONE),
        ({"outcome": "later"}, ContactState.LATER, DeclineReason.NONE),
        ({"outcome": "decline"}, ContactState.DECLINED, DeclineReason.NONE),
        ({"outcome": "decline", "reason": "already_have"}, ContactState.DECLINED, DeclineReason.ALREADY_HAVE),
        ({"outcome": "accept"}, ContactState.ACCEPTED, DeclineReason.NONE),
        ({"outcome": "convert"}, ContactState.CONVERTED, DeclineReason.NONE),
    ],
)
async def test_outcome_raises_the_contact_it_names(
    sent: Mapping[str, str], state: ContactState, reason: DeclineReason
) -> None:
    """The token says whose and which; the body says what."""
    async with running() as house:
        answer = await house.client.post("/v1/outcomes", json=an_outcome(house, **sent))
    assert answer.status_code == 202
    assert answer.json() == {"outcome_id": "o1", "status": "recorded", "ordered": state is ContactState.ACCEPTED}
    (contact,) = unpack(house.state.kept(key_of("C0000001")).record.contacts or b"")
    assert (contact.state, contact.reason, contact.channel) == (state, reason, 0)
    assert (contact.action_hash, contact.session_hash) == (hash32("home_insurance"), hash32("session"))


def the_entry(house: Running) -> OutcomeEntry:
    (body,) = house.bodies(Stream.DECISIONS, key_of("C0000001").partition)
    return msgspec.msgpack.decode(body, type=OutcomeEntry)


def the_order(house: Running) -> dict[str, object]:
    (body,) = house.bodies(Stream.FULFILMENT, key_of("C0000001").partition)
    order: dict[str, object] = json.loads(body)
    return order


async def test_outcome_is_recorded_with_all_that_learning_needs() -> None:
    """Placement, rank, treatment and channel come from the token."""
    async with running() as house:
        await house.client.post("/v1/outcomes", json=an_outcome(house, outcome="decline", reason="never"))
    entry = the_entry(house)
    assert (entry.placement, entry.rank, entry.treatment, entry.channel) == ("idle_screen", 1, "home_insurance", 0)
    assert (entry.record, entry.outcome, entry.reason) == ("C0000001", "decline", "never")
    assert (entry.decision_id, entry.occurred_ms) == (an_offer().decision_id, 1_795_255_200_000)


async def test_accept_places_an_order_in_plain_json() -> None:
    """The back office reads it without us."""
    async with running() as house:
        await house.client.post("/v1/outcomes", json=an_outcome(house, outcome="accept"))
    order = the_order(house)
    assert order.pop("placed_at_ms") == the_entry(house).received_ms
    assert order == {
        "order_id": f"{an_offer().decision_id}:home_insurance",
        "kind": "offer",
        "record": "C0000001",
        "channel": "atm",
        "decision_id": an_offer().decision_id,
        "action": "home_insurance",
        "gives": "home_insurance",
        "treatment": "home_insurance",
    }


async def test_order_names_the_activity_that_its_treatment_leads_to() -> None:
    """A complex product accepted at an ATM becomes an appointment in the branch."""
    async with running() as house:
        plan = house.service.plan
        channel, placement, action, treatment = next(
            (channel.position, placement, plan.actions[treatment.action], treatment)
            for channel in plan.channels
            for placement, by_action in plan.treatments[channel.position].items()
            for treatments in by_action
            for treatment in treatments
            if treatment.leads_to
        )
        offer = an_offer(channel=channel, placement=placement, action=action.id, treatment=treatment.id)
        sent = an_outcome(house, outcome="accept", tracking_token=house.tokens.mint(offer))
        await house.client.post("/v1/outcomes", json=sent)
    assert the_order(house)["leads_to"] == treatment.leads_to


async def test_accept_of_an_action_that_has_gone_is_ordered_by_name() -> None:
    """An offer that was made is kept, whatever the rules say since."""
    async with running() as house:
        token = house.tokens.mint(an_offer(action="gone", placement="gone", channel=200))
        answer = await house.client.post("/v1/outcomes", json=an_outcome(house, outcome="accept", tracking_token=token))
    assert answer.status_code == 202
    assert the_order(house)["action"] == "gone"


async def test_outcome_sent_again_counts_once() -> None:
    """The caller may repeat what it is not sure of."""
    async with running() as house:
        answers = [await house.client.post("/v1/outcomes", json=an_outcome(house)) for _ in range(3)]
    assert [answer.json()["status"] for answer in answers] == ["recorded", "duplicate", "duplicate"]
    assert house.metrics.outcomes.values == {("impression", "recorded"): 1, ("impression", "duplicate"): 2}


async def test_impression_after_its_time_is_recorded_as_late() -> None:
    """It is reported, and costs no cap."""
    async with running() as house:
        now_s = 1_795_255_200
        token = house.tokens.mint(an_offer(valid_until_s=now_s - 60))
        answer = await house.client.post("/v1/outcomes", json=an_outcome(house, tracking_token=token))
    assert answer.json()["status"] == "late_impression"


async def test_outcome_from_a_clock_that_is_slow_is_recorded_as_it_was_sent() -> None:
    """Said to be before its own decision: it binds all the same, and is no late impression."""
    async with running() as house:
        sent = an_outcome(house, outcome="decline", occurred_at="2020-01-01T00:00:00Z")
        answer = await house.client.post("/v1/outcomes", json=sent)
    assert answer.json()["status"] == "recorded"
    assert the_entry(house).occurred_ms == 1_577_836_800_000
    (contact,) = unpack(house.state.kept(key_of("C0000001")).record.contacts or b"")
    assert contact.state == ContactState.DECLINED


@pytest.mark.parametrize(("ahead_s", "status"), [(240, 202), (360, 422)])
async def test_clock_of_a_source_may_be_five_minutes_ahead(ahead_s: int, status: int) -> None:
    """More is refused with the place, so that somebody sets it."""
    async with running() as house:
        at = datetime.fromtimestamp(time.time() + ahead_s, UTC).isoformat()
        answer = await house.client.post("/v1/outcomes", json=an_outcome(house, outcome="click", occurred_at=at))
    assert answer.status_code == status


async def test_outcome_of_an_action_that_was_not_offered_cannot_be_told() -> None:
    """A token names what was offered; one that was altered is refused, so nobody accepts for somebody else."""
    async with running() as house:
        token = house.tokens.mint(an_offer())
        padded = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        forged = urlsafe_b64encode(padded.replace(b"home_insurance", b"gold_card_plus")).rstrip(b"=").decode()
        answer = await house.client.post("/v1/outcomes", json=an_outcome(house, tracking_token=forged))
        assert forged != token
    assert (answer.status_code, answer.json()["type"]) == (422, TYPE_PREFIX + "invalid_tracking_token")
    assert house.bodies(Stream.DECISIONS) == []


async def test_outcome_of_an_offer_long_gone_is_refused_as_expired() -> None:
    """Thirty days after it could be shown."""
    async with running() as house:
        token = house.tokens.mint(an_offer(valid_until_s=1_700_000_000 - GRACE_S))
        answer = await house.client.post("/v1/outcomes", json=an_outcome(house, tracking_token=token))
    assert (answer.status_code, answer.json()["type"]) == (422, TYPE_PREFIX + "expired_tracking_token")


async def test_batch_is_answered_part_by_part() -> None:
    """One bad part does not lose the good ones."""
    async with running() as house:
        batch = [
            an_outcome(house),
            an_outcome(house, outcome_id="o2", tracking_token="AAAA"),
            an_outcome(house, outcome_id="o3", outcome="click"),
            an_outcome(house),
        ]
        answer = await house.client.post("/v1/outcomes", json=batch)
    results = answer.json()["results"]
    assert answer.status_code == 202
    assert [each["status"] for each in results] == ["recorded", "refused", "recorded", "duplicate"]
    assert results[1]["problem"]["type"] == TYPE_PREFIX + "invalid_tracking_token"
    assert len(house.bodies(Stream.DECISIONS)) == 2


async def test_batch_over_the_limit_is_refused_whole() -> None:
    """Nothing of it is recorded."""
    async with running(max_batch=2) as house:
        batch = [an_outcome(house, outcome_id=f"o{number}") for number in range(3)]
        answer = await house.client.post("/v1/outcomes", json=batch)
    assert answer.status_code == 422
    assert house.bodies(Stream.DECISIONS) == []


@pytest.mark.parametrize("batch", [False, True])
async def test_store_that_is_away_means_nothing_was_acknowledged(batch: bool) -> None:
    """The caller is told to send it again, and when."""
    async with running() as house:
        house.state.available = False
        one = an_outcome(house)
        answer = await house.client.post("/v1/outcomes", json=[one, one] if batch else one)
    assert (answer.status_code, answer.json()["type"]) == (503, TYPE_PREFIX + "store_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert sum(house.metrics.store_failures.values.values()) >= 1
