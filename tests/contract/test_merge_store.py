"""The contract of merging: a record and the merges beside it change together, if both are as they were read."""

from api.adapters.records import encode_consent
from api.ports import FoldState, FoldWrite, Identity, LoadedRecord, StoredRecord, Stream
from api.ports.merges import MergeChange
from engine.contacts import ContactState
from engine.contacts import pack as pack_contacts
from engine.facts import Consent
from engine.ids import CustomerId
from tests.contract.worlds import ADA, GRACE, World, a_commit, a_contact, an_outcome, soon, soon_ms

YES = encode_consent(Consent(version=1, allowed_by_purpose={"marketing": {"web": True}}))


def a_change(**changes: object) -> MergeChange:
    change = MergeChange(deadline_ms=soon_ms(), merges=b"noted")
    return change._replace(**changes)  # type: ignore[arg-type]  # each test names fields of its own


async def loaded(world: World) -> None:
    await world.records.load(
        [
            LoadedRecord(customer=CustomerId(each.record), profile=b"p", events=b"e", contacts=b"", consent=YES)
            for each in (ADA, GRACE)
        ]
    )


async def test_nothing_is_read_of_nobody(world: World) -> None:
    seen = await world.merges.read(ADA, deadline=soon())
    assert (seen.record, seen.merges) == (StoredRecord(), None)


async def test_record_and_merges_change_together(world: World) -> None:
    await loaded(world)
    seen = await world.merges.read(ADA, deadline=soon())
    history = pack_contacts([a_contact()])
    assert await world.merges.change(seen, a_change(fields={"h": history, "hv": 7, "oc": 3}), deadline=soon())
    after = await world.merges.read(ADA, deadline=soon())
    assert after.merges == b"noted"
    assert (after.record.contacts, after.record.contacts_version, after.record.outcome_count) == (history, 7, 3)
    assert after.record.consent == YES


async def test_memberships_change_beside_merges_that_stay(world: World) -> None:
    await loaded(world)
    seen = await world.merges.read(ADA, deadline=soon())
    assert await world.merges.change(seen, a_change(), deadline=soon())
    seen = await world.merges.read(ADA, deadline=soon())
    assert await world.merges.change(seen, a_change(merges=b"", fields={"g": b"staff"}), deadline=soon())
    assert (await world.record()).ties == b"staff"
    assert (await world.merges.read(ADA, deadline=soon())).merges == b"noted"


async def test_what_changed_since_it_was_read_is_left_alone(world: World) -> None:
    await loaded(world)
    seen = await world.merges.read(ADA, deadline=soon())
    await world.outcomes.record_outcome(ADA, an_outcome(ContactState.SHOWN), deadline=soon())
    assert not await world.merges.change(seen, a_change(fields={"h": b""}), deadline=soon())
    assert (await world.merges.read(ADA, deadline=soon())).merges is None


async def test_a_merge_noted_meanwhile_is_a_change(world: World) -> None:
    seen = await world.merges.read(ADA, deadline=soon())
    assert await world.merges.change(seen, a_change(), deadline=soon())
    assert not await world.merges.change(seen, a_change(merges=b"other"), deadline=soon())


async def test_a_frozen_record_leads_to_another_and_is_written_by_nobody(world: World) -> None:
    await loaded(world)
    asked = await world.read(GRACE)
    seen = await world.merges.read(GRACE, deadline=soon())
    assert await world.merges.change(seen, a_change(fields={"moved_to": ADA.record.encode()}), deadline=soon())
    assert (await world.read(GRACE)).key == ADA
    await world.outcomes.record_outcome(GRACE, an_outcome(ContactState.SHOWN), deadline=soon())
    frozen = await world.merges.read(GRACE, deadline=soon())
    assert frozen.record.contacts == asked.record.contacts
    seen = await world.merges.read(GRACE, deadline=soon())
    assert await world.merges.change(seen, a_change(fields={"moved_to": None}), deadline=soon())
    assert (await world.read(GRACE)).key == GRACE


async def test_an_identity_of_both_means_one_customer_once_they_are_merged(world: World) -> None:
    await loaded(world)
    joint = Identity("account_number", "1")
    await world.records.identify({joint: [CustomerId(GRACE.record), CustomerId(ADA.record)]})
    seen = await world.merges.read(GRACE, deadline=soon())
    assert await world.merges.change(seen, a_change(fields={"moved_to": ADA.record.encode()}), deadline=soon())
    assert (await world.customers.resolve([joint], deadline=soon())).customers == (ADA.record,)


async def test_a_fold_that_read_before_the_event_state_changed_is_refused(world: World) -> None:
    await loaded(world)
    owned = await world.events.own(ADA.partition, "worker", lease_ms=60_000, deadline=soon())
    assert owned is not None
    seen = await world.merges.read(ADA, deadline=soon())
    assert await world.merges.change(seen, a_change(fields={"e": b"both"}, disturbs_events=True), deadline=soon())
    (held,) = await world.events.records([ADA], deadline=soon())
    write = FoldWrite(soon_ms(), owned.epoch, held.applied, "1-1", b"alone", b"")
    assert await world.events.fold([(ADA, write)], deadline=soon()) == [FoldState.FENCED]
    again = await world.events.own(ADA.partition, "worker", lease_ms=60_000, deadline=soon())
    assert again is not None
    assert again.epoch > owned.epoch
    entries = await world.journal.read(Stream.EVENTS, {ADA.partition: "0-0"}, count=10)
    assert [(entry.kind, entry.body) for entry in entries[ADA.partition]] == [("t", ADA.record.encode())]


async def test_a_commit_that_read_before_the_contacts_changed_is_judged_again(world: World) -> None:
    await loaded(world)
    asked = await world.read(ADA)
    seen = await world.merges.read(ADA, deadline=soon())
    changed = {"h": pack_contacts([a_contact()]), "hv": seen.record.contacts_version + 1}
    assert await world.merges.change(seen, a_change(fields=changed), deadline=soon())
    committed = await world.customers.commit(ADA, a_commit(asked, a_contact(at=1)), deadline=soon())
    assert committed.record is not None
    assert committed.record.contacts == changed["h"]


async def test_open_merges_are_known_until_they_are_closed(world: World) -> None:
    await world.merges.note_open("m_1", "C1", deadline=soon())
    await world.merges.note_open("m_2", "C2", deadline=soon())
    await world.merges.note_closed("m_1", deadline=soon())
    assert await world.merges.open(deadline=soon()) == {"m_2": "C2"}


async def test_a_records_own_profile_is_kept_beside_a_joined_one_and_taken_away_again(world: World) -> None:
    await loaded(world)
    before = await world.merges.read(ADA, deadline=soon())
    joined = MergeChange(soon_ms(), fields={"p": b"joined", "po": b"own"})
    assert await world.merges.change(before, joined, deadline=soon())
    seen = await world.merges.read(ADA, deadline=soon())
    assert (seen.record.profile, seen.own_profile) == (b"joined", b"own")
    assert seen.version != before.version
    assert await world.merges.change(seen, MergeChange(soon_ms(), fields={"po": b""}), deadline=soon())
    seen = await world.merges.read(ADA, deadline=soon())
    assert seen.own_profile == b""
    apart = MergeChange(soon_ms(), fields={"p": b"own", "po": None})
    assert await world.merges.change(seen, apart, deadline=soon())
    assert (await world.merges.read(ADA, deadline=soon())).own_profile is None
