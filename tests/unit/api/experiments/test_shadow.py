"""A challenger in the shadow: what it would have drawn is held against what was drawn, and nobody is shown anything."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, timedelta
from random import Random

import pytest

from api import decision_record
from api.adapters.memory import MemoryState
from api.archiving.makers import NotHere
from api.decision_record import DecisionRecord
from api.experiments.shadow import Shadow
from engine import Decision, Plan, Request
from models.errors import ModelRefused
from models.lift import Verdict
from tests.builders import NOW, SteadyScorer, a_plan, a_question, an_action, decided, the_arbitration
from tests.unit.api.experiments.builders import note_decision, note_outcome

SERVES = {"isa": 0.10, "cover": 0.09, "loan": 0.08}
RATES = {"isa": 0.05, "cover": 0.30, "loan": 0.05}
"""How often each is welcome in truth: what serves is wrong about cover."""


def a_bank() -> Plan:
    """Three offers of one value, shown by chance."""
    return a_plan(
        an_action("isa", value=100),
        an_action("cover", value=100, group="insurance"),
        an_action("loan", value=100, group="loans"),
        the_arbitration("exploration: {bound: 0.5}\n"),
    )


def made(plan: Plan, question: Request, propensities: Mapping[str, float]) -> Decision:
    return decided(plan, question, scorer=SteadyScorer(plan, dict(propensities), positives=1_000))


class Challenger:
    """Decides the same questions again with other scores."""

    def __init__(self, plan: Plan, propensities: Mapping[str, float]) -> None:
        self._plan = plan
        self._propensities = propensities

    def again(self, record: DecisionRecord) -> DecisionRecord:
        """See `Challenging.again`."""
        question = a_question(self._plan, customer=record.record)
        again = made(self._plan, question, self._propensities)
        return decision_record.decode(note_decision(MemoryState(), self._plan, question, again, NOW))

    def positive(self, _record: DecisionRecord) -> str:
        """See `Challenging.positive`."""
        return "click"


def observed(challenger: Mapping[str, float], customers: int = 1_500) -> Shadow:
    """A decision for each customer, and the answers that came."""
    plan, state, chance = a_bank(), MemoryState(), Random(5)
    shadow = Shadow(Challenger(plan, challenger))
    for number in range(customers):
        question = a_question(plan, customer=f"C{number:07d}")
        record = note_decision(state, plan, question, made(plan, question, SERVES), NOW)
        shadow.see("r", record)
        (shown,) = decision_record.decode(record).fill[0][1]
        if chance.random() < RATES[shown]:
            shadow.see("o", note_outcome(state, record, shown, "click", NOW + timedelta(minutes=1)))
    return shadow


def test_a_challenger_that_knows_better_is_found() -> None:
    report = observed({"isa": 0.05, "cover": 0.30, "loan": 0.05}).report(0.0)
    assert report.comparison is not None
    assert report.comparison.verdict is Verdict.HIGHER
    assert report.comparison.lift.low > 0
    assert report.moved > 0.3
    assert report.evidence(NOW).objections == ()


def test_a_challenger_that_is_worse_is_objected_to() -> None:
    report = observed({"isa": 0.30, "cover": 0.01, "loan": 0.30}).report(0.0)
    (sentence,) = report.evidence(NOW).objections
    assert sentence.startswith("on 1,500 recorded draws it would have been worth ")
    assert report.evidence(NOW).at == NOW.astimezone(UTC).isoformat(timespec="seconds")


def test_a_challenger_that_scores_alike_chooses_alike() -> None:
    report = observed(SERVES, customers=50).report(0.0)
    assert report.moved == pytest.approx(0.0, abs=1e-9)
    assert report.comparison is not None
    assert report.comparison.lift.value == pytest.approx(0.0, abs=1e-9)
    assert report.comparison.verdict is Verdict.NOT_ENOUGH_EVIDENCE


def test_answers_that_may_still_come_are_waited_for() -> None:
    shadow = observed(SERVES, customers=40)
    plan = a_bank()
    later = a_question(plan, customer="C9999999")
    shadow.see("r", note_decision(MemoryState(), plan, later, made(plan, later, SERVES), NOW + timedelta(days=3)))
    assert (shadow.report(0.0).slots, shadow.report(2.0).slots, shadow.report(7.0).slots) == (41, 40, 0)
    assert shadow.report(0.0).comparison is not None
    assert shadow.report(7.0).comparison is None
    assert shadow.report(7.0).evidence(NOW).figures["verdict"] is None


def test_a_draw_that_is_repeated_counts_once() -> None:
    plan, question = a_bank(), a_question(a_bank())
    shadow = Shadow(Challenger(plan, SERVES))
    for minute in range(3):
        shadow.see(
            "r",
            note_decision(MemoryState(), plan, question, made(plan, question, SERVES), NOW + timedelta(minutes=minute)),
        )
    assert (shadow.decisions, shadow.report(0.0).slots) == (3, 1)


class Absent(Challenger):
    def again(self, record: DecisionRecord) -> DecisionRecord:
        raise NotHere("rules", "they are gone")


class Unfit(Challenger):
    def again(self, record: DecisionRecord) -> DecisionRecord:
        raise ModelRefused("the model reads `age`, which the catalogue does not declare")


def test_what_cannot_be_made_again_is_counted_and_a_challenger_that_does_not_fit_is_objected_to() -> None:
    plan, question = a_bank(), a_question(a_bank())
    record = note_decision(MemoryState(), plan, question, made(plan, question, SERVES), NOW)
    gone, unfit = Shadow(Absent(plan, SERVES)), Shadow(Unfit(plan, SERVES))
    for shadow in (gone, unfit):
        shadow.see("r", record)
        shadow.see("r", b"no record")
        shadow.see("o", b"no outcome")
        shadow.see("k", b"something else")
        assert shadow.unreadable == 2
    assert gone.report(0.0).missing == {"rules": 1}
    assert gone.report(0.0).evidence(NOW).objections == ()
    (sentence,) = unfit.report(0.0).evidence(NOW).objections
    assert "cannot score decisions that were made: the model reads `age`" in sentence


def test_decisions_before_the_day_asked_for_do_not_count() -> None:
    plan, question = a_bank(), a_question(a_bank())
    shadow = replace(Shadow(Challenger(plan, SERVES)), since_ms=int(NOW.timestamp() * 1_000) + 1)
    shadow.see("r", note_decision(MemoryState(), plan, question, made(plan, question, SERVES), NOW))
    assert shadow.decisions == 0
