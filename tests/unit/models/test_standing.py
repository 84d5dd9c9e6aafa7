"""What an action's own answers make of what its group led to expect."""

from dataclasses import replace

import numpy as np
import pytest

from engine.ids import ActionId
from models.rates import Rates
from models.standing import outlook, standing
from tests.builders import a_plan, an_action

PLAN = a_plan(*(an_action(name) for name in ("liked", "loathed", "new", "usual")))


def rates(expected: dict[str, float]) -> Rates:
    return Rates(
        impressions={},
        positives={"liked": {"web": 20, "atm": 19}, "loathed": {"web": 0}, "usual": {"web": 9}},
        conversion={},
        conversion_by_group={},
        conversion_overall=0.5,
        expected=expected,
    )


def test_standing_is_what_came_over_what_was_expected() -> None:
    """Drawn to 1 by one positive answer: 40 of 20, 1 of 10, and as many as were expected."""
    found = standing(PLAN, rates({"liked": 19.0, "loathed": 9.0, "usual": 9.0}))
    by_action = dict(zip([action.id for action in PLAN.actions], found.tolist(), strict=True))
    assert by_action == pytest.approx({"liked": 2.0, "loathed": 0.1, "new": 1.0, "usual": 1.0})


def test_promise_is_at_most_whole() -> None:
    """More than was expected is no reason for more than the share of a trial."""
    found = outlook(PLAN, rates({"liked": 19.0, "loathed": 9.0, "usual": 9.0}))
    assert max(found.promise) == 1.0
    assert min(found.promise) == pytest.approx(0.1)


def test_launched_actions_are_told_by_their_place() -> None:
    """Those of them that the plan has."""
    counted = replace(rates({}), launched=("gone", "new"))
    assert outlook(PLAN, counted).launched == {PLAN.position_by_action[ActionId("new")]}


def test_model_that_did_not_count_what_was_expected_stands_as_it_did() -> None:
    """An artefact of an earlier release."""
    assert np.array_equal(standing(PLAN, rates({})), np.ones(len(PLAN.actions)))
