"""Bounded exploration with exact probabilities: inverse-gap weighting per slot, drawn from a keyed hash.

Source: LEARNING, section 2, after Abe and Long 1999, and Foster and Rakhlin 2020. Only + - x / on floats and whole
numbers, so that every platform gives the same weights.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Final

from engine.decision import Candidate, Draw

WHOLE: Final = 2**32
_IMMATURE_EACH: Final = 0.02
_IMMATURE_TOGETHER: Final = 0.05
_HALF_MATURE: Final = 20
"""Maturity m = positives / (positives + 20); below a half an action is immature."""


def draw(key: bytes, *, customer: str, place: str, slot: int, day: int, outcome_count: int, retry: int) -> int:
    """32 bits that stay the same all day for one customer and slot until an outcome arrives: no flicker."""
    message = f"{customer}|{place}|{slot}|{day}|{outcome_count}|{retry}".encode()
    return int.from_bytes(hashlib.blake2b(message, digest_size=4, key=key).digest(), "big")


def weigh(candidates: Sequence[Candidate], positives: Sequence[int], bound: float) -> tuple[int, ...]:
    """The chance of each candidate, in 2 ** -32; `candidates` come best first and in one tier, at least one.

    pi_a = 1 / (K + gamma x gap_a) with gamma = (K - 1) / bound, gap_a = max(0, 1 - v_a (1 + s_a) / v_g), where v is
    the priority, g the best mature action and s_a = (positives + 4) ** -0.5. The best takes what rounding leaves.
    """
    count = len(candidates)
    if count == 1:
        return (WHOLE,)
    if bound <= 0:
        return (WHOLE,) + (0,) * (count - 1)
    mature = [positives[each.action] >= _HALF_MATURE for each in candidates]
    if not any(mature):
        even = WHOLE // count
        return (WHOLE - even * (count - 1),) + (even,) * (count - 1)
    best = mature.index(True)
    weights = _gap_weights(candidates, positives, mature, best, bound)
    weights[best] = WHOLE - (sum(weights) - weights[best])
    return tuple(weights)


def _gap_weights(
    candidates: Sequence[Candidate], positives: Sequence[int], mature: Sequence[bool], best: int, bound: float
) -> list[int]:
    count = len(candidates)
    gamma = (count - 1) / bound
    top = candidates[best].priority
    immature_each = min(_IMMATURE_EACH, _IMMATURE_TOGETHER / max(1, count - sum(mature)))
    weights = []
    for candidate, is_mature in zip(candidates, mature, strict=True):
        uncertainty = _UNCERTAINTY[min(positives[candidate.action], len(_UNCERTAINTY) - 1)]
        gap = max(0.0, 1.0 - candidate.priority * (1.0 + uncertainty) / top) if top > 0 else 0.0
        share = 1.0 / (count + gamma * gap)
        weights.append(int((share if is_mature else min(share, immature_each)) * WHOLE))
    return weights


_UNCERTAINTY: Final = tuple(1.0 / math.sqrt(positives + 4) for positives in range(10_000))
"""(positives + 4) ** -0.5, a table so that deciding needs no square root; beyond it the last value is close enough."""


def pick(weights: Sequence[int], drawn: int) -> int:
    """The position whose share of 0..2 ** 32 contains the draw, shares laid out in order."""
    upper = 0
    for position, weight in enumerate(weights):
        upper += weight
        if drawn < upper:
            return position
    raise AssertionError("weights sum to 2 ** 32")


def explored(actions: Sequence[Candidate], weights: Sequence[int], drawn: int) -> Draw:
    """The record of one exploration."""
    return Draw(actions=tuple(each.action for each in actions), weights=tuple(weights), drawn=drawn)
