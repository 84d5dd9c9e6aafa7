"""Calculated facts of events: what the catalogue may say, what rules read, and what a new fact knows of the past."""

from dataclasses import replace

import pytest

from api.needs import row_of
from engine.compiler.carry import pack_plan, unpack_plan
from engine.decision import Snapshot
from engine.events import Event, EventLayout
from engine.facts import Held, is_missing
from engine.ids import EventName, FactName
from engine.plan import Plan
from tests.builders import CATALOGUE, a_plan, a_trigger, problems_of, the_guards

NOW_S = 1_766_664_000
DAY_S = 86_400
FACTS = """\
  salary.total_90d: {title: Salary, type: money, total: salary, of: amount, in: 90d, where: {kind: base}}
  salary.count_7d: {title: Salaries, type: integer, count: salary, in: 7d}
  salary.trend_30d: {title: Trend, type: decimal, decimals: 4, trend: salary, of: amount, in: 30d}
  salary.latest: {title: Latest, type: money, last: salary, of: amount}
  salary.kind: {title: Latest kind, type: category, values: [base, bonus], last: salary, of: kind}
"""


def catalogue(facts: str) -> dict[str, str]:
    """The catalogue with further calculated facts."""
    return {"catalogue.yaml": CATALOGUE.replace("calculated:\n", f"calculated:\n{facts}")}


def plan_with(facts: str, *parts: dict[str, str]) -> Plan:
    """A plan with further calculated facts."""
    return a_plan(catalogue(facts), *parts)


def told(plan: Plan, name: str, state: list[int], now_s: int = NOW_S) -> Held:
    """A fact of a known customer with this event state."""
    row = row_of(plan, Snapshot(known=True, events=state), now_s)
    value = row[plan.layout.slot_by_fact[FactName(name)]]
    return None if is_missing(value) else value


def paid(plan: Plan, *salaries: tuple[int, int | None, int], since: int = 0) -> list[int]:
    """The state after salaries: days ago, amount in minor units, kind."""
    state = plan.event_layout.empty(since)
    for days, amount, kind in salaries:
        fields: tuple[Held, ...] = (float("nan") if amount is None else amount, kind)
        state = plan.event_layout.fold(state, Event(name=EventName("salary"), at=NOW_S - days * DAY_S, fields=fields))
    return state


def test_facts_are_counted_added_up_and_compared() -> None:
    """Each in its window, narrowed by fields, and the last by time and not by arrival."""
    plan = plan_with(FACTS)
    state = paid(plan, (2, 150_00, 0), (3, 10_00, 1), (45, 100_00, 0), (100, 70_00, 0), (1, None, 0))
    assert told(plan, "salary.total_90d", state) == 250_00
    assert told(plan, "salary.count_7d", state) == 3
    assert told(plan, "salary.trend_30d", state) == 6_000
    assert told(plan, "salary.latest", state) == 150_00
    assert told(plan, "salary.kind", state) == 0


def test_a_window_that_begins_before_the_history_is_unknown() -> None:
    """A shorter one that lies within it is not, and neither is what was told last."""
    plan = plan_with(FACTS)
    state = paid(plan, (2, 150_00, 0), since=NOW_S - 20 * DAY_S)
    assert told(plan, "salary.count_7d", state) == 1
    assert told(plan, "salary.total_90d", state) is None
    assert told(plan, "salary.trend_30d", state) is None
    assert told(plan, "salary.latest", state) == 150_00


def test_nobody_knows_the_last_of_what_never_was() -> None:
    """And a count of nothing is none."""
    plan = plan_with(FACTS)
    assert told(plan, "salary.latest", plan.event_layout.empty(0)) is None
    assert told(plan, "salary.kind", plan.event_layout.empty(0)) is None
    assert told(plan, "salary.count_7d", plan.event_layout.empty(0)) == 0


def test_a_fact_that_rules_come_to_ask_for_is_unknown_before_and_others_go_on() -> None:
    """A state is carried over fact by fact."""
    before = plan_with("  salary.count_7d: {title: Salaries, type: integer, count: salary, in: 7d}\n")
    after = plan_with(FACTS)
    state = after.event_layout.carry_over(paid(before, (2, 150_00, 0)), before.event_layout, NOW_S - DAY_S)
    assert after.event_layout.fits(state)
    assert told(after, "salary.count_7d", state) == 1
    assert told(after, "salary.total_90d", state) is None
    assert told(after, "salary.total_90d", state, NOW_S + 90 * DAY_S) == 0


def test_states_without_their_blocks_do_not_fit() -> None:
    """A damaged record is noticed."""
    layout = plan_with(FACTS).event_layout
    state = layout.empty(0)
    assert layout.fits(state)
    assert not layout.fits(state[:-1])
    assert not layout.fits([*state[:-1], 7])
    assert not EventLayout(layout.filters).fits(state)


def test_a_packed_plan_reads_the_same() -> None:
    """Processes that serve get their plans as bytes."""
    plan = plan_with(FACTS)
    again = unpack_plan(pack_plan(plan))
    assert told(again, "salary.total_90d", paid(again, (2, 150_00, 0), (3, 1_00, 1))) == 150_00


def test_rules_and_other_facts_read_them() -> None:
    """They are facts like all others."""
    plan = plan_with(
        FACTS + "  share: {title: Share, type: decimal, decimals: 2, ratio: [salary.latest, salary.total_90d]}\n",
        a_trigger("paid", "when: {salary.count_7d: at least 2}\npromote: {isa: 2}"),
    )
    state = paid(plan, (2, 150_00, 0), (3, 50_00, 0))
    assert told(plan, "share", state) == 75


@pytest.mark.parametrize(("defaults", "stops"), [("{}", True), ("{salary.count_7d: 0}", False)])
def test_guards_take_what_is_unknown_for_what_they_say(defaults: str, stops: bool) -> None:
    """An unknown count excludes, unless the guards' own defaults say what it is."""
    guard = "{guard: busy, stops: {all: true}, when: {salary.count_7d: at least 3}}"
    plan = plan_with(FACTS, the_guards(guard, defaults=defaults))
    states = [paid(plan, (1, 100, 0), since=NOW_S - DAY_S), paid(plan, (1, 100, 0)), paid(plan, *[(1, 100, 0)] * 3)]
    rows = [row_of(plan, Snapshot(known=True, events=state), NOW_S) for state in states]
    busy = [at for at, each in enumerate(plan.guards) if each.head.rule == "guard/busy"]
    found = [any(at in busy for at in plan.generated.guards(row)) for row in rows]
    assert found == [stops, False, True]


def test_private_events_make_private_facts() -> None:
    """What is counted of them tells something private."""
    plan = plan_with("  complaints: {title: Complaints, type: integer, count: complaint, in: 90d}\n")
    assert not plan.fact_specs[FactName("complaints")].private
    private = CATALOGUE.replace("complaint: {title: Complaint}", "complaint: {title: Complaint, private: true}")
    facts = "calculated:\n  complaints: {title: Complaints, type: integer, count: complaint, in: 90d}\n"
    plan = a_plan({"catalogue.yaml": private.replace("calculated:\n", facts)})
    assert plan.fact_specs[FactName("complaints")].private


@pytest.mark.parametrize(
    ("fact", "problem"),
    [
        ("type: integer, count: salry, in: 7d", "unknown event `salry`; did you mean `salary`?"),
        ("type: integer, count: salary", "a calculated fact needs `in`"),
        ("type: money, count: salary, in: 7d", "the count `made` must have the type integer"),
        ("type: integer, total: salary, of: amount, in: 7d", "the total `made` must have the type money"),
        ("type: money, total: salary, in: 7d", "a calculated fact needs `of`"),
        ("type: money, total: salary, of: amont, in: 7d", "unknown field of `salary` `amont`"),
        ("type: money, total: salary, of: kind, in: 7d", "`kind` is no number, so nothing can be added up"),
        ("type: money, trend: salary, of: amount, in: 7d", "the trend `made` must have the type decimal"),
        ("type: money, last: salary, of: kind", "the last `made` must have the type category"),
        ("type: category, values: [base], last: salary, of: kind", "the last `made` must have the values of `kind`"),
        ("type: money, total: salary, of: amount, in: 500d", "the window 500d is longer than `salary` is kept"),
        ("type: decimal, decimals: 2, trend: salary, of: amount, in: 300d", "the window twice 300d is longer than"),
        ("type: integer, count: salary, in: 0d", "a window of no length holds nothing"),
        ("type: integer, count: salary, of: amount, in: 7d", "`of` does not go with"),
        ("type: money, last: salary, of: amount, in: 7d", "`in` does not go with"),
        ("type: money, sum: [income], in: 7d", "`in` does not go with the other keys"),
        ("type: integer, count: complaint, in: 5y", "`made` would keep up to"),
    ],
)
def test_what_cannot_be_kept_is_told(fact: str, problem: str) -> None:
    """In the words of whoever writes catalogues."""
    found = problems_of(catalogue(f"  made: {{title: Made, {fact}}}\n"))
    assert any(problem in each for each in found), found


def test_equal_facts_are_carried_over_and_others_are_not() -> None:
    """A fact whose filter, field or window differs has kept something else."""
    layouts = [
        plan_with(f"  made: {{title: Made, type: money, total: salary, of: amount, {rest}}}\n").event_layout
        for rest in ("in: 90d", "in: 60d", "in: 90d, where: {kind: base}")
    ]
    assert len({layout.running[0].text for layout in layouts}) == 3
    assert len({layout.hash for layout in layouts}) == 3
    assert replace(layouts[0]).hash == layouts[0].hash
