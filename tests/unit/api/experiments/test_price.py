"""What levers cost or bring: decisions made again without them, in expected value."""

from datetime import timedelta

import pytest

from api.adapters.memory import MemoryState
from api.decision_record import DecisionRecord
from api.experiments.price import Ledger, without
from engine import Decision, Plan
from tests.builders import NOW, SteadyScorer, a_plan, a_question, an_action, decided, offered, the_arbitration
from tests.unit.api.experiments.builders import note_decision

LEVERS = (
    "levers:\n"
    "  - {lever: push_cover, percent: 60, actions: [cover]}\n"
    "  - {lever: past, percent: 100, groups: [loans], valid: {to: 2025-01-01}}\n"
    "  - {lever: idle, percent: 5, groups: [loans]}\n"
)
PROPENSITIES = {"isa": 0.05, "cover": 0.07, "loan": 0.001}


def a_bank(levers: str = LEVERS) -> Plan:
    """An ISA of 10.00 expected, cover of 7.00 that a lever lifts above it, and a loan of 0.10."""
    return a_plan(
        an_action("isa", value=200),
        an_action("cover", value=100, group="insurance"),
        an_action("loan", value=100, group="loans"),
        the_arbitration(levers),
    )


def again(plan: Plan) -> Decision:
    """The decision for a customer on the web."""
    return decided(plan, a_question(plan), scorer=SteadyScorer(plan, PROPENSITIES))


def priced(plan: Plan, days: int = 14, recorded_by: Plan | None = None) -> Ledger:
    """The ledger after a decision a day."""

    def make(_record: DecisionRecord, changed: Plan) -> Decision:
        return again(changed)

    ledger, made_by = Ledger(plan, make), recorded_by or plan
    for day in range(days + 1):
        at = NOW + timedelta(days=day)
        ledger.see("r", note_decision(MemoryState(), made_by, a_question(made_by), again(made_by), at))
    return ledger


def test_lever_costs_what_would_have_been_shown_without_it() -> None:
    """15 decisions in 14 days, each 3.00 less than the ISA would have brought."""
    plan = a_bank()
    assert offered(plan, again(plan)) == ["cover"]
    ledger = priced(plan)
    push, past, idle, together = ledger.tags
    assert (ledger.decisions, ledger.days) == (15, 14.0)
    assert (push.decisions, push.changed) == (15, 15)
    assert ledger.weekly_minor(push) == pytest.approx(300 * 15 / 2)
    assert (past.decisions, past.changed, past.given_up_minor) == (0, 0, 0.0)
    assert (idle.decisions, idle.changed, idle.given_up_minor) == (15, 0, 0.0)
    assert ledger.weekly_minor(together) == ledger.weekly_minor(push)


def test_lever_may_bring_something() -> None:
    """Where what ranks first without it is not what is worth most: a lever on the other side."""
    levers = ("{lever: down, percent: -50, actions: [isa]}", "{lever: up, percent: 60, actions: [isa]}")
    plan = a_bank("levers:\n" + "".join(f"  - {each}\n" for each in levers))
    down, up, _ = priced(plan).tags
    assert offered(plan, again(plan)) == ["isa"]
    assert offered(plan, again(without(plan, frozenset({1})))) == ["cover"]
    assert down.changed == 0
    assert up.given_up_minor == pytest.approx(-300 * 15)


def test_decisions_of_other_rules_are_left_out_and_counted() -> None:
    """They cannot be made again with these."""
    ledger = priced(a_bank(), recorded_by=a_bank("levers: []\n"))
    assert (ledger.decisions, ledger.other_rules) == (0, 15)
    assert ledger.weekly_minor(ledger.tags[0]) == 0.0


def test_decision_that_comes_out_differently_prices_nothing() -> None:
    """It is told, for it should not be."""
    plan = a_bank()

    def make(_record: DecisionRecord, changed: Plan) -> Decision:
        return decided(changed, a_question(changed), scorer=SteadyScorer(changed, {"loan": 0.9}))

    ledger = Ledger(plan, make)
    ledger.see("r", note_decision(MemoryState(), plan, a_question(plan), again(plan), NOW))
    ledger.see("r", b"nonsense")
    ledger.see("o", b"an outcome")
    assert (ledger.decisions, ledger.different, ledger.unreadable) == (0, 1, 1)


@pytest.mark.parametrize(
    "lever",
    [
        "{lever: l, percent: 60, actions: [cover]}",
        "{lever: l, percent: 60, groups: [insurance]}",
        "{lever: l, percent: 60, groups: [insurance], channels: [web]}",
        "{lever: l, percent: 60, themes: [safe]}",
    ],
)
def test_levers_of_every_kind_have_a_price(lever: str) -> None:
    """By action, group, theme and channel."""
    theme = {"thematic/safe.yaml": "theme: safe\nactive: {age: at least 100}\njourney: [cover]\n"}
    plan = a_plan(
        an_action("isa", value=200),
        an_action("cover", value=100, group="insurance"),
        theme,
        the_arbitration(f"levers:\n  - {lever}\n"),
    )
    (tag,) = priced(plan).tags
    assert tag.changed == 15
    assert tag.given_up_minor == pytest.approx(300 * 15)


def test_day_is_the_shortest_span() -> None:
    """One decision is not worth ten thousand a week."""
    ledger = priced(a_bank(), days=0)
    assert ledger.days == 1.0
    assert ledger.weekly_minor(ledger.tags[0]) == pytest.approx(300 * 7)
