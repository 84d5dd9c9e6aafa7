"""How each action's own answers compare with what its group led to expect of it: the first thing known of a new one."""

from typing import Final

import numpy as np

from engine.ports import Outlook
from models.arrays import Floats
from models.features import PlanView
from models.rates import Rates

_STRENGTH: Final = 1.0
"""What the group led to expect weighs as much as one positive answer: within a group rates differ by their own size."""


def standing(plan: PlanView, rates: Rates) -> Floats:
    """Per action: its positive answers over those that its impressions would have brought at its group's rates, drawn
    to 1, which is also what an action has that nobody was shown.

    Source: the posterior mean of a Poisson rate under a gamma prior with mean 1 and shape 1.
    """
    heard = np.array([sum(rates.positives.get(action.id, {}).values()) for action in plan.actions], dtype=np.float64)
    expected = np.array(
        [rates.expected.get(action.id, count) for action, count in zip(plan.actions, heard, strict=True)]
    )
    found: Floats = (heard + _STRENGTH) / (expected + _STRENGTH)
    return found


def outlook(plan: PlanView, rates: Rates) -> Outlook:
    """See `Scorer.outlook`; what an action promises is its standing, at most 1."""
    return Outlook(
        promise=np.minimum(1.0, standing(plan, rates)).tolist(),
        launched=frozenset(at for at, action in enumerate(plan.actions) if action.id in rates.launched),
    )
