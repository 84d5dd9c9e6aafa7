"""The hidden world is as hard as it should be: not trivial, not hopeless, and honest about uplift."""

from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest

from demobank.arrays import stream
from demobank.attributes import ATTRIBUTES, CATEGORIES, LEAK
from demobank.audit import Figures, auc, measure
from demobank.calendar import Calendar
from demobank.history import History
from demobank.rulebook import Rulebook, read_rulebook
from demobank.simulation import Town, draw_town, draw_tuned_world, set_stage
from demobank.stage import Journal, Stage
from demobank.world import World
from models.boosting import lightgbm
from tests.integration.demobank.conftest import AS_OF, ROOT, MadeBank

CALENDAR = Calendar(date.fromisoformat(AS_OF))


@pytest.fixture(scope="module")
def figures(bank: MadeBank) -> Figures:
    return measure(bank.data_dir)


def test_popularity_gets_a_quarter_to_half_of_the_way_to_the_observable_oracle(figures: Figures) -> None:
    """Enough to be respectable, with room for a model."""
    assert 0.25 <= figures.popularity_capture <= 0.50
    assert figures.omniscient_capture > 1.03
    assert figures.observable_worth > 3 * figures.random_worth


def test_true_probabilities_predict_well_and_observable_ones_a_little_less(figures: Figures) -> None:
    """What is hidden costs a few points of AUC."""
    assert 0.83 <= figures.true_auc <= 0.92
    assert 0.01 < figures.true_auc - figures.observable_auc < 0.06
    assert figures.realised_auc == pytest.approx(figures.true_auc, abs=0.03)


def test_shuffled_labels_cannot_be_predicted(figures: Figures) -> None:
    """Not even by the truth."""
    assert figures.shuffled_auc == pytest.approx(0.5, abs=0.02)


def test_uniform_offering_gives_the_log_spaced_rates(figures: Figures) -> None:
    """A little less for favourites of the old policy, which everybody had seen too often."""
    ratios = [figures.uniform_rates[action] / rate for action, rate in figures.target_rates.items()]

    assert 0.8 < min(ratios) <= max(ratios) < 1.2
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.05)


def test_a_model_learns_from_the_files_and_the_leak_would_flatter_it(bank: MadeBank) -> None:
    """Real labels are predictable, shuffled ones are not, and the planted leak adds what no honest model has."""
    train, test, positive = _rows(bank, seed=5)
    shuffled = np.random.default_rng(5).permutation(positive)
    half = len(positive) // 2

    honest = auc(_scores(train, test, positive[:half], leak=False), positive[half:])
    flattered = auc(_scores(train, test, positive[:half], leak=True), positive[half:])
    fooled = auc(_scores(train, test, shuffled[:half], leak=False), shuffled[half:])

    assert 0.70 < honest < 0.82
    assert flattered > honest + 0.02
    assert fooled == pytest.approx(0.5, abs=0.02)


def _rows(bank: MadeBank, *, seed: int) -> tuple[pl.DataFrame, pl.DataFrame, np.ndarray]:
    names = [attribute.name for attribute in ATTRIBUTES if attribute.name not in CATEGORIES]
    rows = (
        bank.table("bank/contacts")
        .filter("impression")
        .sample(300_000, seed=seed)
        .sort("at")
        .join(bank.table("bank/customers").select("customer_id", LEAK, *names), on="customer_id", maintain_order="left")
        .with_columns(pl.col("action", "channel", "placement").cast(pl.Categorical).to_physical())
        .select("action", "channel", "placement", "rank", LEAK, *names, "positive")
    )
    features = rows.drop("positive").cast(pl.Float32)
    half = rows.height // 2
    return features[:half], features[half:], rows["positive"].to_numpy()


def _scores(train: pl.DataFrame, test: pl.DataFrame, positive: np.ndarray, *, leak: bool) -> np.ndarray:
    columns = [name for name in train.columns if leak or name != LEAK]
    data = lightgbm.Dataset(train[columns].to_numpy(), positive, categorical_feature=[0, 1, 2])
    settings = {
        "objective": "binary",
        "num_leaves": 15,
        "learning_rate": 0.2,
        "num_threads": 2,
        "verbose": -1,
        "seed": 1,
    }
    return np.asarray(lightgbm.train(settings, data, 30).predict(test[columns].to_numpy()))


@cache
def neighbours() -> tuple[Rulebook, World, Town]:
    """8,000 customers of the default world who are not in the bank."""
    rules = read_rulebook(ROOT / "rules")
    world = draw_tuned_world(7, CALENDAR, rules, lambda _: None)
    return rules, world, draw_town("7/uplift", 8_000, CALENDAR, rules, world)


@cache
def lives(offering: bool) -> tuple[Stage, Journal]:
    """Their two years, with the old policy's offers or with none."""
    rules, world, town = neighbours()
    stage = set_stage("7/uplift", CALENDAR, rules, world, town, offering=offering)
    return stage, History(stage, stream("7/uplift", "history")).run(lambda _: None)


def openings(*, offering: bool, sure: bool, reluctant: bool) -> int:
    stage, journal = lives(offering)
    rows = journal.openings
    chosen = stage.world.sure_thing[rows["offer"]] == sure
    return int((chosen & (stage.audience.reluctant[rows["customer"]] == reluctant)).sum())


def test_offers_raise_openings_where_they_work() -> None:
    """Most actions, most customers."""
    offered, left_alone = (openings(offering=offering, sure=False, reluctant=False) for offering in (True, False))

    assert offered > 1.5 * left_alone


def test_sure_things_open_as_often_without_an_offer() -> None:
    """Uplift 0: the difference is within four standard errors."""
    offered, left_alone = (openings(offering=offering, sure=True, reluctant=False) for offering in (True, False))

    assert left_alone > 300
    assert abs(offered - left_alone) < 4 * np.sqrt(offered + left_alone)


def test_one_segment_buys_less_when_it_is_sold_to() -> None:
    """Negative uplift, beyond two standard errors."""
    offered, left_alone = (openings(offering=offering, sure=False, reluctant=True) for offering in (True, False))

    assert left_alone - offered > 2 * np.sqrt(offered + left_alone)
