"""Records and decisions: what a commit promises, whatever else happens to the record."""

import asyncio

import pytest

from api.adapters.records import encode_consent
from api.ports import (
    CommitState,
    ConsentWrite,
    CustomerKey,
    Identity,
    LoadedRecord,
    StoredRecord,
    StoreUnavailable,
    Stream,
    key_of_unknown,
)
from engine.contacts import SIZE, pack, unpack
from engine.facts import Consent
from engine.ids import CustomerId
from tests.contract.worlds import ADA, GRACE, LOAN, World, a_commit, a_contact, soon, soon_ms

TOKEN = Identity("card_token", "tok_1")


async def _decisions(world: World, key: CustomerKey = ADA) -> list[bytes]:
    entries = await world.journal.read(Stream.DECISIONS, {key.partition: "0-0"}, count=1_000)
    return [entry.body for entry in entries.get(key.partition, ())]


async def test_somebody_unknown_has_an_empty_record(world: World) -> None:
    """Reading makes nothing."""
    assert await world.record(key_of_unknown(TOKEN)) == StoredRecord()


async def test_an_identity_leads_to_its_customers(world: World) -> None:
    """One, or both holders of a joint account."""
    joint = Identity("account_number", "AC1")
    await world.records.identify({TOKEN: [CustomerId("C1")], joint: [CustomerId("C1"), CustomerId("C2")]})
    assert (await world.customers.resolve([TOKEN], deadline=soon())).customers == ("C1",)
    assert (await world.customers.resolve([joint], deadline=soon())).customers == ("C1", "C2")


async def test_the_strongest_identity_that_means_anyone_wins(world: World) -> None:
    """A cookie nobody knows does not hide the card."""
    await world.records.identify({TOKEN: [CustomerId("C1")]})
    cookie = Identity("web_visitor", "v1")
    assert (await world.customers.resolve([cookie, TOKEN], deadline=soon())).customers == ("C1",)
    assert (await world.customers.resolve([cookie], deadline=soon())).customers == ()


async def test_a_customer_id_means_itself(world: World) -> None:
    """No map is asked."""
    resolution = await world.customers.resolve([Identity("customer_id", "C7")], deadline=soon())
    assert resolution.customers == ("C7",)


async def test_a_commit_reserves_contacts_and_keeps_the_decision(world: World) -> None:
    """Both, and the version rises."""
    read = await world.read()
    committed = await world.customers.commit(ADA, a_commit(read, a_contact()), deadline=soon())
    assert committed.state is CommitState.COMMITTED
    record = await world.record()
    assert unpack(record.contacts or b"") == [a_contact()]
    assert record.contacts_version == read.record.contacts_version + 1
    assert await _decisions(world) == [b"decision"]


async def test_a_commit_without_an_offer_leaves_the_history_alone(world: World) -> None:
    """Nobody who read it before has to judge again."""
    read = await world.read()
    await world.customers.commit(ADA, a_commit(read), deadline=soon())
    assert await world.record() == read.record
    assert await _decisions(world) == [b"decision"]


async def test_a_commit_drops_what_has_outlived_every_window(world: World) -> None:
    """From the front, before the new ones come."""
    old, older = a_contact(at=2), a_contact(at=1)
    await world.customers.commit(ADA, a_commit(await world.read(), older, old), deadline=soon())
    commit = a_commit(await world.read(), a_contact(at=3), dropped_contacts=1)
    await world.customers.commit(ADA, commit, deadline=soon())
    assert unpack((await world.record()).contacts or b"") == [old, a_contact(at=3)]


async def test_terms_are_replaced_only_when_given(world: World) -> None:
    """And changing them raises the version, since they were read with it."""
    await world.customers.commit(ADA, a_commit(await world.read(), terms=b"terms"), deadline=soon())
    await world.customers.commit(ADA, a_commit(await world.read(), a_contact()), deadline=soon())
    record = await world.record()
    assert record.terms == b"terms"
    assert record.contacts_version == 2


async def test_a_commit_on_an_outdated_history_conflicts(world: World) -> None:
    """It writes nothing and hands over what is there now."""
    read = await world.read()
    await world.customers.commit(ADA, a_commit(read, a_contact()), deadline=soon())
    committed = await world.customers.commit(ADA, a_commit(read, a_contact(action=LOAN)), deadline=soon())
    assert committed.state is CommitState.CONFLICT
    assert committed.record == await world.record()
    assert unpack((await world.record()).contacts or b"") == [a_contact()]
    assert len(await _decisions(world)) == 1


async def test_a_change_of_consent_between_read_and_commit_conflicts(world: World) -> None:
    """An offer never overtakes a withdrawal."""
    read = await world.read()
    withdrawn = encode_consent(Consent(version=1, allowed_by_purpose={"marketing": {"web": False}}))
    await world.outcomes.set_consent(ADA, ConsentWrite(soon_ms(), withdrawn, 1, b"entry"), deadline=soon())
    committed = await world.customers.commit(ADA, a_commit(read, a_contact()), deadline=soon())
    assert committed.state is CommitState.CONFLICT
    assert committed.record is not None
    assert committed.record.consent == withdrawn


async def test_a_commit_past_its_deadline_writes_nothing(world: World) -> None:
    """By the server's clock."""
    read = await world.read()
    commit = a_commit(read, a_contact(), deadline_ms=soon_ms() - 20_000)
    assert (await world.customers.commit(ADA, commit, deadline=soon())).state is CommitState.LATE
    assert await world.record() == read.record
    assert await _decisions(world) == []


async def test_many_at_once_never_exceed_what_each_of_them_checked(world: World) -> None:
    """Thirty requests under a cap of five: exactly five contacts, however they interleave."""

    async def offer_below_cap(number: int) -> bool:
        gathered = await world.read()
        record = gathered.record
        while len(record.contacts or b"") < 5 * SIZE:
            await asyncio.sleep(0)
            commit = a_commit(gathered._replace(record=record), a_contact(session=number))
            committed = await world.customers.commit(ADA, commit, deadline=soon())
            if committed.state is CommitState.COMMITTED:
                return True
            assert committed.record is not None
            record = committed.record
        return False

    offered = await asyncio.gather(*map(offer_below_cap, range(30)))
    assert sum(offered) == 5
    record = await world.record()
    assert len({contact.session_hash for contact in unpack(record.contacts or b"")}) == 5
    assert record.contacts_version == 5
    assert len(await _decisions(world)) == 5


async def test_a_merged_record_is_read_where_it_went(world: World) -> None:
    """And what was decided on the old place is not committed there."""
    await world.records.load([LoadedRecord(CustomerId(GRACE.record), b"profile")])
    before = await world.read(ADA)
    await world.customers.commit(ADA, a_commit(before, a_contact()), deadline=soon())
    await world.move(ADA, GRACE)
    gathered = await world.read(ADA)
    assert gathered.key == GRACE
    assert gathered.record.owner == GRACE.record.encode()
    with pytest.raises(StoreUnavailable):
        await world.customers.commit(ADA, a_commit(before, a_contact()), deadline=soon())


async def test_decisions_are_found_by_time(world: World) -> None:
    """Those of the span, oldest first, and nothing but decisions."""
    for decision in (b"one", b"two"):
        await world.customers.commit(ADA, a_commit(await world.read(), decision=decision), deadline=soon())
    withdrawn = encode_consent(Consent(version=1))
    await world.outcomes.set_consent(ADA, ConsentWrite(soon_ms(), withdrawn, 1, b"entry"), deadline=soon())
    now_ms = soon_ms()
    find = world.customers.decisions_between
    assert await find(ADA.partition, now_ms - 60_000, now_ms, deadline=soon()) == [b"one", b"two"]
    assert await find(ADA.partition, now_ms, now_ms + 1, deadline=soon()) == []
    assert await find(GRACE.partition, 0, now_ms, deadline=soon()) == []


async def test_a_history_is_kept_byte_for_byte(world: World) -> None:
    """Whatever the bytes are."""
    contacts = [a_contact(at=at, action=0xFFFFFFFF - at, session=at) for at in range(40)]
    await world.customers.commit(ADA, a_commit(await world.read(), *contacts), deadline=soon())
    assert (await world.record()).contacts == pack(contacts)
