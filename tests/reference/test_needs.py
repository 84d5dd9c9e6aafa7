"""durable-rules and the generated code conclude the same needs and themes, whatever the rules and whoever is looked at.

Two thousand customers a run; `python -m tests.reference.needs` takes as many as it is told.
"""

from dataclasses import replace

import pytest

from engine.compiler.need_program import NeedProgram
from tests.reference.drawing.people import seeded_case
from tests.reference.needs import PEOPLE, judge, judged

BANKS = range(64)


@pytest.fixture(scope="module")
def seed(request: pytest.FixtureRequest) -> int:
    """This run's own."""
    return int(request.config.getoption("hypothesis_seed"))


def test_both_conclude_the_same_of_everybody(seed: int) -> None:
    """Needs, those that hold by their block alone, and themes; the customers are as varied as they have to be."""
    outcome = judge(seed, BANKS)
    assert outcome.differences == ()
    assert outcome.customers == len(BANKS) * PEOPLE
    assert min(outcome.active, outcome.only_lasting, outcome.themes, outcome.unknown) > 0


def test_difference_is_found() -> None:
    """Rules that hold of everybody are not what the generated code says."""

    def spoilt(program: NeedProgram) -> NeedProgram:
        always = {"all": [{"m": {"t": 1}}]}
        strata = tuple(
            tuple(replace(each, rules=dict.fromkeys(each.rules, always), reads=("t",)) for each in sets)
            for sets in program.strata
        )
        return replace(program, strata=strata)

    assert any(difference is not None for difference, _, _ in judged(seeded_case(1, 0, PEOPLE), 0, spoilt))
