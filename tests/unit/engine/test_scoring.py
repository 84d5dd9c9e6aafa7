"""What is scored, by whom, and what happens to answers that cannot be used."""

from collections.abc import Sequence

import pytest

from engine import Plan
from engine.ports import ScorerFailed, ScoringContext
from engine.scoring import MOST_SCORED
from tests.builders import (
    NOW,
    SteadyScorer,
    a_contact,
    a_customer,
    a_plan,
    a_question,
    a_trigger,
    an_action,
    decided,
    reason_for,
    reasons,
)


class TellingScorer(SteadyScorer):
    """Remembers what it was asked."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.asked: list[tuple[ScoringContext, list[int]]] = []

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        self.asked.append((context, list(candidates)))
        return super().score(context, candidates)


class OddScorer(SteadyScorer):
    """Answers with something that cannot be used."""

    def __init__(self, plan: Plan, answer: Sequence[float]) -> None:
        super().__init__(plan)
        self._answer = answer

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        return self._answer


def test_scorer_sees_what_is_left_and_the_raw_profile() -> None:
    """Once, with missing facts missing: no default reaches the model."""
    plan = a_plan(
        {"catalogue.yaml": "attributes:\n  age: {type: integer, default: 40}\npurposes: [marketing]\n"},
        an_action("isa"),
        an_action("loan", "eligible: {when: {age: at least 99}}"),
        an_action("cover"),
    )
    scorer = TellingScorer(plan)
    contact = a_contact(plan, "isa")
    customer = a_customer(plan, contacts=[contact])
    decided(plan, a_question(plan, "branch.card"), customer, scorer=scorer)
    ((context, candidates),) = scorer.asked
    assert [plan.actions[each].id for each in candidates] == ["cover", "isa"]
    assert context.profile is customer.profile
    assert context.channel == plan.channels[2].position
    assert context.now == NOW
    assert list(context.contacts) == [contact]


def test_unknown_customer_is_scored_on_an_empty_profile() -> None:
    """One missing value a column."""
    plan = a_plan(an_action("alert", tier="service"))
    scorer = TellingScorer(plan)
    consenting = a_customer(plan).consent
    decided(plan, customer=type(a_customer(plan))(known=False, consent=consenting), scorer=scorer)
    ((context, _),) = scorer.asked
    assert context.profile == plan.nobody


@pytest.mark.parametrize("answer", [[], [0.1], [0.1, 1.1], [0.1, -0.1], [0.1, float("nan")], [0.1, float("inf")]])
def test_answer_that_cannot_be_used_is_replaced_by_the_baseline(answer: list[float]) -> None:
    """Too few, or no probabilities: the baseline scores everything, and the decision says so."""
    plan = a_plan(an_action("isa"), an_action("loan"))
    decision = decided(plan, scorer=OddScorer(plan, answer), baseline=SteadyScorer(plan, {"isa": 0.3, "loan": 0.2}))
    assert [each.propensity for each in decision.scored] == [0.3, 0.2]
    assert decision.degraded == ("score",)


def test_certainty_is_a_probability() -> None:
    """0 and 1 are used as they are."""
    plan = a_plan(an_action("isa"), an_action("loan"))
    decision = decided(plan, scorer=SteadyScorer(plan, {"isa": 0.0, "loan": 1.0}))
    assert reasons(plan, decision) == {"isa": "not_worth_contact", "loan": "chosen"}
    assert decision.degraded == ()


def test_bug_in_a_scorer_surfaces() -> None:
    """Only a failure that says it is one leads to the baseline."""

    class Buggy(SteadyScorer):
        def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
            raise KeyError("bug")

    plan = a_plan()
    with pytest.raises(KeyError):
        decided(plan, scorer=Buggy(plan))
    assert issubclass(ScorerFailed, Exception)


def test_surplus_goes_unscored_by_its_highest_possible_priority() -> None:
    """More than forty candidates: the least valuable, weights and levers counted, end as `not_scored`."""
    actions = [an_action(f"action_{at:02d}", group=f"group_{at}", value=str(100 + at)) for at in range(MOST_SCORED + 3)]
    lifted = a_trigger("lift", "when: {verified: true}\npromote: {action_00: 5}")
    plan = a_plan(*actions, lifted)
    decision = decided(plan, customer=a_customer(plan, verified=True))
    assert len(decision.scored) == MOST_SCORED
    unscored = [action for action, reason in reasons(plan, decision).items() if reason == "not_scored"]
    assert unscored == ["action_01", "action_02", "action_03"]
    assert reason_for(plan, decision, "action_00") == "chosen"


def test_duties_are_scored_before_offers_of_any_value() -> None:
    """The surplus is cut by tier first."""
    actions = [an_action(f"action_{at:02d}", value="1000") for at in range(MOST_SCORED)]
    plan = a_plan(*actions, an_action("alert", tier="must", value="0"))
    decision = decided(plan)
    assert reason_for(plan, decision, "alert") == "chosen"
    assert list(reasons(plan, decision).values()).count("not_scored") == 1
