"""Whether a trigger's push is worth its weight: inert and harmful ones are named, the good ones are not accused."""

import numpy as np
import pytest

from models.evaluation.pushes import Answered, Verdict, judge_push

OTHERS = Answered(impressions=40_000, expected=1_000.0, positive=1_000)
LEVEL = 0.99


def fired(positive: int, expected: float = 200.0) -> Answered:
    return Answered(impressions=8_000, expected=expected, positive=positive)


def test_answers_beyond_what_was_expected_bring_something() -> None:
    push = judge_push(fired(320), OTHERS, 1.5, LEVEL)
    assert push.verdict is Verdict.BRINGS
    assert push.ratio == pytest.approx(1.6)
    assert push.low < 1.6 < push.high


def test_a_push_whose_customers_answer_like_all_others_is_without_effect() -> None:
    assert judge_push(fired(200), OTHERS, 2.0, LEVEL).verdict is Verdict.WITHOUT_EFFECT


def test_a_small_weight_claims_too_little_to_be_refuted() -> None:
    assert judge_push(fired(200), OTHERS, 1.1, LEVEL).verdict is Verdict.NOT_ENOUGH_EVIDENCE


def test_a_push_towards_what_customers_like_less_does_harm() -> None:
    push = judge_push(fired(110), OTHERS, 1.5, LEVEL)
    assert push.verdict is Verdict.HARMS
    assert push.high < 1.0


def test_a_weight_below_one_is_right_where_customers_answer_less() -> None:
    assert judge_push(fired(110), OTHERS, 0.6, LEVEL).verdict is Verdict.BRINGS
    assert judge_push(fired(320), OTHERS, 0.6, LEVEL).verdict is Verdict.HARMS
    assert judge_push(fired(200), OTHERS, 0.4, LEVEL).verdict is Verdict.WITHOUT_EFFECT


def test_propensities_that_are_wrong_for_everybody_accuse_nobody() -> None:
    """Twice as many answers as expected, of those of whom it fired and of all others."""
    others = Answered(impressions=40_000, expected=500.0, positive=1_000)
    push = judge_push(fired(400, expected=200.0), others, 2.0, LEVEL)
    assert push.ratio == pytest.approx(1.0)
    assert push.verdict is Verdict.WITHOUT_EFFECT


@pytest.mark.parametrize("others", [Answered(), Answered(impressions=10, expected=1.0, positive=0)])
def test_without_answers_of_others_nothing_is_said(others: Answered) -> None:
    push = judge_push(fired(200), others, 2.0, LEVEL)
    assert (push.verdict, push.ratio) == (Verdict.NOT_ENOUGH_EVIDENCE, None)


def test_few_answers_are_not_enough_evidence() -> None:
    few = Answered(impressions=100, expected=5.0, positive=0)
    assert judge_push(few, OTHERS, 5.0, LEVEL).verdict is Verdict.NOT_ENOUGH_EVIDENCE


def test_a_good_push_is_hardly_ever_accused_and_an_inert_one_hardly_ever_praised() -> None:
    """Of 500 drawn logs each, at 95 percent."""
    rng = np.random.default_rng(3)
    good = [judge_push(fired(int(positive)), OTHERS, 1.6, 0.95).verdict for positive in rng.poisson(300, 500)]
    inert = [judge_push(fired(int(positive)), OTHERS, 1.6, 0.95).verdict for positive in rng.poisson(200, 500)]
    assert good.count(Verdict.WITHOUT_EFFECT) + good.count(Verdict.HARMS) == 0
    assert inert.count(Verdict.BRINGS) + inert.count(Verdict.HARMS) <= 40
    assert inert.count(Verdict.WITHOUT_EFFECT) >= 200


def test_parts_add_up() -> None:
    whole = Answered().plus(0.2, True).plus(0.1, False)
    assert (whole.impressions, whole.positive) == (2, 1)
    assert whole.expected == pytest.approx(0.3)
    rest = whole.less(Answered().plus(0.1, False))
    assert (rest.impressions, rest.positive) == (1, 1)
    assert rest.expected == pytest.approx(0.2)
