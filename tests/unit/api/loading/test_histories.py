"""Events and past contacts of the files become what rules look back on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from api.adapters.records import decode_events
from api.loading.target import Target
from engine import compile_bundle
from engine.contacts import Contact, ContactState, DeclineReason, hash32
from engine.events import KEPT_SINCE, Event
from engine.ids import EventName
from engine.running import blocks_of
from tests.unit.api.loading.small_bank import NOW, RULES, loaded, problems, target, written

PEOPLE = "id\nC1\nC2\n"
EVENTS = """
as_of: 2026-01-31
tables: {people: {file: people.csv}, orders: {file: orders.csv, customer: person, zone: UTC}}
customers: {table: people, id: id}
events: [{table: orders, event: type, at: at, id: id, json: data}]
"""
HEADER = "person,type,at,id,data\n"


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


async def test_events_are_folded_for_the_filters_of_the_rules(tmp_path: Path) -> None:
    """The rules keep two lost cards and the last payment of 100 or more."""
    rows = [
        "C1,card_lost,2025-05-01T10:00:00Z,1,{}",
        "C1,card_lost,2025-07-01T10:00:00Z,2,",
        "C1,card_lost,2025-06-01T10:00:00Z,3,{}",
        'C1,payment,2025-12-01T10:00:00Z,4,"{""amount"": 99.99}"',
        'C1,payment,2025-11-01T10:00:00Z,5,"{""amount"":100}"',
    ]
    records, report = await loaded(written(tmp_path, people=PEOPLE, orders=HEADER + "\n".join(rows)), EVENTS)
    assert problems(report) == []
    assert [kept.text for kept in target().layout.filters] == ["card_lost", "payment{amount >= 100}"]
    since = seconds("2025-05-01T10:00:00")
    lost = [seconds("2025-07-01T10:00:00"), seconds("2025-06-01T10:00:00")]
    assert records.events("C1") == [since, *lost, seconds("2025-11-01T10:00:00"), 0, 0]
    assert records.events("C2") == [since, 0, 0, 0, 0, 0]


async def test_facts_of_events_are_counted_and_added_up(tmp_path: Path) -> None:
    """As if each event had been folded when it came; one without the field counts and adds nothing."""
    facts = """
calculated:
  payments: {title: Payments, type: integer, count: payment, in: 60d}
  paid: {title: Paid, type: money, total: payment, of: amount, in: 60d, where: {amount: at least 100}}
  latest: {title: Latest payment, type: money, last: payment, of: amount}
products:
"""
    rules = {**RULES, "catalogue.yaml": RULES["catalogue.yaml"].replace("\nproducts:\n", facts)}
    plan = compile_bundle({name: text.encode() for name, text in rules.items()}).plan
    rows = [
        'C1,payment,2025-12-01T10:00:00Z,1,"{""amount"": 99.99}"',
        'C1,payment,2026-01-05T10:00:00Z,2,"{""amount"": 150}"',
        "C1,payment,2026-01-06T10:00:00Z,3,{}",
        'C1,payment,2025-12-20T10:00:00Z,4,"{""amount"": 100}"',
    ]
    folder = written(tmp_path, people=PEOPLE, orders=HEADER + "\n".join(rows))
    records, report = await loaded(folder, EVENTS, wanted=Target.of(plan))
    assert problems(report) == []
    layout = plan.event_layout
    state = decode_events(records.by_customer["C1"].events, layout)
    assert state is not None
    expected = layout.empty(state[KEPT_SINCE])
    spec = plan.catalogue.events[EventName("payment")]
    for at, amount in (("2025-12-01", 9_999), ("2026-01-05", 15_000), ("2026-01-06", None), ("2025-12-20", 10_000)):
        held = [spec.fields[0].missing if amount is None else amount]
        event = Event(name=spec.name, at=seconds(f"{at}T10:00:00"), fields=held)
        expected = layout.fold(expected, event)
    assert state == expected
    assert [len(block) for block in blocks_of(state, layout.width)] == [9, 5, 3]


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("C1,card_stolen,2025-05-01T10:00:00Z,1,", "orders.csv:2: `type` must be one of card_lost, payment"),
        ("C1,card_lost,2026-02-01T10:00:00Z,1,", "orders.csv:2: `at` lies after the day of the data"),
        ("C1,card_lost,,1,", "orders.csv:2: `at` is empty"),
        ("C1,card_lost,yesterday,1,", "orders.csv:2: `at` must be an instant such as 2026-01-31T10:00:00Z"),
        ('C1,payment,2025-05-01T10:00:00Z,1,"{""amount"": ""x""}"', "orders.csv:2: `data` `amount` must be a number"),
        (
            'C1,payment,2025-05-01T10:00:00Z,1,"{""fee"": 1}"',
            "orders.csv:2: `data` `fee` is not a field of the event `payment`",
        ),
        ("C1,card_lost,2025-05-01T10:00:00Z,1,{oops", "orders.csv:2: `data` must be a JSON object of plain values"),
    ],
)
async def test_bad_event_is_named_and_not_folded(tmp_path: Path, row: str, named: str) -> None:
    records, report = await loaded(written(tmp_path, people=PEOPLE, orders=HEADER + row + "\n"), EVENTS)
    assert problems(report) == [named]
    folded = records.events("C1")
    assert folded is not None
    assert not any(folded[1:])


async def test_event_that_comes_twice_counts_once(tmp_path: Path) -> None:
    rows = "C1,card_lost,2025-05-01T10:00:00Z,1,\nC1,card_lost,2025-05-01T10:00:00Z,1,\n"
    records, report = await loaded(written(tmp_path, people=PEOPLE, orders=HEADER + rows), EVENTS)
    assert problems(report) == ["orders.csv:3: `id` names an event that an earlier row holds"]
    assert records.events("C1") == [seconds("2025-05-01T10:00:00"), seconds("2025-05-01T10:00:00"), 0, 0, 0, 0]


CONTACTS = """
tables: {people: {file: people.csv}, orders: {file: orders.parquet, customer: person}}
customers: {table: people, id: id}
contacts:
  - table: orders
    where: {shown: true}
    at: at
    channel: channel
    action: action
    session: session
    positive: positive
    declined: declined
    decline_reason: reason
    converted: converted
"""


def contact(days_ago: int, channel: str, **told: object) -> dict[str, object]:
    at = NOW - timedelta(days=days_ago)
    plain = {"positive": False, "declined": False, "reason": None, "converted": False, "shown": True}
    return {"person": "C1", "at": at, "channel": channel, "action": "card", "session": "s", **plain, **told}


async def test_contacts_that_still_count_are_kept_with_their_answers(tmp_path: Path) -> None:
    """A week is inside every window, 300 days only inside the rest after an accept, 600 inside that of `never`."""
    written(tmp_path, people=PEOPLE)
    rows = [
        contact(7, "atm"),
        contact(6, "atm", positive=True),
        contact(5, "branch", positive=True),
        contact(4, "atm", shown=False),
        contact(300, "atm"),
        contact(301, "branch", positive=True),
        contact(600, "atm", declined=True, reason="never"),
        contact(601, "atm", declined=True, reason="not_now"),
        contact(602, "atm", converted=True),
    ]
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(tmp_path / "orders.parquet")
    records, report = await loaded(tmp_path, CONTACTS)
    assert problems(report) == []

    def kept(days_ago: int, channel: int, state: ContactState, reason: DeclineReason = DeclineReason.NONE) -> Contact:
        at = int((NOW - timedelta(days=days_ago)).timestamp())
        return Contact(at, hash32("card"), hash32("s"), channel, state, reason, validity=0)

    assert records.contacts("C1") == [
        kept(600, 0, ContactState.DECLINED, DeclineReason.NEVER),
        kept(301, 1, ContactState.ACCEPTED),
        kept(7, 0, ContactState.SHOWN),
        kept(6, 0, ContactState.CLICKED),
        kept(5, 1, ContactState.ACCEPTED),
    ]
    assert records.by_customer["C1"].outcome_count == 4
    assert records.contacts("C2") == []


async def test_loading_twice_writes_the_same(tmp_path: Path) -> None:
    folder = written(tmp_path, people=PEOPLE, orders=HEADER + "C1,card_lost,2025-05-01T10:00:00Z,1,\n")
    first, _ = await loaded(folder, EVENTS)
    second, _ = await loaded(folder, EVENTS)
    assert first.by_customer == second.by_customer


async def test_nothing_staged_is_left_behind(tmp_path: Path) -> None:
    await loaded(written(tmp_path, people=PEOPLE, orders=HEADER), EVENTS)
    assert not (tmp_path / "staging").exists()


async def test_load_in_several_buckets_writes_what_one_bucket_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large bank is put together a part of its customers at a time."""
    people = "id\n" + "".join(f"C{number}\n" for number in range(50))
    orders = HEADER + "".join(
        f"C{number % 50},card_lost,2025-05-01T10:00:{number:02}Z,{number},\n" for number in range(60)
    )
    text = EVENTS + "identities: [{table: orders, scheme: order, value: at}]\n"
    folder = written(tmp_path, people=people, orders=orders)
    whole, _ = await loaded(folder, text)
    monkeypatch.setattr("api.loading.loader.buckets_for", lambda _size: 4)
    parts, report = await loaded(folder, text)
    assert report.customers == 50
    assert parts.by_customer == whole.by_customer
    assert parts.customers_by_identity == whole.customers_by_identity
