"""Bounded exploration with exact probabilities: inverse-gap weighting per slot, drawn from a keyed hash.

Source: LEARNING, section 2, after Abe and Long 1999, and Foster and Rakhlin 2020. Only + - x / on floats and whole
numbers, so that every platform gives the same weights.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from engine.decision import WHOLE, Candidate, Draw
from engine.ports import Outlook, Scorer

_SHARE: Final = 0.02
_TOGETHER: Final = WHOLE * 5 // 100
"""Of all immature actions, in 2 ** -32."""
_HALF_MATURE: Final = 20
"""Maturity m = positives / (positives + 20); below a half an action is immature."""
_ENOUGH: Final = 5
"""Positive answers after which an action is no longer on trial: it competes as its score says."""
_FRIENDS_HALF_KNOWN: Final = 150
"""Positive answers of a launched action after which half of what sets its friends apart is taken as known."""
_RIVALS: Final = 1.5
"""How much better the best is taken to be than it is scored, where a launched action is held against it: its score is
an average over customers, that of the best was chosen for this one."""
_LAUNCHED_TOGETHER: Final = WHOLE // 5


def draw(key: bytes, *, customer: str, place: str, slot: int, day: int, outcome_count: int, retry: int) -> int:
    """32 bits that stay the same all day for one customer and slot until an outcome arrives: no flicker."""
    message = f"{customer}|{place}|{slot}|{day}|{outcome_count}|{retry}".encode()
    return int.from_bytes(hashlib.blake2b(message, digest_size=4, key=key).digest(), "big")


class Confidence(NamedTuple):
    """What training knows of each action, made ready for weighing the candidates of one channel."""

    share_by_immature: Mapping[int, int]
    """Actions of the plan with a maturity below a half, by their positives on all channels, and the chance that each is
    given, in 2 ** -32: 0.02 times what its answers so far promise."""
    on_trial: frozenset[int]
    """Those of them whose chance is never more."""
    optimism: tuple[float, ...]
    """Per action: 1 + s_a, with s_a = (positives + 4) ** -0.5, by its positives on this channel."""
    unknown: Mapping[int, float]
    """How much of what sets their friends apart is not known yet of launched actions, from 0 to 1, by their positives
    on all channels."""


def confidence(on_channel: Sequence[int], on_all_channels: Sequence[int], outlook: Outlook) -> Confidence:
    """The confidence that answers give; all sequences have one number per action of the plan."""
    return Confidence(
        share_by_immature={
            action: int(_SHARE * promise * WHOLE)
            for action, (count, promise) in enumerate(zip(on_all_channels, outlook.promise, strict=True))
            if count < _HALF_MATURE
        },
        on_trial=frozenset(action for action, count in enumerate(on_all_channels) if count < _ENOUGH),
        optimism=tuple(1.0 + 1.0 / math.sqrt(each + 4) for each in on_channel),
        unknown={
            action: _FRIENDS_HALF_KNOWN / (_FRIENDS_HALF_KNOWN + on_all_channels[action]) for action in outlook.launched
        },
    )


def confidence_in(scorer: Scorer, channel: int, channels: int) -> Confidence:
    """The confidence in a scorer on one of so many channels; worked out once."""
    key = (id(scorer), channel)
    kept = _kept.get(key)
    if kept is None or kept[0] is not scorer:
        everywhere = [sum(counts) for counts in zip(*map(scorer.positives, range(channels)), strict=True)]
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        kept = _kept[key] = (scorer, confidence(scorer.positives(channel), everywhere, scorer.outlook()))
    return kept[1]


_MOST_KEPT: Final = 256
_kept: Final[dict[tuple[int, int], tuple[Scorer, Confidence]]] = {}


def weigh(candidates: Sequence[Candidate], known: Confidence, bound: float) -> list[int]:
    """The chance of each candidate, in 2 ** -32; `candidates` come best first and in one tier, at least one.

    pi_a = 1 / (K + gamma x gap_a) with gamma = (K - 1) / bound, gap_a = max(0, 1 - v_a (1 + s_a) / v_g), where v is
    the priority, g the best action that is not on trial and s_a = (positives + 4) ** -0.5. An immature action has a
    share of its own, at least, and on trial exactly: what is not known yet can only be learned by showing it. A
    launched action has about the chance that it would be the best if its friends were known. The best takes what is
    left. Source: docs/decisions/0038-new-actions-on-trial.md
    """
    count = len(candidates)
    if count == 1:
        return [WHOLE]
    if bound <= 0:
        return [WHOLE] + [0] * (count - 1)
    shares, on_trial = known.share_by_immature, known.on_trial
    young = [at for at, each in enumerate(candidates) if each.action in shares] if shares else []
    best = 0
    if young:
        known_better = [at for at, each in enumerate(candidates) if each.action not in on_trial]
        if not known_better:
            return weigh_evenly(count)
        best = known_better[0]
    weights = _gap_weights(candidates, known.optimism, best, bound)
    launched = _would_be_best(candidates, known, best) if known.unknown else {}
    if young:
        _give_shares({at: candidates[at].action for at in young if at != best}, known, launched, weights)
    if launched:
        _lift({at: chance - weights[at] for at, chance in launched.items() if chance > weights[at]}, weights)
    weights[best] += WHOLE - sum(weights)
    return weights


def _would_be_best(candidates: Sequence[Candidate], known: Confidence, best: int) -> dict[int, int]:
    """By place, the chance that each launched action would be the best if its friends were known, in 2 ** -32.

    A log-logistic tail with shape 2, 1 / (1 + (1.5 v_g / v) ** 2): propensities that differ between customers by a
    factor of 2.5 (one standard deviation of the logarithm).
    """
    rival = _RIVALS * candidates[best].priority
    chances: dict[int, int] = {}
    for at, each in enumerate(candidates):
        unknown = known.unknown.get(each.action, 0.0)
        if unknown and at != best and each.priority > 0:
            times = rival / each.priority
            chances[at] = int(WHOLE * unknown / (1.0 + times * times))
    return chances


def _give_shares(young: Mapping[int, int], known: Confidence, launched: dict[int, int], weights: list[int]) -> None:
    """Give immature actions, by place and position in the plan, their shares, and no more to those on trial."""
    most, even = int(_SHARE * WHOLE), WHOLE // len(weights)
    shares = {at: max(known.share_by_immature[action], min(most, launched.pop(at, 0))) for at, action in young.items()}
    together = sum(shares.values())
    for at, share in shares.items():
        given = min(even, share if together <= _TOGETHER else share * _TOGETHER // together)
        weights[at] = given if young[at] in known.on_trial else max(weights[at], given)


def _lift(lifts: Mapping[int, int], weights: list[int]) -> None:
    """Raise chances at the expense of the best, who keeps an even share and half of what was left for it besides."""
    wanted, room = sum(lifts.values()), min(_LAUNCHED_TOGETHER, (WHOLE - sum(weights)) // 2)
    for at, lift in lifts.items():
        weights[at] += lift if wanted <= room else lift * room // wanted


def weigh_evenly(count: int) -> list[int]:
    """The same chance for each; the first takes what rounding leaves."""
    even = WHOLE // count
    return [WHOLE - even * (count - 1)] + [even] * (count - 1)


def _gap_weights(candidates: Sequence[Candidate], optimism: Sequence[float], best: int, bound: float) -> list[int]:
    count, top = len(candidates), candidates[best].priority
    gamma, even = (count - 1) / bound, WHOLE // count
    if top <= 0:
        return [even] * count
    gaps = [1.0 - each.priority * optimism[each.action] / top for each in candidates]
    return [int(WHOLE / (count + gamma * gap)) if gap > 0.0 else even for gap in gaps]


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
    return Draw(actions=tuple([each.action for each in actions]), weights=tuple(weights), drawn=drawn)
