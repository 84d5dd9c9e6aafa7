"""Off-policy intervals hold what they promise: coverage, false winners and found differences on simulated logs.

Every replication draws new customers of one world, lets a random policy choose and judges two others from its log.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from bench.report import CaseResult, Figure, Target
from models.arrays import Floats
from models.evaluation.off_policy import PolicyComparison, compare, direct_model
from models.evaluation.slots import Slots
from models.lift import Verdict
from models.logistic import sigmoid

ACTIONS: Final = 8
SLOTS_EACH: Final = 4
REPLICATIONS: Final = 1_000
DECISIONS: Final = 20_000
_TRUTH_CUSTOMERS: Final = 400_000
_MARKS: Final = 4
_DRAWS: Final = 500


@dataclass(frozen=True, kw_only=True)
class World:
    """What decides answers: base rates, tastes of customers by what is seen of them, and a liking nobody sees."""

    base: Floats
    taste: Floats
    boost: float
    """The factor by which the choice of the judged policy is better than that of the other one."""

    def draw(self, rng: np.random.Generator, customers: int) -> tuple[Floats, Floats]:
        """Scores that a model would give, and true chances: slots x actions."""
        marks = np.repeat(rng.standard_normal((customers, _MARKS)), SLOTS_EACH, axis=0)
        unseen = np.repeat(0.5 * rng.standard_normal((customers, 1)), SLOTS_EACH, axis=0)
        mood = 0.3 * rng.standard_normal((customers * SLOTS_EACH, ACTIONS))
        score = sigmoid(self.base + 0.7 * marks @ self.taste)
        return score, sigmoid(self.base + marks @ self.taste + unseen + mood)


def world(boost: float = 1.0) -> World:
    """The world of all replications."""
    rng = np.random.default_rng(20)
    taste = 0.35 * rng.standard_normal((_MARKS, ACTIONS))
    return World(base=np.linspace(-4.1, -3.3, ACTIONS), taste=taste, boost=boost)


def choices(score: Floats) -> tuple[Floats, Floats]:
    """Two policies as chances, slots x actions: each takes the best score of one half of the actions.

    Both see the same world; what they are worth is made equal, or unequal, by `chances_under`.
    """
    even, odd = np.zeros_like(score), np.zeros_like(score)
    rows = np.arange(len(score))
    even[rows, 2 * score[:, 0::2].argmax(axis=1)] = 1.0
    odd[rows, 1 + 2 * score[:, 1::2].argmax(axis=1)] = 1.0
    return even, odd


def log_of(score: Floats, chance: Floats, rng: np.random.Generator, skew: float) -> Slots:
    """A log of random choices; `skew` 0 draws evenly, above it likelier actions are likelier drawn."""
    wish = score**skew
    drawn = wish / wish.sum(axis=1, keepdims=True)
    count = len(score)
    shown = (rng.random((count, 1)) > np.cumsum(drawn, axis=1)).sum(axis=1).clip(0, ACTIONS - 1)
    return Slots(
        customer=np.arange(count) // SLOTS_EACH,
        first=np.arange(count + 1) * ACTIONS,
        chosen=np.arange(count) * ACTIONS + shown,
        positive=rng.random(count) < chance[np.arange(count), shown],
        action=np.tile(np.arange(ACTIONS), count),
        probability=drawn.ravel(),
        worth=np.ones(count * ACTIONS),
    )


def balanced(base_world: World) -> tuple[Floats, float, float]:
    """Factors of the true chances, by action, that make both policies equal but for the boost; both true values."""
    score, chance = base_world.draw(np.random.default_rng(99), _TRUTH_CUSTOMERS // SLOTS_EACH)
    even, odd = ((policy * chance).sum(axis=1).mean() for policy in choices(score))
    factor = np.ones(ACTIONS)
    factor[0::2] = base_world.boost * odd / even
    return factor, float(base_world.boost * odd), float(odd)


def replicate(seed: int, decisions: int, given: World, factor: Floats, skew: float) -> PolicyComparison:
    """One log, judged."""
    rng = np.random.default_rng(seed)
    score, chance = given.draw(rng, decisions // SLOTS_EACH)
    slots = log_of(score, chance * factor, rng, skew)
    even, odd = choices(score)
    expected = direct_model(slots, score.ravel())
    return compare(slots, even.ravel(), odd.ravel(), expected, draws=_DRAWS, seed=seed)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Shares of replications."""

    self_normalised: float
    """Intervals that hold the true value."""
    doubly_robust: float
    lift: float
    """Intervals of the lift that hold the true one."""
    winners: float
    """Replications that declare a difference."""
    positives: float
    half_width: float
    """Of the self-normalised interval, as a share of the value."""


def count(decisions: int, boost: float, skew: float, replications: int) -> Counted:
    """Judge many logs."""
    given = world(boost)
    factor, true, other = balanced(given)
    judge = partial(replicate, decisions=decisions, given=given, factor=factor, skew=skew)
    found = [judge(seed) for seed in range(replications)]

    def share(holds: list[bool]) -> float:
        return sum(holds) / len(found)

    values = [each.policy for each in found]
    return Counted(
        self_normalised=share([each.self_normalised.low <= true <= each.self_normalised.high for each in values]),
        doubly_robust=share([each.doubly_robust.low <= true <= each.doubly_robust.high for each in values]),
        lift=share([each.lift.low <= true / other - 1 <= each.lift.high for each in found]),
        winners=share([each.verdict in (Verdict.HIGHER, Verdict.LOWER) for each in found]),
        positives=float(np.mean([each.evidence.positives for each in values])),
        half_width=float(
            np.mean([(each.self_normalised.high - each.self_normalised.low) / 2 / true for each in values])
        ),
    )


def run(folder: Path, *, quick: bool) -> CaseResult:
    """Even and skewed logs, policies that are equal and one that is 30 percent better."""
    replications = 50 if quick else REPLICATIONS
    even = count(DECISIONS, 1.0, 0.0, replications)
    skewed = count(DECISIONS, 1.0, 1.0, replications)
    better = count(2 * DECISIONS, 1.3, 0.0, replications)
    low, high, false, found = (0.85, 1.0, 0.15, 0.7) if quick else (0.93, 0.97, 0.05, 0.8)
    return CaseResult(
        case="off_policy",
        title=f"{replications:,} simulated logs: 20,000 random decisions, 40,000 for the difference",
        figures=(
            Figure(what="matched positives of a policy in 20,000 decisions", value=even.positives, unit="answers"),
            Figure(what="half an interval, of the value", value=100 * even.half_width, unit="%"),
            Figure(what="coverage on skewed logs, self-normalised", value=skewed.self_normalised, unit="of logs"),
            Figure(what="coverage on skewed logs, doubly robust", value=skewed.doubly_robust, unit="of logs"),
            Figure(what="coverage of the lift", value=even.lift, unit="of logs"),
        ),
        targets=(
            Target(what="coverage, self-normalised", bound="at least", target=low, measured=even.self_normalised),
            Target(what="coverage, self-normalised", bound="at most", target=high, measured=even.self_normalised),
            Target(what="coverage, doubly robust", bound="at least", target=low, measured=even.doubly_robust),
            Target(what="coverage, doubly robust", bound="at most", target=high, measured=even.doubly_robust),
            Target(what="equal policies told apart", bound="at most", target=false, measured=even.winners),
            Target(what="the same on skewed logs", bound="at most", target=false, measured=skewed.winners),
            Target(what="a true +30% found", bound="at least", target=found, measured=better.winners),
        ),
    )
