"""What loads leave in a real store, and what they leave alone."""

import asyncio
from pathlib import Path
from time import time

import polars as pl

from api.adapters import keys
from api.adapters.commands import checked
from api.adapters.commands import pack as packed
from api.adapters.customer_store import RedisCustomerStore
from api.adapters.event_store import RedisEventStore
from api.adapters.nodes import SingleNode
from api.adapters.outcome_store import RedisOutcomeStore
from api.adapters.record_store import RedisRecordStore
from api.adapters.records import (
    decode_consent,
    decode_events,
    decode_profile,
    decode_schema,
    encode_consent,
    encode_events,
    encode_layout,
)
from api.ports import (
    Commit,
    CommitState,
    ConsentWrite,
    CustomerKey,
    FoldState,
    FoldWrite,
    Identity,
    StoredRecord,
    key_of,
)
from engine.contacts import Contact, ContactState, hash32, pack, unpack
from engine.events import Event, EventFilter, EventLayout
from engine.facts import Consent
from engine.ids import CustomerId, EventName
from tests.integration.loading.conftest import Loading
from tests.unit.api.loading.small_bank import NOW, target, written

PEOPLE = "id,age,income,ok\nC1,40,1200.50,true\nC2,50,10,false\n"
EVENTS = "person,type,at,account\nC1,card_lost,2025-05-01T10:00:00Z,7\nC2,card_lost,2025-06-01T10:00:00Z,7\n"
TEXT = """
as_of: 2026-01-31
tables: {people: {file: people.csv}, orders: {file: orders.csv, customer: person, zone: UTC}}
customers: {table: people, id: id, attributes: {age: age, income: income}}
identities: [{table: orders, scheme: account_number, value: account}]
events: [{table: orders, event: type, at: at}]
consent: {table: people, purposes: {marketing: ok}}
"""
C1 = key_of(CustomerId("C1"))


def soon() -> float:
    return asyncio.get_running_loop().time() + 5.0


async def stored(nodes: SingleNode, key: CustomerKey = C1) -> StoredRecord:
    return (await RedisCustomerStore(nodes).gather(key, None, deadline=soon())).record


def events_of(record: StoredRecord) -> list[int]:
    assert record.events is not None
    state = decode_events(record.events, target().layout)
    assert state is not None
    return state


async def test_loaded_customer_is_read_as_the_file_says(tmp_path: Path, nodes: SingleNode, load: Loading) -> None:
    written(tmp_path, people=PEOPLE, orders=EVENTS)
    report = await load(TEXT)
    assert (report.customers, report.issues.total, report.written) == (2, 0, True)
    record = await stored(nodes)
    assert record.profile is not None
    schema_hash, profile = decode_profile(record.profile)
    assert target().schema.decode(profile) == {"age": 40, "income": 1200.5}
    assert record.owner == b"C1"
    assert decode_consent(record.consent).allows("marketing", "atm") is True
    schemas = [decode_schema(columns) for columns in await RedisRecordStore(nodes).schemas()]
    assert [schema.hash for schema in schemas] == [schema_hash]


async def test_identity_leads_to_everyone_who_shares_it(tmp_path: Path, nodes: SingleNode, load: Loading) -> None:
    written(tmp_path, people=PEOPLE, orders=EVENTS)
    await load(TEXT)
    found = await RedisCustomerStore(nodes).resolve([Identity("account_number", "7")], deadline=soon())
    assert found.customers == ("C1", "C2")


async def test_loading_again_changes_nothing(tmp_path: Path, nodes: SingleNode, load: Loading) -> None:
    written(tmp_path, people=PEOPLE, orders=EVENTS)
    await load(TEXT)
    before = await stored(nodes)
    report = await load(TEXT)
    assert await stored(nodes) == before
    assert dict(report.left_alone) == {}


async def test_new_profile_replaces_the_old_one(tmp_path: Path, nodes: SingleNode, load: Loading) -> None:
    written(tmp_path, people=PEOPLE, orders=EVENTS)
    await load(TEXT)
    written(tmp_path, people=PEOPLE.replace("C1,40", "C1,41"))
    await load(TEXT)
    profile = (await stored(nodes)).profile
    assert profile is not None
    assert target().schema.decode(decode_profile(profile)[1])["age"] == 41


async def test_consent_from_files_follows_the_files(tmp_path: Path, nodes: SingleNode, load: Loading) -> None:
    written(tmp_path, people=PEOPLE, orders=EVENTS)
    await load(TEXT)
    before = await stored(nodes)
    written(tmp_path, people=PEOPLE.replace("1200.50,true", "1200.50,false"))
    await load(TEXT)
    after = await stored(nodes)
    assert decode_consent(after.consent).allows("marketing", "atm") is False
    assert after.consent_version > before.consent_version


async def test_what_a_customer_refused_since_is_not_undone_by_a_file(
    tmp_path: Path, nodes: SingleNode, load: Loading
) -> None:
    """And what the file refuses is refused as well: of both the stricter."""
    written(tmp_path, people=PEOPLE, orders=EVENTS)
    await load(TEXT)
    spoken = Consent(version=4, allowed_by_purpose={"marketing": {"atm": False, "branch": True}})
    write = ConsentWrite(deadline_ms=2**52, consent=encode_consent(spoken), version=4, entry=b"entry")
    await RedisOutcomeStore(nodes, b"i" * 32).set_consent(C1, write, deadline=soon())
    await load(TEXT)
    assert decode_consent((await stored(nodes)).consent) == spoken
    written(tmp_path, people=PEOPLE.replace("1200.50,true", "1200.50,false"))
    await load(TEXT)
    consent = decode_consent((await stored(nodes)).consent)
    assert (consent.version, dict(consent.allowed_by_purpose["marketing"])) == (4, {"atm": False, "branch": False})


async def test_events_since_the_last_load_are_kept(tmp_path: Path, nodes: SingleNode, load: Loading) -> None:
    written(tmp_path, people=PEOPLE, orders=EVENTS)
    await load(TEXT)
    record = await stored(nodes)
    since = target().layout.fold(events_of(record), Event(name=EventName("card_lost"), at=1_769_000_000))
    owned = await RedisEventStore(nodes).own(C1.partition, "worker", lease_ms=60_000, deadline=soon())
    assert owned is not None
    fold = FoldWrite(2**52, owned.epoch, "0-0", "1-1", encode_events((target().layout, since)), b"\x80")
    assert await RedisEventStore(nodes).fold([(C1, fold)], deadline=soon()) == [FoldState.APPLIED]

    report = await load(TEXT)
    assert events_of(await stored(nodes)) == since
    assert dict(report.left_alone) == {"busy_history": 1}

    await RedisEventStore(nodes).disown(owned, deadline=soon())
    report = await load(TEXT)
    assert events_of(await stored(nodes)) == since
    assert dict(report.left_alone) == {}


async def test_contacts_since_the_last_load_are_kept(tmp_path: Path, nodes: SingleNode, load: Loading) -> None:
    text = """
tables: {people: {file: people.csv}, orders: {file: orders.parquet, customer: person}}
customers: {table: people, id: id}
contacts: [{table: orders, at: at, channel: channel, action: action, session: session}]
"""
    written(tmp_path, people=PEOPLE)
    shown = {"person": "C1", "at": NOW, "channel": "atm", "action": "card", "session": "s"}
    pl.DataFrame([shown]).write_parquet(tmp_path / "orders.parquet")
    await load(text)
    before = await stored(nodes)
    fresh = Contact(int(NOW.timestamp()) + 60, hash32("card"), hash32("t"), 1, ContactState.PENDING, 0, validity=10)
    commit = Commit(
        2**52, before.contacts_version, before.consent_version, pack([fresh]), 0, b"decision", claim=None, answer=b""
    )
    assert (await RedisCustomerStore(nodes).commit(C1, commit, deadline=soon())).state is CommitState.COMMITTED
    await load(text)
    after = await stored(nodes)
    assert after.contacts is not None
    assert [contact.session_hash for contact in unpack(after.contacts)] == [hash32("s"), hash32("t")]


async def test_of_a_record_that_was_merged_into_another_only_its_own_profile_is_loaded(
    tmp_path: Path, nodes: SingleNode, load: Loading
) -> None:
    """It comes back with it when they are separated."""
    written(tmp_path, people=PEOPLE, orders=EVENTS)
    node = nodes.of_partition(C1.partition)
    await node.call(packed("HSET", keys.record(C1), "moved_to", "C2"), 1, soon())
    report = await load(TEXT)
    record = await read_raw(nodes)
    assert dict(report.left_alone) == {"merged_away": 1}
    assert set(record) == {b"moved_to", b"p"}


async def test_a_joined_profile_stays_until_it_is_joined_anew_and_the_own_one_is_loaded(
    tmp_path: Path, nodes: SingleNode, load: Loading
) -> None:
    written(tmp_path, people=PEOPLE, orders=EVENTS)
    node = nodes.of_partition(C1.partition)
    await node.call(packed("HSET", keys.record(C1), "p", "joined", "po", "own"), 1, soon())
    report = await load(TEXT)
    record = await read_raw(nodes)
    assert dict(report.left_alone) == {}
    assert record[b"p"] == b"joined"
    assert len(record[b"po"]) > len(b"own")


async def read_raw(nodes: SingleNode) -> dict[bytes, bytes]:
    found = checked(await nodes.of_partition(C1.partition).call(packed("HGETALL", keys.record(C1)), 1, soon()))
    return dict(zip(found[::2], found[1::2], strict=True))


async def left(nodes: SingleNode, events: bytes) -> None:
    """What a worker of other rules left of a customer."""
    command = packed("HSET", keys.record(C1), "e", events)
    await nodes.of_partition(C1.partition).call(command, 1, soon())


async def test_events_that_were_folded_under_other_rules_are_kept(
    tmp_path: Path, nodes: SingleNode, load: Loading
) -> None:
    """What both layouts ask for is carried over, and what the files say joins it."""
    written(tmp_path, people=PEOPLE, orders=EVENTS)
    wanted = target().layout
    lost = next(kept for kept in wanted.filters if kept.event == "card_lost")
    other = EventLayout((EventFilter(event=EventName("another"), text="another", depth=3), lost))
    await RedisRecordStore(nodes).put_layout(other.hash, encode_layout(other))
    at = 1_769_000_000
    await left(nodes, encode_events((other, other.fold(other.empty(5), Event(name=EventName("card_lost"), at=at)))))
    report = await load(TEXT)
    assert dict(report.left_alone) == {}
    state = events_of(await stored(nodes))
    first = wanted.offsets[wanted.filters.index(lost)]
    assert at in state[first : first + lost.depth]
    assert state[0] == 5


async def test_events_that_nobody_can_read_are_left_to_their_worker(
    tmp_path: Path, nodes: SingleNode, load: Loading
) -> None:
    """Of a layout that the store does not know, or damaged: the report says so, and all else is loaded."""
    written(tmp_path, people=PEOPLE, orders=EVENTS)
    for unreadable in (b"\x92\xce\x00\x00\x00\x01\x05", b"\x01", b"\xc1"):
        await left(nodes, unreadable)
        report = await load(TEXT)
        assert dict(report.left_alone) == {"unreadable": 1}
        record = await stored(nodes)
        assert (record.events, record.owner) == (unreadable, b"C1")


async def test_whoever_is_loaded_is_looked_at_within_the_hour(load: Loading, nodes: SingleNode, tmp_path: Path) -> None:
    """Where time alone changes needs: nothing happens to them, and yet something may be due."""
    written(tmp_path, people=PEOPLE, orders=EVENTS)

    async def due() -> float | None:
        command = packed(b"ZSCORE", keys.due(C1.partition), C1.record)
        score = await nodes.of_partition(C1.partition).call(command, 1, soon())
        return None if score is None else float(score)

    await load(TEXT)
    assert await due() is None
    await load(TEXT, wakes=True)
    first = await due()
    assert first is not None
    assert 0 <= first - time() + 60 < 3_660
    await load(TEXT, wakes=True)
    again = await due()
    assert again is not None
    assert again <= first
