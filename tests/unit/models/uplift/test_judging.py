"""What a trial says of an offer: no more than it can."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.errors import TrainingRefused
from models.features import features_of
from models.lift import LEVEL
from models.reading import CustomerReader
from models.uplift.effects import ALL_OFFERS
from models.uplift.judging import Verdict, effects_of_rows, judge, level_of_each
from models.uplift.trials import Trials, read_trials
from tests.unit.models.banks import nutshell_plan
from tests.unit.models.trials import a_trial

FEATURES = features_of(nutshell_plan())


def read(folder: Path, *frames: pl.DataFrame) -> tuple[Trials, ...]:
    pl.concat(frames).write_parquet(folder / "trial.parquet")
    return read_trials(folder / "trial.parquet", FEATURES).trials


def test_what_an_offer_adds_lies_in_the_interval(tmp_path: Path) -> None:
    (trials,) = read(tmp_path, a_trial("isa", adds=0.03, anyway=0.002))
    found = judge(trials, None, level=LEVEL)
    assert found.verdict is Verdict.ADDS
    assert found.effect.low < 0.03 < found.effect.high
    assert found.caused.low < 0.94 < found.caused.high
    assert found.share is None


def test_effects_of_rows_average_to_the_difference_of_the_arms(tmp_path: Path) -> None:
    (trials,) = read(tmp_path, a_trial("isa"))
    arms = trials.converted[trials.shown].mean() - trials.converted[~trials.shown].mean()
    assert effects_of_rows(trials).mean() == pytest.approx(arms)


def test_an_offer_that_adds_less_than_comes_after_it_keeps_a_share(tmp_path: Path) -> None:
    (trials,) = read(tmp_path, a_trial("isa", adds=0.02, anyway=0.03))
    found = judge(trials, None, level=LEVEL)
    assert found.verdict is Verdict.ADDS_LESS
    assert found.share is not None
    assert found.caused.value < found.share < 0.8


def test_a_sure_thing_is_found_and_keeps_little_of_its_propensity(tmp_path: Path) -> None:
    (trials,) = read(tmp_path, a_trial("annuity", adds=0.0, anyway=0.05))
    found = judge(trials, None, level=LEVEL)
    assert found.verdict is Verdict.ANYWAY
    assert found.share is not None
    assert 0.0 <= found.share < 0.5


def test_an_offer_without_effect_is_never_called_better_and_seldom_worse() -> None:
    """Of 60 trials of an offer that changes nothing, at 95 percent."""
    verdicts = [judge(drawn(seed, 0.05, 0.05), None, level=LEVEL).verdict for seed in range(60)]
    assert verdicts.count(Verdict.ADDS) + verdicts.count(Verdict.ADDS_LESS) <= 5
    assert verdicts.count(Verdict.TAKES) <= 5
    assert verdicts.count(Verdict.ANYWAY) >= 30


def drawn(seed: int, withheld_rate: float, shown_rate: float) -> Trials:
    """A trial of 4,000 customers with the rates of its arms."""
    rng = np.random.default_rng(seed)
    shown = rng.random(4_000) < 0.5
    return Trials(
        action="isa",
        customer=np.arange(4_000),
        shown=shown,
        probability=np.full(4_000, 0.5),
        converted=rng.random(4_000) < np.where(shown, shown_rate, withheld_rate),
        promised=np.full(4_000, np.nan),
        frame=pl.DataFrame(),
        schema=nutshell_plan().profile_schema,
    )


def test_an_offer_that_drives_customers_away_takes_and_keeps_nothing() -> None:
    found = judge(drawn(3, 0.10, 0.05), None, level=LEVEL)
    assert (found.verdict, found.share) == (Verdict.TAKES, 0.0)


def test_few_conversions_are_not_enough_evidence(tmp_path: Path) -> None:
    (trials,) = read(tmp_path, a_trial("isa", rows=1_500, adds=0.02, anyway=0.0))
    assert judge(trials, None, level=LEVEL).verdict is Verdict.NOT_ENOUGH_EVIDENCE


def test_unequal_chances_of_going_without_do_not_mislead() -> None:
    """Whoever is likelier to convert was offered more often: the arms alone would flatter the offer."""
    trials = drawn(4, 0.0, 0.0)
    rng = np.random.default_rng(1)
    eager = rng.random(len(trials)) < 0.5
    chance = np.where(eager, 0.8, 0.2)
    shown = rng.random(len(trials)) < chance
    unequal = replace(
        trials, shown=shown, probability=chance, converted=rng.random(len(trials)) < np.where(eager, 0.3, 0.05)
    )
    found = judge(unequal, None, level=0.999)
    assert unequal.converted[shown].mean() - unequal.converted[~shown].mean() > 0.1
    assert found.effect.low < 0.0 < found.effect.high


def test_trees_that_know_whom_it_helps_rank_better_and_chance_does_not() -> None:
    """Beside a propensity that is the same for everybody."""
    trials = drawn(6, 0.0, 0.0)
    rng = np.random.default_rng(2)
    helped = rng.random(len(trials)) < 0.3
    chance = np.where(helped & trials.shown, 0.2, 0.02)
    told = replace(trials, converted=rng.random(len(trials)) < chance, promised=np.full(len(trials), 0.06))
    knowing = judge(told, np.where(helped, 0.18, 0.0), level=LEVEL)
    guessing = judge(told, rng.random(len(trials)), level=LEVEL)
    assert knowing.trees_are_better
    assert not guessing.trees_are_better


def test_whom_all_offers_drive_away_is_named_by_segment(tmp_path: Path) -> None:
    (trials,) = read(tmp_path, a_trial(ALL_OFFERS, adds=0.10, anyway=0.20, taken_from_affluent=0.12))
    members = trials.members("segments")
    found = judge(trials, np.where(members["affluent"], -0.1, 0.1), level=LEVEL, members=members)
    effect_by_segment = {part.name: part.effect for part in found.parts}
    assert effect_by_segment["affluent"].high < 0.0 < effect_by_segment["mass"].low
    assert found.trees_are_better
    assert found.left_alone is not None
    assert found.left_alone.effect.high < 0.0
    assert found.share is None


def test_several_intervals_hold_together() -> None:
    assert level_of_each(1) == pytest.approx(0.95)
    assert level_of_each(10) == pytest.approx(0.995)


def test_the_facts_of_a_trial_are_read_as_in_a_decision(tmp_path: Path) -> None:
    """Column by column they are what the reader of profiles makes of the same values."""
    frame = a_trial("isa", rows=60).with_columns(
        pl.when(pl.col("age") > 80).then(None).otherwise("age").alias("age"),
        pl.when(pl.col("age") < 25).then(None).otherwise("employment").alias("employment"),
    )
    (trials,) = read(tmp_path, frame)
    plan = nutshell_plan()
    facts = ("age", "income.monthly", "statement.paperless", "employment", "segments")
    known = [feature for feature in FEATURES.customer if feature.fact in facts]
    reader = CustomerReader(known, plan.profile_schema)
    expected = [
        reader.read(plan.profile_schema.encode({name: row[name] for name in facts if row[name] is not None}))
        for row in frame.to_dicts()
    ]
    np.testing.assert_array_equal(trials.matrix(known), np.array(expected))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (pl.lit(1.0).alias("treatment_probability"), "column `treatment_probability`, row 1 and .*chance must decide"),
        (pl.lit("perhaps").alias("withheld"), "column `withheld`, row 1 .*`perhaps` is neither true nor false"),
        (pl.lit(1.5).alias("propensity"), "column `propensity`, row 1 .*no propensity from 0 to 1"),
        (pl.lit(None).alias("outcome"), "column `outcome`, row 1 .*there is no value"),
    ],
)
def test_a_table_that_is_no_trial_is_refused_with_the_place(tmp_path: Path, change: pl.Expr, sentence: str) -> None:
    a_trial("isa", rows=50, promised=0.1).with_columns(change).write_parquet(tmp_path / "trial.parquet")
    with pytest.raises(TrainingRefused, match=sentence):
        read_trials(tmp_path / "trial.parquet", FEATURES)


def test_a_table_without_a_column_says_which(tmp_path: Path) -> None:
    a_trial("isa", rows=50).drop("withheld", "segments").write_csv(tmp_path / "trial.csv")
    with pytest.raises(TrainingRefused, match="has no column `withheld`"):
        read_trials(tmp_path / "trial.csv", FEATURES)
