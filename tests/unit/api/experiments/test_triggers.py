"""What triggers bring or cost: recorded decisions made again without them, and the answers to what they pushed."""

from datetime import timedelta

import pytest

from api.adapters.memory import MemoryState
from api.archiving.makers import NotHere
from api.cli.triggers import as_data, lines_of
from api.decision_record import DecisionRecord, decode
from api.entries import OutcomeEntry, encode_entry
from api.experiments.triggers import TriggerLedger
from engine import Decision, Plan
from models.evaluation.pushes import Verdict
from tests.builders import NOW, SteadyScorer, a_customer, a_plan, a_question, a_trigger, an_action, decided, offered
from tests.unit.api.experiments.builders import note_decision
from tests.unit.api.experiments.test_watching import LEARNED

PROPENSITIES = {"isa": 0.05, "cover": 0.07}
OLD, YOUNG = 70, 30


def a_bank(weight: float = 2.0, *more: dict[str, str]) -> Plan:
    """An ISA of 10.00 expected, and cover of 7.00 that a trigger lifts above it for the old."""
    return a_plan(
        an_action("isa", value=200),
        an_action("cover", value=100, group="insurance"),
        a_trigger("late_years", f"when: {{age: '>= 60'}}\npromote: {{cover: {weight}}}"),
        *more,
    )


class Making:
    """Makes every decision again as it was made; customers with an odd number are old."""

    def plan(self, record: DecisionRecord) -> Plan:
        """See `Remaking.plan`."""
        if record.ruleset != self.kept.hash:
            raise NotHere("rules", "they are gone")
        return self.kept

    def __init__(self, kept: Plan, propensities: dict[str, float] = PROPENSITIES) -> None:
        self.kept = kept
        self._propensities = propensities

    def again(self, record: DecisionRecord, plan: Plan) -> Decision:
        """See `Remaking.again`."""
        return self.decision(plan, int(record.record[1:]))

    def decision(self, plan: Plan, number: int) -> Decision:
        customer = a_customer(plan, age=OLD if number % 2 else YOUNG)
        question = a_question(plan, "web.hero", customer=f"C{number:07}", count=1)
        return decided(plan, question, customer, scorer=SteadyScorer(plan, self._propensities))


def walked(
    plan: Plan, count: int, *, old_answers: int, young_answers: int = 0, propensities: dict[str, float] = PROPENSITIES
) -> TriggerLedger:
    """A decision each for so many customers in two weeks, all shown and seen; so many old and young answered."""
    making = Making(plan, propensities)
    ledger = TriggerLedger(plan, making, lambda _: LEARNED)
    left = {True: old_answers, False: young_answers}
    for number in range(count):
        decision = making.decision(plan, number)
        question = a_question(plan, "web.hero", customer=f"C{number:07}", count=1)
        body = note_decision(MemoryState(), plan, question, decision, NOW + timedelta(minutes=20_160 * number / count))
        ledger.see("r", body)
        made = decode(body)
        (action,) = offered(plan, decision)
        outcomes = ["impression"]
        if left[number % 2 == 1]:
            left[number % 2 == 1] -= 1
            outcomes.append(plan.catalogue.positives["web"])
        for outcome in outcomes:
            at_ms = made.decided_at_us // 1_000
            entry = OutcomeEntry("o", made.decision_id, "C", action, outcome, None, at_ms, at_ms, 1, "hero", 1, "t")
            ledger.see("o", encode_entry(entry))
    return ledger


ALL_COVER = {"isa": 0.0001, "cover": 0.07}
"""Cover comes first for everybody, so that others than the old answer to it too."""


def test_a_trigger_whose_customers_answer_as_often_as_others_is_named_with_its_line() -> None:
    plan = a_bank()
    ledger = walked(plan, 4_000, old_answers=140, young_answers=140, propensities=ALL_COVER)
    (found,) = ledger.report()
    assert found.verdict is Verdict.WITHOUT_EFFECT
    assert (found.trigger, found.place) == ("late_years", "rules/customized/late_years.yaml:1")
    assert found.pushes[0].push.ratio == pytest.approx(1.0)
    assert list(lines_of(ledger, (found,)))[1].startswith(
        "rules/customized/late_years.yaml:1: late_years: without effect; "
    )


def test_a_good_trigger_is_not_accused_and_a_harmful_one_is_named() -> None:
    plan = a_bank()
    (good,) = walked(plan, 4_000, old_answers=280, young_answers=140, propensities=ALL_COVER).report()
    (bad,) = walked(plan, 4_000, old_answers=60, young_answers=140, propensities=ALL_COVER).report()
    assert (good.verdict, bad.verdict) == (Verdict.BRINGS, Verdict.HARMS)


def test_what_a_push_displaces_is_its_price() -> None:
    """Every second of 2,000 customers in two weeks was shown cover of 7.00 in place of an ISA of 10.00."""
    plan = a_bank()
    ledger = walked(plan, 2_000, old_answers=0)
    (found,) = ledger.report()
    assert (found.decisions, found.changed) == (1_000, 1_000)
    assert found.weekly == pytest.approx(-3.0 * 1_000 / 2, rel=1e-2)
    assert found.weekly_low == found.weekly == found.weekly_high


def test_a_push_is_worth_what_its_customers_answer() -> None:
    """Cover at twice its propensity is worth more than the ISA; half of the young were shown it by another trigger."""
    known = a_trigger("known_well", f"when: {{age: '< {YOUNG + 5}'}}\npromote: {{cover: 2.0}}")
    plan = a_bank(2.0, known)
    ledger = walked(plan, 4_000, old_answers=280, young_answers=140)
    by_name = {each.trigger: each for each in ledger.report()}
    assert by_name["late_years"].pushes[0].push.ratio == pytest.approx(2.0)
    assert by_name["late_years"].weekly == pytest.approx((2 * 7.0 - 10.0) * 2_000 / 2, rel=1e-2)
    assert by_name["late_years"].weekly_low < by_name["late_years"].weekly < by_name["late_years"].weekly_high


def test_what_cannot_be_made_again_is_counted_and_left_out() -> None:
    plan, other = a_bank(), a_bank(3.0)
    ledger = walked(plan, 2, old_answers=0)
    making = Making(other)
    question = a_question(other, "web.hero", customer="C0000001", count=1)
    ledger.see("r", note_decision(MemoryState(), other, question, making.decision(other, 1), NOW))
    ledger.see("r", b"?")
    assert (ledger.decisions, dict(ledger.missing), ledger.unreadable) == (2, {"rules": 1}, 1)
    lines = list(lines_of(ledger, ledger.report()))
    assert lines[1] == "  1 decisions were made with rules that are not kept, and are left out"
    assert as_data(ledger, ledger.report())["missing"] == {"rules": 1, "model": 0}


def test_a_trigger_that_never_fired_is_told_without_a_verdict() -> None:
    ledger = walked(a_bank(), 1, old_answers=0)
    (found,) = ledger.report()
    assert (found.verdict, found.decisions, found.weekly) == (Verdict.NOT_ENOUGH_EVIDENCE, 0, 0.0)
