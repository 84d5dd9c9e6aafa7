"""Inverse-gap weighting for many slots at once: what `engine.exploration.weigh` gives for one."""

from typing import Final

import numpy as np

from engine.ports import Outlook
from models.arrays import Codes, Flags, Floats

_ENOUGH: Final = 5
_HALF_MATURE: Final = 20
_SHARE: Final = 0.02
_TOGETHER: Final = 0.05
_FRIENDS_HALF_KNOWN: Final = 150
_RIVALS: Final = 1.5
_LAUNCHED_TOGETHER: Final = 0.2


def weigh_all(
    priority: Floats, inside: Flags, on_channel: Floats, everywhere: Floats, outlook: Outlook, bound: float
) -> Floats:
    """The chance of each action in each slot: slots x actions, 0 outside S.

    `on_channel` are positives of each action on each slot's channel; `everywhere`, one number an action, those on all
    channels together; `outlook` is what `Scorer.outlook` gives.
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
    launched = _would_be_best(priority, inside, everywhere, outlook, top)
    launched[rows, best] = 0.0
    immature = inside & (everywhere < _HALF_MATURE)
    share = np.where(immature, np.maximum(_SHARE * np.array(outlook.promise), np.minimum(_SHARE, launched)), 0.0)
    share[rows, best] = 0.0
    together = share.sum(axis=1, keepdims=True)
    share = np.minimum(share * np.minimum(1.0, _TOGETHER / np.maximum(together, _TOGETHER)), 1.0 / count)
    chance = np.where(trying, share, np.maximum(chance, share))
    lift = np.where(immature, 0.0, np.maximum(0.0, launched - chance))
    wanted, room = (
        lift.sum(axis=1, keepdims=True),
        np.minimum(_LAUNCHED_TOGETHER, (1.0 - chance.sum(axis=1)) / 2)[:, None],
    )
    chance += lift * np.minimum(1.0, room / np.maximum(wanted, 1e-12))
    chance[rows, best] = 0.0
    chance[rows, best] = 1.0 - chance.sum(axis=1)
    nobody_known = (trying.sum(axis=1) == inside.sum(axis=1))[:, None]
    weighed: Floats = np.where(nobody_known, np.where(inside, 1.0 / count, 0.0), chance)
    return weighed


def _would_be_best(priority: Floats, inside: Flags, everywhere: Floats, outlook: Outlook, top: Floats) -> Floats:
    unknown = np.zeros(priority.shape[1])
    for action in outlook.launched:
        unknown[action] = _FRIENDS_HALF_KNOWN / (_FRIENDS_HALF_KNOWN + everywhere[action])
    liked = np.where(inside & (priority > 0.0), priority, 0.0) ** 2
    found: Floats = unknown * liked / np.maximum(liked + (_RIVALS * top) ** 2, 1e-300)
    return found


def draw_each(chance: Floats, rng: np.random.Generator) -> Codes:
    """One action a slot."""
    drawn = rng.random((len(chance), 1))
    picked = (drawn >= np.cumsum(chance, axis=1)).sum(axis=1)
    last = chance.shape[1] - 1 - (chance[:, ::-1] > 0.0).argmax(axis=1)
    chosen: Codes = np.minimum(picked, last)
    return chosen
