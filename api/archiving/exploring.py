"""What exploration costs, slot by slot."""

from collections.abc import Mapping, Sequence

from engine.decision import WHOLE


def price_of(actions: Sequence[str], weights: Sequence[int], priority: Mapping[str, float]) -> float:
    """The share of a slot's expected value that its draw gives up: the sum of pi_a (1 - v_a / v_g).

    g is the likeliest, the best of those that are known well enough.
    """
    likeliest = max(range(len(actions)), key=lambda at: weights[at])
    best = priority[actions[likeliest]]
    if best <= 0.0:
        return 0.0
    return sum(
        weight / WHOLE * (1.0 - priority[action] / best) for action, weight in zip(actions, weights, strict=True)
    )
