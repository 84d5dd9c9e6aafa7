"""Exploration: chances are exact, bounded and fair, and draws hold still through a day."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine.decision import WHOLE, Candidate
from engine.exploration import confidence, draw, pick, weigh
from engine.ports import Outlook
from tests.builders import KEY, SteadyScorer, a_customer, a_plan, a_question, an_action, decided, the_arbitration

Slate = list[tuple[float, int, bool]]
"""Candidates as (priority, positives, launched), best first."""
SLATES = st.lists(
    st.tuples(st.floats(0, 1000), st.sampled_from([0, 3, 4, 5, 20, 100, 10**6]), st.booleans()),
    min_size=1,
    max_size=12,
).map(lambda slate: sorted(slate, key=lambda each: -each[0]))
PROMISES = (1.0, 0.3, 0.0, 0.9) * 3
BOUNDS = st.sampled_from([0.0, 0.001, 0.02, 0.5])


def weights_of(slate: Slate, bound: float) -> list[int]:
    """The weights of candidates."""
    candidates = []
    for at, (priority, _, _) in enumerate(slate):
        candidate = Candidate(at, 2, 1.0, None)
        candidate.priority = priority
        candidates.append(candidate)
    positives = [each for _, each, _ in slate]
    outlook = Outlook(PROMISES[: len(slate)], frozenset(at for at, (_, _, launched) in enumerate(slate) if launched))
    return weigh(candidates, confidence(positives, positives, outlook), bound)


@given(SLATES, BOUNDS)
def test_weights_are_whole_and_sum_to_the_whole(slate: Slate, bound: float) -> None:
    """Every number drawn lands in exactly one share."""
    weights = weights_of(slate, bound)
    assert sum(weights) == WHOLE
    assert min(weights) >= 0
    assert len(weights) == len(slate)


@given(SLATES, st.sampled_from([0.001, 0.02, 0.5]))
def test_actions_on_trial_are_bounded(slate: Slate, bound: float) -> None:
    """Beside one that is not on trial, at most 0.02 each and 0.05 together."""
    weights = weights_of(slate, bound)
    known = [positives >= 5 for _, positives, _ in slate]
    trials = [weight for weight, is_known in zip(weights, known, strict=True) if not is_known]
    if any(known) and len(slate) > 1:
        assert all(weight <= 0.02 * WHOLE for weight in trials)
        assert sum(trials) <= 0.05 * WHOLE


@given(SLATES, st.sampled_from([0.001, 0.02, 0.5]))
def test_nobody_is_likelier_than_the_best(slate: Slate, bound: float) -> None:
    """The best that is not on trial has at least an even share; nobody has more, and only launched ones as much."""
    weights = weights_of(slate, bound)
    best = next((at for at, (_, positives, _) in enumerate(slate) if positives >= 5), 0)
    even = WHOLE // len(slate)
    assert weights[best] >= even
    for at, ((_, _, launched), weight) in enumerate(zip(slate, weights, strict=True)):
        assert at == best or weight <= (weights[best] if launched else even)


@given(SLATES, st.sampled_from([0.001, 0.02, 0.5]))
def test_a_launch_takes_from_the_best_alone(slate: Slate, bound: float) -> None:
    """A fifth at most; whoever is not launched keeps the chance that it would have without."""
    weights = weights_of(slate, bound)
    without = weights_of([(priority, positives, False) for priority, positives, _ in slate], bound)
    best = next((at for at, (_, positives, _) in enumerate(slate) if positives >= 5), 0)
    assert weights[best] >= without[best] - 0.25 * WHOLE
    for at, ((_, positives, launched), weight, before) in enumerate(zip(slate, weights, without, strict=True)):
        if at != best and positives >= 20:
            assert weight >= before if launched else weight == before


@given(st.lists(st.integers(0, 50), min_size=1, max_size=6))
def test_share_of_the_draw_is_the_chance(parts: list[int]) -> None:
    """Counted exactly: so many numbers lead to an action as its weight says."""
    scale = WHOLE // max(1, sum(parts))
    weights = [part * scale for part in parts]
    weights[0] += WHOLE - sum(weights)
    lower = 0
    for position, weight in enumerate(weights):
        if weight:
            assert pick(weights, lower) == position
            assert pick(weights, lower + weight - 1) == position
        lower += weight


def test_draws_are_spread_evenly() -> None:
    """4,000 customers fill sixteen equal shares as chance would: within five standard deviations."""
    count = 4_000
    buckets = Counter(
        draw(KEY, customer=f"C{at}", place="web.hero", slot=0, day=739_621, outcome_count=0, retry=0) >> 28
        for at in range(count)
    )
    expected, deviation = count / 16, (count * 15 / 256) ** 0.5
    assert all(abs(buckets[each] - expected) < 5 * deviation for each in range(16))


EXPLORING = a_plan(
    *(an_action(f"offer_{at}", value=str(100 - 20 * at)) for at in range(3)),
    the_arbitration("exploration: {bound: 0.5}\n"),
)
MATURE = SteadyScorer(EXPLORING, positives=100)


def test_frequencies_match_the_recorded_weights() -> None:
    """Over 3,000 customers each offer wins as often as its weight says, within five standard deviations."""
    count, winners = 3_000, Counter[int]()
    weights: tuple[int, ...] = ()
    customer = a_customer(EXPLORING)
    for at in range(count):
        decision = decided(EXPLORING, a_question(EXPLORING, customer=f"C{at}"), customer, scorer=MATURE)
        option = decision.filled[0].options[0]
        assert option.draw is not None
        winners[option.candidate.action] += 1
        weights = option.draw.weights
    for action, weight in enumerate(weights):
        chance = weight / WHOLE
        assert abs(winners[action] - count * chance) < 5 * (count * chance * (1 - chance)) ** 0.5
    assert len(winners) == 3


@given(st.integers(0, 86_399), st.integers(0, 86_399), st.integers(0, 10_000))
def test_draws_are_stable_through_a_day(first: int, second: int, customer: int) -> None:
    """No flicker and no refresh-shopping: a day is one in the bank's zone."""
    midnight = datetime(2026, 7, 5, 23, tzinfo=UTC)
    drawn = set()
    for seconds in (first, second):
        decision = decided(
            EXPLORING,
            a_question(EXPLORING, customer=f"C{customer}"),
            now=midnight + timedelta(seconds=seconds),
            scorer=MATURE,
        )
        record = decision.filled[0].options[0].draw
        assert record is not None
        drawn.add((record.drawn, decision.filled[0].options[0].candidate.action))
    assert len(drawn) == 1
