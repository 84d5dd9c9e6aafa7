"""Time alone: when a need has to be looked at although nothing happened."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.needs import active_needs, row_of
from api.worker.folding import due_at_s
from engine.decision import Snapshot
from engine.events import Event
from engine.facts import hold
from engine.ids import EventName, FactName
from engine.plan import Plan
from tests.builders import CATALOGUE, a_plan, a_theme

NOW_S = 1_766_664_000
DAY_S = 86_400
WITH_COUNT = CATALOGUE.replace(
    "calculated:\n", "calculated:\n  salaries: {title: Salaries, type: integer, count: salary, in: 5d}\n"
)


def plan_of(*blocks: str) -> Plan:
    """A plan with one theme, of which each need has one of these blocks."""
    needs = "".join(f"  - {{need: n{at}, {block}}}\n" for at, block in enumerate(blocks))
    return a_plan(
        {"catalogue.yaml": WITH_COUNT}, a_theme("lack", f"needs:\n{needs}active: {{needs.n0: true}}\njourney: [isa]\n")
    )


SILENT = plan_of("when: {history: [{not_seen: salary, in: 40d}]}")
ABANDONED = plan_of("when: {history: [{last: quote, ago: 7d..30d}, {not_seen: policy, since: quote}]}")
MANY = plan_of(
    "when: {history: [{not_seen: salary, in: 40d}, {ever: salary}]}",
    "when: {history: [{last: quote, ago: 7d..2mo}]}",
    "when: {history: [{seen: salary, in: 3mo, at_least: 2}]}",
    "when: {salaries: at least 2}",
    "when: {none: [{history: [{seen: complaint, in: 36h}]}], history: [{ever: complaint}]}",
)


def state_of(plan: Plan, *events: tuple[str, int], since: int = 0) -> list[int]:
    """The state after events: their names, and how many days ago."""
    state = plan.event_layout.empty(since)
    for name, at in events:
        state = plan.event_layout.fold(state, Event(name=EventName(name), at=at, fields=(100, 0)))
    return state


def look(plan: Plan, state: list[int], now_s: int) -> tuple[frozenset[FactName], int | None]:
    """The needs at an instant, and when to look again."""
    snapshot = Snapshot(known=True, events=state)
    row = row_of(plan, snapshot, now_s)
    needs = active_needs(plan, snapshot, row, now_s)
    return frozenset(needs), due_at_s(plan, row, state, needs, now_s)


def test_no_salary_for_forty_days_is_noticed_on_the_day() -> None:
    """To the second, and then there is nothing to wait for."""
    state = state_of(SILENT, ("salary", NOW_S - 3 * DAY_S))
    needs, due = look(SILENT, state, NOW_S)
    assert (needs, due) == (frozenset(), NOW_S + 37 * DAY_S + 1)
    assert look(SILENT, state, NOW_S + 37 * DAY_S)[0] == frozenset()
    assert look(SILENT, state, NOW_S + 37 * DAY_S + 1) == (frozenset({FactName("needs.n0")}), None)


def test_absence_is_told_when_the_history_is_long_enough() -> None:
    """Before that it is unknown; a history that begins later is waited for."""
    state = state_of(SILENT, since=NOW_S - 10 * DAY_S)
    needs, due = look(SILENT, state, NOW_S)
    assert (needs, due) == (frozenset(), NOW_S + 30 * DAY_S)
    assert look(SILENT, state, NOW_S + 30 * DAY_S) == (frozenset({FactName("needs.n0")}), None)


def test_a_quote_that_is_not_taken_up_opens_and_closes() -> None:
    """After seven days and after thirty."""
    state = state_of(ABANDONED, ("quote", NOW_S))
    assert look(ABANDONED, state, NOW_S) == (frozenset(), NOW_S + 7 * DAY_S)
    assert look(ABANDONED, state, NOW_S + 7 * DAY_S) == (frozenset({FactName("needs.n0")}), NOW_S + 30 * DAY_S + 1)
    assert look(ABANDONED, state, NOW_S + 30 * DAY_S + 1) == (frozenset(), None)


@pytest.mark.parametrize(
    ("block", "due"),
    [
        ("when: {renews_on: in next 90d}", "2025-12-26T00:00:00"),
        ("when: {months_left: under 3}", "2025-12-26T00:00:00"),
        ("when: {now.weekday: monday}", "2025-12-26T00:00:00"),
        ("when: {seen_at: within 2d}", "2025-12-25T13:00:00"),
        ("when: {now.hour: 9..17}", "2025-12-25T13:00:00"),
        ("when: {age: under 25}", None),
        ("when: {history: [{ever: quote}]}", None),
    ],
)
def test_what_the_calendar_changes_is_looked_at_by_the_day_or_hour(block: str, due: str | None) -> None:
    """And what nothing changes not at all."""
    plan = plan_of(block)
    expected = None if due is None else int(datetime.fromisoformat(f"{due}+00:00").timestamp())
    assert look(plan, state_of(plan, ("quote", NOW_S)), NOW_S)[1] == expected


def test_a_need_that_lasts_is_looked_at_each_day_while_it_holds_and_when_it_ends() -> None:
    """So that the instant it last held is no older than a day."""
    plan = plan_of("when: {nickname: Jo}, lasts: 30d")
    empty = [spec.missing for spec in plan.profile_schema.columns]
    at = plan.profile_schema.position_by_name[FactName("nickname")]
    profile = [*empty[:at], hold(plan.profile_schema.columns[at], "Jo"), *empty[at + 1 :]]
    state, need = plan.event_layout.empty(0), FactName("needs.n0")
    holds = Snapshot(known=True, events=state, profile=profile)
    held = Snapshot(known=True, events=state, needs={need: NOW_S - DAY_S})
    for snapshot, due in ((holds, NOW_S + DAY_S), (held, NOW_S + 29 * DAY_S + 1)):
        row = row_of(plan, snapshot, NOW_S)
        needs = active_needs(plan, snapshot, row, NOW_S)
        assert due_at_s(plan, row, state, needs, NOW_S) == due


HISTORIES = st.lists(
    st.tuples(st.sampled_from(["salary", "quote", "policy", "complaint"]), st.integers(NOW_S - 100 * DAY_S, NOW_S)),
    max_size=6,
)


@given(HISTORIES, st.sampled_from([0, NOW_S - 50 * DAY_S, NOW_S]), st.floats(0, 1, exclude_max=True))
def test_nothing_changes_before_it_is_due(events: list[tuple[str, int]], since: int, part: float) -> None:
    """INVARIANT: between now and the instant that is due, every need stays what it is; looking comes to an end."""
    state, now_s = state_of(MANY, *events, since=since), NOW_S
    for _ in range(40):
        needs, due = look(MANY, state, now_s)
        if due is None:
            assert look(MANY, state, now_s + 400 * DAY_S)[0] == needs
            return
        assert due > now_s
        assert look(MANY, state, now_s + int((due - now_s) * part))[0] == needs
        assert look(MANY, state, due - 1)[0] == needs
        now_s = due
    raise AssertionError(f"still something due on {datetime.fromtimestamp(now_s, UTC)}")
