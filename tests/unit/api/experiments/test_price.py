"""What levers cost or bring: decisions made again without them, in expected value."""

from datetime import timedelta

import pytest

from api.adapters.memory import MemoryState
from api.archiving.makers import NotHere
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


class Making:
    """Makes every decision again as it was made; of other rules than those that are kept nothing is known."""

    def __init__(self, *kept: Plan, propensities: dict[str, float] = PROPENSITIES) -> None:
        self._kept = {plan.hash: plan for plan in kept}
        self._propensities = propensities

    def plan(self, record: DecisionRecord) -> Plan:
        """See `Remaking.plan`."""
        if record.ruleset not in self._kept:
            raise NotHere("rules", "they are gone")
        return self._kept[record.ruleset]

    def again(self, _record: DecisionRecord, plan: Plan) -> Decision:
        """See `Remaking.again`."""
        return decided(plan, a_question(plan), scorer=SteadyScorer(plan, self._propensities))


def note_days(ledger: Ledger, plan: Plan, first: int, last: int) -> None:
    """A decision a day by some rules."""
    for day in range(first, last + 1):
        ledger.see("r", note_decision(MemoryState(), plan, a_question(plan), again(plan), NOW + timedelta(days=day)))


def priced(plan: Plan, days: int = 14) -> Ledger:
    """The ledger after a decision a day."""
    ledger = Ledger(plan, Making(plan))
    note_days(ledger, plan, 0, days)
    return ledger


def test_lever_costs_what_would_have_been_shown_without_it() -> None:
    """15 decisions in 14 days, each 3.00 less than the ISA would have brought."""
    plan = a_bank()
    assert offered(plan, again(plan)) == ["cover"]
    ledger = priced(plan)
    push, past, idle, together = ledger.tags
    assert (ledger.decisions, ledger.span.days) == (15, 14.0)
    assert (push.decisions, push.changed) == (15, 15)
    assert push.weekly == pytest.approx(3 * 15 / 2)
    assert (past.decisions, past.changed, past.given_up_minor) == (0, 0, 0.0)
    assert (idle.decisions, idle.changed, idle.given_up_minor) == (15, 0, 0.0)
    assert together.weekly == push.weekly


def test_lever_may_bring_something() -> None:
    """Where what ranks first without it is not what is worth most: a lever on the other side."""
    levers = ("{lever: down, percent: -50, actions: [isa]}", "{lever: up, percent: 60, actions: [isa]}")
    plan = a_bank("levers:\n" + "".join(f"  - {each}\n" for each in levers))
    down, up, _ = priced(plan).tags
    assert offered(plan, again(plan)) == ["isa"]
    assert offered(plan, again(without(plan, frozenset({1})))) == ["cover"]
    assert down.changed == 0
    assert up.given_up_minor == pytest.approx(-300 * 15)


def a_bank_that_pushes(percent: int, title: str = "cover") -> Plan:
    """With one lever, which lifts cover above the ISA from 43% on."""
    cover = an_action("cover", value=100, group="insurance", title=title)
    lever = f"levers:\n  - {{lever: push_cover, percent: {percent}, actions: [cover]}}\n"
    return a_plan(an_action("isa", value=200), cover, the_arbitration(lever))


def test_decisions_of_other_rules_are_made_again_by_those() -> None:
    """A lever keeps its price when something else in the rules changes; with another percentage it is another."""
    now, before, weaker = a_bank_that_pushes(60), a_bank_that_pushes(60, title="Cover"), a_bank_that_pushes(10)
    ledger = Ledger(now, Making(now, before, weaker))
    note_days(ledger, weaker, 0, 6)
    note_days(ledger, before, 7, 13)
    note_days(ledger, now, 14, 21)
    push, former, together = ledger.tags
    assert [version.decisions for version in ledger.versions.values()] == [8, 7, 7]
    assert ledger.decisions == 22
    assert (push.lever, push.percent, push.decisions, push.changed) == ("push_cover", 60.0, 15, 15)
    assert push.weekly == pytest.approx(3 * 15 / 2)
    assert (former.lever, former.percent, former.decisions, former.changed) == ("push_cover", 10.0, 7, 0)
    assert (together.decisions, together.changed) == (22, 15)
    assert together.weekly == pytest.approx(3 * 15 / 3)


def test_lever_that_the_rules_no_longer_have_keeps_its_price() -> None:
    """It was paid for all the same."""
    now, before = a_bank("levers: []\n"), a_bank_that_pushes(60)
    ledger = Ledger(now, Making(now, before))
    note_days(ledger, before, 0, 14)
    (push,) = ledger.tags
    assert push.weekly == pytest.approx(3 * 15 / 2)


def test_decisions_of_rules_that_are_not_kept_are_left_out_and_counted() -> None:
    """They cannot be made again."""
    plan, gone = a_bank(), a_bank("levers: []\n")
    ledger = Ledger(plan, Making(plan))
    note_days(ledger, gone, 0, 14)
    assert (ledger.decisions, ledger.missing["rules"]) == (0, 15)
    assert ledger.tags[0].weekly == 0.0


def test_decision_that_comes_out_differently_prices_nothing() -> None:
    """It is told, for it should not be."""
    plan = a_bank()
    ledger = Ledger(plan, Making(plan, propensities={"loan": 0.9}))
    note_days(ledger, plan, 0, 0)
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
    assert ledger.span.days == 1.0
    assert ledger.tags[0].weekly == pytest.approx(3 * 7)
