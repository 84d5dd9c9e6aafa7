"""Exploration: exact chances, bounded for what little is known of, and draws that hold still for a day."""

from collections import Counter
from datetime import timedelta

import pytest

from engine import exploration
from engine.decision import WHOLE, Candidate
from engine.exploration import confidence, pick, weigh
from engine.ports import Outlook
from tests.builders import (
    KEY,
    NOW,
    SteadyScorer,
    a_customer,
    a_plan,
    a_question,
    an_action,
    decided,
    offered,
    the_arbitration,
)


def candidates(*priorities: float) -> list[Candidate]:
    """Candidates in one tier, best first."""
    found = []
    for at, priority in enumerate(priorities):
        candidate = Candidate(at, 2, 1.0, None)
        candidate.priority = priority
        found.append(candidate)
    return found


def chances(
    priorities: tuple[float, ...],
    positives: tuple[int, ...],
    bound: float = 0.02,
    promise: tuple[float, ...] | None = None,
    launched: tuple[int, ...] = (),
) -> list[float]:
    """Each candidate's chance."""
    known = confidence(positives, positives, Outlook(promise or (1.0,) * len(positives), frozenset(launched)))
    return [each / WHOLE for each in weigh(candidates(*priorities), known, bound)]


def test_only_candidate_is_certain() -> None:
    """There is nothing to explore."""
    assert chances((5.0,), (0,)) == [1.0]


def test_bound_of_zero_is_greedy() -> None:
    """The best always wins."""
    assert chances((5.0, 4.9), (1000, 1000), bound=0) == [1.0, 0.0]


def test_everything_on_trial_makes_it_even() -> None:
    """Nothing is known that could be lost."""
    assert chances((5.0, 3.0, 1.0), (0, 4, 1)) == pytest.approx([1 / 3] * 3)


def test_wider_gap_is_explored_less() -> None:
    """The chance is 1 / (K + gamma x gap), with gamma = (K - 1) / bound; the best takes the rest."""
    many = 10**9
    found = chances((10.0, 9.0, 5.0), (many, many, many))
    assert found[1] == pytest.approx(1 / (3 + 100 * 0.1), abs=1e-4)
    assert found[2] == pytest.approx(1 / (3 + 100 * 0.5), abs=1e-4)
    assert found[0] == pytest.approx(1 - found[1] - found[2])


def test_uncertain_candidate_is_explored_more() -> None:
    """Its priority counts at the upper end of what it may be: 1 + 1 / sqrt(positives + 4)."""
    few, many = chances((10.0, 8.0), (1000, 21))[1], chances((10.0, 8.0), (1000, 100_000))[1]
    assert few > many
    assert few == pytest.approx(1 / (2 + 50 * (1 - 0.8 * (1 + 0.2))), abs=1e-6)


@pytest.mark.parametrize(("tried", "each"), [(1, 0.02), (2, 0.02), (5, 0.01)])
def test_actions_on_trial_have_a_share_of_their_own(tried: int, each: float) -> None:
    """2 percent each and 5 together at most, whatever they are said to be worth; they never become the yardstick."""
    for priority in (10.0, 0.01):
        slate = (priority,) * tried
        found = chances((*slate, 10.0) if priority == 10.0 else (10.0, *slate), _positives(tried, priority == 10.0))
        trial = found[:-1] if priority == 10.0 else found[1:]
        assert trial == pytest.approx([each] * tried, abs=1e-8)
        assert sum(found) == 1.0


def _positives(tried: int, last_is_known: bool) -> tuple[int, ...]:
    return (*(0,) * tried, 1000) if last_is_known else (1000, *(0,) * tried)


def test_share_on_trial_shrinks_with_what_its_answers_promise() -> None:
    """A quarter of the answers that were expected, a quarter of the share."""
    assert chances((10.0, 9.0), (1000, 1), promise=(1.0, 0.25))[1] == pytest.approx(0.005, abs=1e-8)


def test_five_positive_answers_end_a_trial() -> None:
    """Then the action competes as its score says, and may become the yardstick."""
    assert chances((10.0, 8.0), (5, 1000))[0] > 0.9
    assert chances((10.0, 8.0), (4, 1000))[0] == pytest.approx(0.02, abs=1e-8)


def test_share_is_kept_until_twenty_positive_answers() -> None:
    """Whoever was liked by five is not forgotten because a few others are worth more."""
    assert chances((10.0, 0.1), (1000, 19), bound=0.001)[1] == pytest.approx(0.02, abs=1e-8)
    assert chances((10.0, 9.9), (1000, 19), bound=0.5)[1] > 0.1
    assert chances((10.0, 0.1), (1000, 20), bound=0.001)[1] < 0.002


def test_launched_action_has_the_chance_that_it_would_be_the_best() -> None:
    """Squares against those of one and a half times the best, by 150 positive answers half, then hardly more."""
    many = 10**9
    found = [chances((10.0, 6.0), (many, count), bound=0.001, launched=(1,))[1] for count in (30, 150, many)]
    usual = chances((10.0, 6.0), (many, many), bound=0.001)[1]
    alone = 0.36 / (0.36 + 2.25)
    assert found == pytest.approx([alone / 1.2, alone / 2, usual], abs=1e-5)
    assert chances((10.0, 6.0), (many, 20), bound=0)[1] == 0


def test_launched_action_is_on_trial_like_others() -> None:
    """What answers so far say against it is outweighed by what it is worth, up to the share of a trial."""
    for positives in (0, 19):
        young = (10**9, positives, positives)
        found = chances((10.0, 7.0, 0.1), young, bound=1e-6, promise=(1.0, 0.2, 0.2), launched=(1, 2))
        assert found[1:] == pytest.approx([0.02, 0.004], abs=1e-5)


def test_launched_actions_take_a_fifth_at_most() -> None:
    """However many there are; the best keeps the rest."""
    found = chances((10.0, *(7.0,) * 8), (10**9, *(30,) * 8), bound=0.001, launched=tuple(range(1, 9)))
    greedy = chances((10.0, *(7.0,) * 8), (10**9, *(30,) * 8), bound=0.001)
    assert sum(found[1:]) == pytest.approx(sum(greedy[1:]) + 0.2, abs=1e-6)
    assert len(set(found[1:])) == 1


@pytest.mark.parametrize("priorities", [(5e-324, 5e-324), (1e-170, 1e-171), (1e300, 5e-324), (1e-3, 0.0)])
def test_launch_withstands_any_priority(priorities: tuple[float, float]) -> None:
    """Squares of the tiniest are 0, and ratios to them have no bounds."""
    found = chances(priorities, (10**9, 30), launched=(1,))
    assert sum(found) == 1.0
    assert found[1] <= 0.5


def test_equals_leave_nothing_to_lift() -> None:
    """Where every chance is even already, a launched action has no more than that."""
    assert chances((5.0,) * 4, (10**6,) * 4, launched=(1, 2)) == pytest.approx([0.25] * 4)


def test_worthless_best_makes_it_even() -> None:
    """Where the best is worth nothing, nothing is lost by another."""
    assert chances((0.0, 0.0), (1000, 1000)) == pytest.approx([0.5, 0.5])


def test_shares_are_laid_out_in_order() -> None:
    """Every draw lands in exactly one."""
    weights = [WHOLE - 3, 2, 1]
    assert [pick(weights, drawn) for drawn in (0, WHOLE - 4, WHOLE - 3, WHOLE - 2, WHOLE - 1)] == [0, 0, 1, 1, 2]


# --- in a decision ---------------------------------------------------------------------------------------------------

EXPLORING = a_plan(
    an_action("a", value="100"),
    an_action("b", value="99"),
    an_action("c", value="98"),
    the_arbitration("exploration: {bound: 0.2}\n"),
)
MATURE = SteadyScorer(EXPLORING, positives=500)


def draw_of(customer: str = "C1", place: str = "web.hero", days: int = 0, outcomes: int = 0, retry: int = 0) -> int:
    """The number drawn for the first slot of a placement."""
    decision = decided(
        EXPLORING,
        a_question(EXPLORING, place, customer=customer, retry=retry),
        a_customer(EXPLORING, outcome_count=outcomes),
        now=NOW + timedelta(days=days),
        scorer=MATURE,
    )
    draw = decision.filled[0].options[0].draw
    assert draw is not None
    return draw.drawn


def test_draw_stays_through_the_day_and_changes_with_everything_else() -> None:
    """No flicker; another day, customer, place, outcome or retry draws anew."""
    usual = draw_of()
    assert draw_of() == usual
    others = [draw_of("C2"), draw_of(place="web.footer"), draw_of(days=1), draw_of(outcomes=1), draw_of(retry=1)]
    assert usual not in others
    assert len(set(others)) == len(others)


def test_slots_of_a_placement_are_drawn_apart() -> None:
    """Each from what is left."""
    decision = decided(EXPLORING, a_question(EXPLORING, "web.footer"), scorer=MATURE)
    first, second = (option.draw for option in decision.filled[0].options)
    assert first is not None
    assert second is not None
    assert first.drawn != second.drawn
    assert (len(first.actions), len(second.actions)) == (3, 2)


def test_drawn_share_wins() -> None:
    """What is recorded explains who won: actions, weights and the number drawn."""
    winners = Counter[str]()
    for customer in range(60):
        decision = decided(EXPLORING, a_question(EXPLORING, customer=f"C{customer}"), scorer=MATURE)
        option = decision.filled[0].options[0]
        draw = option.draw
        assert draw is not None
        assert sum(draw.weights) == WHOLE
        assert draw.actions[pick(draw.weights, draw.drawn)] == option.candidate.action
        winners.update(offered(EXPLORING, decision))
    assert len(winners) == 3


def test_services_and_duties_are_not_explored() -> None:
    """The best of them shows; only offers explore."""
    plan = a_plan(
        an_action("a", tier="service", value="2"),
        an_action("b", tier="service", value="1"),
        the_arbitration("exploration: {bound: 0.5}\n"),
    )
    for customer in range(20):
        decision = decided(plan, a_question(plan, customer=f"C{customer}"))
        assert offered(plan, decision) == ["a"]
        assert decision.filled[0].options[0].draw is None


def test_draw_is_keyed() -> None:
    """Nobody without the key can foresee it; it is the same on every machine."""
    arguments = {"customer": "C1", "place": "web.hero", "slot": 0, "day": 739_621, "outcome_count": 0, "retry": 0}
    assert exploration.draw(KEY, **arguments) == 744_572_959  # type: ignore[arg-type]  # one mapping for two calls
    assert exploration.draw(b"another", **arguments) != exploration.draw(KEY, **arguments)  # type: ignore[arg-type]
