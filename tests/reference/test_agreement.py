"""The compiled plan and the slow evaluator decide alike, whatever the rules and whoever asks.

`NEXTBEST_AGREEMENT_CASES` sets how many banks are drawn; four people ask each.
"""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from engine.reasons import Reason
from tests.reference.drawing.people import Case, cases
from tests.reference.evaluator import decide as decide_slowly
from tests.reference.natural import Person, Question
from tests.reference.translation import decision_of, documents_of, plan_of, slowly_told, told

EXAMPLES = int(os.environ.get("NEXTBEST_AGREEMENT_CASES", "150"))
SEEN: Counter[str] = Counter()
"""How often each reason came up; what never comes up is not tested."""


# A drawn bank is small enough to read, and making it smaller takes minutes: it is not shrunk.
@settings(
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(cases())
def test_plan_and_reference_decide_alike(case: Case) -> None:
    """Chosen actions and treatments, reason codes, context weights, themes and the ranking are the same."""
    plan, documents = plan_of(case), documents_of(case)
    for person, question in case.people:
        answer = decide_slowly(documents, person, question)
        decision = decision_of(plan, person, question)
        found, expected = told(plan, decision), slowly_told(plan, answer)
        SEEN.update(answer.reasons.values())
        if found != expected:
            explain(case, person, question)
        assert found == expected


def test_drawn_banks_reach_nearly_every_stage() -> None:
    """Agreement means nothing for stages that no drawn bank reaches; chance may miss a rare one."""
    if not SEEN:
        pytest.skip("counts what the agreement test drew, which did not run")
    never = {Reason.OPEN, Reason.NOT_SCORED, Reason.EVALUATION_ERROR}
    assert len({reason.code for reason in Reason if reason not in never} - set(SEEN)) <= 2


def explain(case: Case, person: Person, question: Question) -> None:
    """Print what both sides read, for whoever looks into a difference."""
    for path, text in case.files.items():
        note(f"--- {path}\n{text}")
    note(f"{person}\n{question}")
