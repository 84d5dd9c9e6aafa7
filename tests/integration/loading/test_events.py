"""Past events are joined with histories that are kept already, whoever folds them meanwhile."""

import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.adapters.commands import checked, pack
from api.adapters.embedded import EmbeddedServer
from api.adapters.event_store import RedisEventStore
from api.adapters.nodes import SingleNode
from api.adapters.records import encode_events
from api.cli import app
from api.loading.events_loader import EventsLoad, EventsReport
from api.loading.run import load_events_into
from api.ports import FoldState, FoldWrite
from engine.events import KEPT_SINCE
from tests.integration.loading.conftest import Loading
from tests.integration.loading.test_store import C1, PEOPLE, events_of, soon, stored
from tests.unit.api.loading.small_bank import NOW, RULES, mapping, target, written

TEXT = """
as_of: 2026-01-31
tables: {people: {file: people.csv}, orders: {file: orders.csv, customer: person, zone: UTC}}
customers: {table: people, id: id, attributes: {age: age}}
events: [{table: orders, event: type, at: at, id: id, fields: {amount: amount}}]
"""
HEAD = "person,type,at,id,amount\n"
LOST = "C1,card_lost,2026-01-0{}T10:00:00Z,e{},\n"
EventsLoading = Callable[..., Coroutine[Any, Any, EventsReport]]


def at(day: int) -> int:
    """The instant of LOST."""
    return int(datetime(2026, 1, day, 10, tzinfo=UTC).timestamp())


@pytest.fixture
def load_events(server: EmbeddedServer, nodes: SingleNode, tmp_path: Path) -> EventsLoading:
    """Loads the events of the test's folder by a mapping."""

    async def loaded(text: str = TEXT, *, write: bool = True) -> EventsReport:
        job = EventsLoad(
            mapping=mapping(text),
            folder=tmp_path,
            target=target(),
            ruleset="sha256:0",
            staging=tmp_path / "staging",
            now=NOW,
            progress=lambda _doing, _done: None,
        )
        return await load_events_into(job, server.url, write=write)

    return loaded


async def customers(tmp_path: Path, load: Loading) -> None:
    """C1 and C2, without events."""
    written(tmp_path, people=PEOPLE, orders=HEAD)
    people = "tables: {people: {file: people.csv}}\ncustomers: {table: people, id: id, attributes: {age: age}}"
    await load(people)


async def lost(nodes: SingleNode) -> list[int]:
    """When C1 lost cards, latest first, as far as is kept."""
    state = events_of(await stored(nodes))
    layout = target().layout
    place = next(place for place, kept in enumerate(layout.filters) if kept.event == "card_lost")
    first = layout.offsets[place]
    return [instant for instant in state[first : first + layout.filters[place].depth] if instant]


async def test_events_keep_their_time_and_the_record_its_profile(
    tmp_path: Path, nodes: SingleNode, load: Loading, load_events: EventsLoading
) -> None:
    """Whoever folds the partition looks at the customer again, since needs may have begun."""
    await customers(tmp_path, load)
    before = await stored(nodes)
    written(tmp_path, orders=HEAD + LOST.format(3, 1) + LOST.format(5, 2))
    report = await load_events()
    assert (report.events, report.customers, report.issues.total, report.written) == (2, 1, 0, True)
    assert await lost(nodes) == [at(5), at(3)]
    assert (await stored(nodes))._replace(events=None) == before
    (node,) = nodes.everyone()
    due = checked(await node.call(pack("ZRANGE", f"due:{{{C1.partition}}}", 0, -1), 1, soon()))
    assert due == [b"C1"]


async def test_loading_again_changes_nothing(
    tmp_path: Path, nodes: SingleNode, load: Loading, load_events: EventsLoading
) -> None:
    """An interrupted load is completed by the next one."""
    await customers(tmp_path, load)
    written(tmp_path, orders=HEAD + LOST.format(3, 1))
    await load_events()
    before = await stored(nodes)
    await load_events()
    assert await stored(nodes) == before
    written(tmp_path, orders=HEAD + LOST.format(3, 1) + LOST.format(2, 2))
    await load_events()
    assert await lost(nodes) == [at(3), at(2)]


async def test_judging_writes_nothing(
    tmp_path: Path, nodes: SingleNode, load: Loading, load_events: EventsLoading
) -> None:
    """And says the same of the files."""
    await customers(tmp_path, load)
    before = await stored(nodes)
    written(tmp_path, orders=HEAD + LOST.format(3, 1))
    report = await load_events(write=False)
    assert (report.events, report.customers, report.written) == (1, 1, False)
    assert await stored(nodes) == before


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("C1,card_lost,1900-01-01T00:00:00Z,e9,", "`at` lies before 1970"),
        ("C1,card_lost,2200-01-01T00:00:00Z,e9,", "`at` lies after the day of the data"),
        ("C1,card_lost,yesterday,e9,", "`at` must be an instant"),
        ("C1,card_found,2026-01-05T10:00:00Z,e9,", "`type` must be one of"),
        ("C1,payment,2026-01-05T10:00:00Z,e9,1e30", "`amount` is too large"),
        ("C1,payment,2026-01-05T10:00:00Z,e9,much", "`amount` must be a number"),
        ("C9,card_lost,2026-01-05T10:00:00Z,e9,", "belongs to no customer of the store"),
        ("C" + "1" * 10_240 + ",card_lost,2026-01-05T10:00:00Z,e9,", "`person` is no customer id"),
        (",card_lost,2026-01-05T10:00:00Z,e9,", "`person` names no customer"),
        ("C1,card_lost,2026-01-05T10:00:00Z,e1,", "`id` names an event that an earlier row holds"),
    ],
)
async def test_bad_row_is_named_and_the_others_are_loaded(
    row: str, said: str, tmp_path: Path, nodes: SingleNode, load: Loading, load_events: EventsLoading
) -> None:
    """By file, row and column."""
    await customers(tmp_path, load)
    written(tmp_path, orders=HEAD + LOST.format(3, 1) + row + "\n")
    report = await load_events()
    (issue,) = map(str, report.issues.sorted())
    assert issue.startswith("orders.csv:3: ")
    assert said in issue
    assert await lost(nodes) == [at(3)]


async def test_history_is_not_called_complete_unless_the_mapping_says_so(
    tmp_path: Path, nodes: SingleNode, load: Loading, load_events: EventsLoading
) -> None:
    """`history_since` counts where the files tell of everything that rules look back on."""
    await customers(tmp_path, load)
    written(tmp_path, orders=HEAD + LOST.format(3, 1))
    await load_events()
    assert events_of(await stored(nodes))[KEPT_SINCE] == int(NOW.timestamp())
    only_lost = TEXT.replace("event: type", "event: {constant: card_lost}").replace(", fields: {amount: amount}", "")
    report = await load_events("history_since: 2020-01-01\n" + only_lost)
    (issue,) = map(str, report.issues.sorted())
    assert "do not tell of payment" in issue
    assert events_of(await stored(nodes))[KEPT_SINCE] == int(NOW.timestamp())
    await load_events("history_since: 2020-01-01\n" + TEXT)
    assert events_of(await stored(nodes))[KEPT_SINCE] == int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())


async def test_worker_that_folds_meanwhile_is_fenced_off_and_loses_nothing(
    tmp_path: Path, nodes: SingleNode, load: Loading, load_events: EventsLoading
) -> None:
    """It had read the state before the load wrote it; its write is refused, and it folds again from what is there."""
    await customers(tmp_path, load)
    store = RedisEventStore(nodes)
    owned = await store.own(C1.partition, "worker", lease_ms=60_000, deadline=soon())
    assert owned is not None
    (held,) = await store.records([C1], deadline=soon())
    written(tmp_path, orders=HEAD + LOST.format(3, 1))
    report = await load_events()
    assert dict(report.left_alone) == {}
    empty = encode_events((target().layout, target().layout.empty(1)))
    write = FoldWrite(2**52, owned.epoch, held.applied, "5-0", empty, b"\x80")
    assert await store.fold([(C1, write)], deadline=soon()) == [FoldState.FENCED]
    assert await lost(nodes) == [at(3)]
    again = await store.own(C1.partition, "worker", lease_ms=60_000, deadline=soon())
    assert again is not None
    assert again.epoch > owned.epoch
    assert again.position == owned.position


def test_command_takes_a_file_or_a_folder_and_names_what_is_wrong(tmp_path: Path) -> None:
    """Exit code 1 and the report by row; a store that did not run is started for as long."""
    rules = tmp_path / "rules"
    for name, text in RULES.items():
        (rules / name).parent.mkdir(parents=True, exist_ok=True)
        (rules / name).write_text(text)
    source = tmp_path / "past.csv"
    source.write_text("customer_id,type,time,event_id,data\nC1,card_lost,2026-01-03T10:00:00Z,e1,{}\n")
    words = ["load", "events", str(source), "--rules", str(rules), "--data-dir", str(tmp_path / "data"), "--json"]
    done = CliRunner().invoke(app, words)
    told = json.loads(done.stdout)
    assert (done.exit_code, told["tables"]) == (1, {"events": {"read": 1, "refused": 0}})
    assert told["problems_by_reason"] == {"past.csv: belongs to no customer of the store": 1}
    assert json.loads(Path(told["report"]).read_text())["listed"][0]["row"] == 2
