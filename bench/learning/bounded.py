"""Inverse-gap weighting for many slots at once: what `engine.exploration.weigh` gives for one."""

from typing import Final

import numpy as np

from models.arrays import Codes, Flags, Floats

_ENOUGH: Final = 5
_HALF_MATURE: Final = 20
_SHARE: Final = 0.02
_TOGETHER: Final = 0.05


def weigh_all(
    priority: Floats, inside: Flags, on_channel: Floats, everywhere: Floats, promise: Floats, bound: float
) -> Floats:
    """The chance of each action in each slot: slots x actions, 0 outside S.

    `on_channel` are positives of each action on each slot's channel; one number an action are `everywhere`, positives
    on all channels together, and `promise`, what `Scorer.promises` gives.
    """
    count = inside.sum(axis=1, keepdims=True).astype(np.float64)
    trying = inside & (everywhere < _ENOUGH)
    known = np.where(inside & ~trying, priority, -np.inf)
    best = known.argmax(axis=1)
    rows = np.arange(len(priority))
    top = known[rows, best][:, None]
    optimism = 1.0 + 1.0 / np.sqrt(on_channel + 4.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.where(top > 0.0, np.maximum(0.0, 1.0 - priority * optimism / top), 0.0)
    chance = np.where(inside, 1.0 / (count + (count - 1.0) / bound * gap), 0.0)
    share = np.where(inside & (everywhere < _HALF_MATURE), _SHARE * promise, 0.0)
    share[rows, best] = 0.0
    together = share.sum(axis=1, keepdims=True)
    share = np.minimum(share * np.minimum(1.0, _TOGETHER / np.maximum(together, _TOGETHER)), 1.0 / count)
    chance = np.where(trying, share, np.maximum(chance, share))
    chance[rows, best] = 0.0
    chance[rows, best] = 1.0 - chance.sum(axis=1)
    nobody_known = (trying.sum(axis=1) == inside.sum(axis=1))[:, None]
    weighed: Floats = np.where(nobody_known, np.where(inside, 1.0 / count, 0.0), chance)
    return weighed


def draw_each(chance: Floats, rng: np.random.Generator) -> Codes:
    """One action a slot."""
    drawn = rng.random((len(chance), 1))
    picked = (drawn >= np.cumsum(chance, axis=1)).sum(axis=1)
    last = chance.shape[1] - 1 - (chance[:, ::-1] > 0.0).argmax(axis=1)
    chosen: Codes = np.minimum(picked, last)
    return chosen
