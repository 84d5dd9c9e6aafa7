"""What recorded decisions say of the model that served: made again, joined with their answers, judged."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from api.adapters.memory import MemoryState
from api.archiving.exploring import price_of
from api.decision_record import DecisionRecord
from api.entries import OutcomeEntry, encode_entry
from api.experiments.watching import Remade, Watch
from engine import Decision, Plan
from engine.decision import WHOLE
from engine.facts import Held
from models.artefact import Learned
from models.calibrate import Platt
from models.exposure import Exposure
from models.features import FeatureSet
from models.rates import Rates
from tests.builders import NOW, SteadyScorer, a_plan, a_question, an_action, decided, the_arbitration
from tests.unit.api.experiments.builders import note_decision

PROPENSITIES = {"isa": 0.05, "cover": 0.02}
LEARNED = Learned(
    features=FeatureSet(customer=(), channels=(), actions=(), groups=()),
    platt=Platt(),
    exposure=Exposure(
        offset_by_placement={"web.hero": -0.5}, offset_by_rank=(0.0, 0.0, 0.0), prior_by_group={}, prior=-3.0
    ),
    rates=Rates(impressions={}, positives={}, conversion={}, conversion_by_group={}, conversion_overall=0.5),
)


def a_bank() -> Plan:
    """Two offers without products, so that a score is the probability of a positive answer."""
    return a_plan(
        an_action("isa", value=200),
        an_action("cover", value=100, group="insurance"),
        the_arbitration("exploration: {bound: 0.02}\n"),
    )


@dataclass
class Making:
    """Makes every decision again as it was made."""

    plan_of_all: Plan
    profiles: dict[str, list[Held]] = field(default_factory=dict)

    def decision(self, customer: str) -> Decision:
        question = a_question(self.plan_of_all, customer=customer)
        return decided(
            self.plan_of_all, question, scorer=SteadyScorer(self.plan_of_all, PROPENSITIES, positives=10_000)
        )

    def plan(self, _record: DecisionRecord) -> Plan:
        """See `Watching.plan`."""
        return self.plan_of_all

    def again(self, record: DecisionRecord) -> Remade:
        """See `Watching.again`."""
        profile = self.profiles.get(record.record, self.plan_of_all.profile_schema.empty())
        return Remade(scored=self.decision(record.record).scored, profile=profile)


def note_answer(watch: Watch, decision_id: str, action: str, outcome: str, days: float = 0.0) -> None:
    at_ms = int((NOW + timedelta(days=days)).timestamp() * 1_000)
    entry = OutcomeEntry("o", decision_id, "C", action, outcome, None, at_ms, at_ms, 1, "hero", 1, "t")
    watch.see("o", encode_entry(entry))


def watched(count: int, *, positives: int = 0, seen: bool = True, days: float = 1.0) -> Watch:
    """A decision each for so many customers; the first of them answered positively."""
    plan = a_bank()
    making = Making(plan)
    watch = Watch(making, lambda _: LEARNED)
    for number in range(count):
        customer = f"C{number:05}"
        decision, question = making.decision(customer), a_question(plan, customer=customer)
        at = NOW + timedelta(milliseconds=number)
        watch.see("r", note_decision(MemoryState(), plan, question, decision, at))
        (action,) = (plan.actions[option.candidate.action].id for each in decision.filled for option in each.options)
        key = next(reversed(watch._shown))
        if seen:
            note_answer(watch, key[0], action, "impression")
        if number < positives:
            note_answer(watch, key[0], action, plan.catalogue.positives["web"], days)
    return watch


def test_calibration_is_judged_on_confirmed_impressions_alone() -> None:
    assert watched(40, seen=False).found().impressions == 0
    found = watched(40, positives=3).found()
    assert found.impressions == 40
    assert sum(part.counted.converted for part in found.by_week) == 3
    assert sum(part.counted.customers for part in found.by_decile) == 40


def test_what_is_expected_counts_the_placement() -> None:
    """Of isa 0.05, half a logit lower where it was shown."""
    odds = 0.05 / 0.95 * 2.718281828**-0.5
    found = watched(20).found()
    placed = [part.expected / part.counted.customers for part in found.by_decile[2:]]
    assert max(placed) == pytest.approx(odds / (1 + odds), rel=1e-6)


def test_an_answer_after_its_week_came_too_late() -> None:
    assert sum(part.counted.converted for part in watched(20, positives=5, days=8.0).found().by_week) == 0


def test_scores_far_off_what_was_answered_are_told() -> None:
    """A hundred and fifty of four hundred said yes where a dozen were expected."""
    findings = watched(400, positives=150).found().findings()
    assert any(sentence.startswith("week 1: 150 positive answers where ") for sentence in findings)


def test_the_price_of_a_draw_is_what_it_gives_up_of_the_best() -> None:
    """A tenth of the draws shows what is worth half: a twentieth."""
    weights = [WHOLE - WHOLE // 10, WHOLE // 10]
    assert price_of(["isa", "cover"], weights, {"isa": 10.0, "cover": 5.0}) == pytest.approx(0.05)
    assert price_of(["isa"], [WHOLE], {"isa": 10.0}) == 0.0
    assert price_of(["isa", "cover"], weights, {"isa": 0.0, "cover": 0.0}) == 0.0


def test_the_mean_price_of_all_slots_is_told_and_bounded() -> None:
    found = watched(30).found()
    assert found.explored == 30
    assert found.price is not None
    assert 0.0 < found.price <= 0.02 + 1e-9


def test_what_cannot_be_read_is_counted() -> None:
    watch = watched(1)
    watch.see("r", b"?")
    assert watch.found().missing == {"unreadable": 1}
