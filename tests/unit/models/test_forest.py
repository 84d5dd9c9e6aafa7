"""The numpy evaluation of LightGBM's trees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.arrays import Floats
from models.boosting import lightgbm
from models.errors import ModelRefused
from models.forest import read_forest


def grown(seed: int, *, leaves: int = 15, trees: int = 12, gaps: float = 0.1) -> tuple[str, Floats]:
    """The text of a model on numbers, small counts and two categories, and rows to score."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(1_200, 7))
    matrix[:, 2] = rng.poisson(1.0, len(matrix))
    matrix[:, 3] = rng.integers(0, 5, len(matrix))
    matrix[:, 4] = rng.integers(0, 40, len(matrix))
    matrix[rng.random(matrix.shape) < gaps] = np.nan
    answer = np.nan_to_num(matrix) @ [1.0, -1.0, 0.5, 0.3, 0.05, 0.0, 0.0] + rng.normal(size=len(matrix)) > 0.5
    parameters = {
        "objective": "binary",
        "num_leaves": leaves,
        "min_data_in_leaf": 5,
        "max_bin": 31,
        "num_threads": 1,
        "seed": seed,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(matrix, answer.astype(float), categorical_feature=[3, 4], params=parameters)
    text = lightgbm.train(parameters, data, trees).model_to_string()
    rows = rng.normal(size=(300, 7)) * 3.0
    rows[:, 2:5] = rng.integers(-2, 60, (300, 3))
    rows[rng.random(rows.shape) < 0.3] = np.nan
    return text, np.vstack([rows, matrix[:200]])


def by_lightgbm(text: str, rows: Floats) -> Floats:
    booster = lightgbm.Booster(model_str=text)
    return np.asarray(booster.predict(rows, raw_score=True, num_threads=1), dtype=np.float64)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    leaves=st.sampled_from([2, 3, 15, 16, 17, 31, 40, 64]),
    gaps=st.sampled_from([0.0, 0.2]),
)
def test_scores_are_those_of_lightgbm_to_the_last_bit(seed: int, leaves: int, gaps: float) -> None:
    """Numbers, categories, missing values and categories that training never saw."""
    text, rows = grown(seed, leaves=leaves, gaps=gaps)
    assert read_forest(text).raw_scores(rows).tolist() == by_lightgbm(text, rows).tolist()


def test_a_row_alone_scores_as_it_does_among_others() -> None:
    """As numpy adds a single column in another order, one row takes a way of its own."""
    text, rows = grown(1, trees=100)
    forest = read_forest(text)
    alone = [float(forest.raw_scores(rows[at : at + 1])[0]) for at in range(50)]
    assert alone == forest.raw_scores(rows)[:50].tolist()


def test_a_value_on_a_threshold_passes() -> None:
    """The test is "at most", not "below"."""
    text, _ = grown(2)
    forest = read_forest(text)
    rows = np.zeros((len(forest.cuts_of(0).cuts) - 1, 7))
    rows[:, 0] = forest.cuts_of(0).cuts[1:]
    assert forest.raw_scores(rows).tolist() == by_lightgbm(text, rows).tolist()


def test_a_model_of_constant_trees_is_covered() -> None:
    """Where nothing can be learned, LightGBM writes trees of one leaf."""
    matrix, answer = np.zeros((100, 2)), np.r_[np.ones(10), np.zeros(90)]
    parameters = {"objective": "binary", "num_threads": 1, "verbosity": -1}
    text = lightgbm.train(parameters, lightgbm.Dataset(matrix, answer, params=parameters), 3).model_to_string()
    assert read_forest(text).raw_scores(matrix).tolist() == by_lightgbm(text, matrix).tolist()


def test_rows_of_another_width_are_an_error() -> None:
    text, rows = grown(3)
    with pytest.raises(ValueError, match="7"):
        read_forest(text).raw_scores(rows[:, :5])


@pytest.mark.parametrize(
    ("part", "instead"),
    [
        ("num_class=1", "num_class=3"),
        ("objective=binary sigmoid:1", "objective=regression"),
        ("\nend of trees\n", "\n"),
        ("Tree=3", "Tree=5"),
        ("num_leaves=15", "num_leaves=1000000000"),
        ("num_leaves=15", "num_leaves=14"),
        ("num_leaves=15", "num_leaves=-2"),
        ("is_linear=0", "is_linear=1"),
        ("left_child=", "left_child=0 "),
        ("right_child=", "left_child="),
        ("leaf_value=", "leaf_value=nan "),
        ("split_feature=", "split_feature=7"),
        ("max_feature_idx=6", "max_feature_idx=1"),
        ("cat_boundaries=0 ", "cat_boundaries=3 "),
        ("threshold=", "threshold=x"),
    ],
)
def test_damaged_text_is_refused(part: str, instead: str) -> None:
    """Each of these would crash LightGBM, hang it, or make it answer with other scores."""
    text, _ = grown(4)
    assert part in text
    with pytest.raises(ModelRefused):
        read_forest(text.replace(part, instead, 1))


def test_a_tree_that_bites_its_tail_is_refused() -> None:
    """A child that is an ancestor makes LightGBM walk for ever."""
    text, _ = grown(5)
    line = next(line for line in text.splitlines() if line.startswith("left_child="))
    children = line.removeprefix("left_child=").split()
    inner = next(at for at, child in enumerate(children) if int(child) > 0)
    children[inner] = "0"
    with pytest.raises(ModelRefused):
        read_forest(text.replace(line, "left_child=" + " ".join(children), 1))


def test_text_cut_anywhere_is_refused() -> None:
    """No prefix of a model is a model."""
    text, _ = grown(6, trees=4)
    trees_end = text.index("end of trees")
    for length in range(0, trees_end, 97):
        with pytest.raises(ModelRefused):
            read_forest(text[:length])
