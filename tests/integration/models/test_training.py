"""Training on a bank's files: what is learned, what is refused, what is stored."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.ports import ScoringContext
from models.artefact import MANIFEST, read_manifest
from models.errors import ModelRefused, TrainingRefused
from models.evaluate import evaluate_model
from models.features import ACTION, features_of
from models.history import DAY_S
from models.registry import open_registry
from models.rows import Outcomes, TrainingRows
from models.train import train_from_bank, weigh_by_worth
from tests.integration.models.conftest import QUICK, Installation
from tests.unit.models.banks import CUTOFF, LOOKED_AT, RANK_ADDS, nutshell_plan, plan_with, write_bank


def test_the_model_ranks_better_than_popularity(installation: Installation) -> None:
    report = installation.trained.report
    assert report.overall.auc is not None
    assert report.popularity.auc is not None
    assert report.overall.auc > report.popularity.auc + 0.03
    assert report.lift > 1.1


def test_the_model_is_calibrated(installation: Installation) -> None:
    """On the test slice, which nothing was fitted to."""
    calibration = installation.trained.report.calibration
    assert 0.8 < calibration.ratio < 1.25
    assert calibration.slope is not None
    assert 0.8 < calibration.slope < 1.2
    observed = [part.observed for part in installation.trained.report.by_decile]
    assert sum(observed[7:]) > 3 * sum(observed[:3])


def test_placement_and_rank_are_learned_outside_the_trees(installation: Installation) -> None:
    exposure = installation.model.learned.exposure
    for place, truth in LOOKED_AT.items():
        assert exposure.offset_by_placement[place] == pytest.approx(truth, abs=0.25), place
    assert exposure.offset_by_rank == pytest.approx(RANK_ADDS, abs=0.3)
    assert not [name for name in installation.model.learned.features.names if "placement" in name or "rank" in name]


def test_the_planted_fact_is_refused_by_name(installation: Installation) -> None:
    """Its values became known after every contact that they would describe."""
    (sentence,) = installation.trained.training.refused
    assert sentence.startswith("`followup.calls_30d` is refused: at 100% of ")
    assert "known_at lies after the contact" in sentence
    assert sentence in installation.trained.findings
    assert "followup.calls_30d" not in installation.model.learned.features.names


def test_a_snapshot_taken_after_the_contacts_refuses_every_fact(tmp_path: Path) -> None:
    """A bank that hands over today's profiles with last year's contacts trains on nothing but the contacts."""
    write_bank(tmp_path, customers=2_000)
    customers = pl.read_parquet(tmp_path / "customers.parquet").with_columns(known_at=pl.lit(CUTOFF))
    customers.write_parquet(tmp_path / "customers.parquet")
    trained = train_from_bank(nutshell_plan(), tmp_path, tmp_path / "models", settings=QUICK, promote=False)
    assert any(sentence.startswith("`age` is refused") for sentence in trained.training.refused)
    assert not {"age", "income.monthly"} & set(trained.training.gain_share)


def test_shuffled_answers_teach_nothing(tmp_path: Path) -> None:
    """An AUC away from one half, on the average of four banks, would mean that the measuring is wrong."""
    found = []
    for seed in range(4):
        write_bank(tmp_path, customers=3_000, seed=seed, shuffled=True)
        trained = train_from_bank(nutshell_plan(), tmp_path, tmp_path / "models", settings=QUICK, promote=False)
        found.append(trained.report.overall.auc or 0.0)
    assert sum(found) / len(found) == pytest.approx(0.5, abs=0.02)


def test_training_twice_gives_the_same_bytes(installation: Installation, tmp_path: Path) -> None:
    """Same rows, settings and seed: same version; another seed: another one."""
    again = train_from_bank(installation.plan, installation.bank_dir, tmp_path, settings=QUICK, promote=False)
    assert again.version == installation.trained.version
    other = train_from_bank(installation.plan, installation.bank_dir, tmp_path, settings=QUICK, seed=8, promote=False)
    assert other.version != again.version
    assert len(open_registry(tmp_path).models()) == 2


def test_what_is_served_knows_everything_before_the_test(installation: Installation) -> None:
    """The trees are grown anew up to the gap before the test slice, by as many as the stop slice settled on."""
    training, report = installation.trained.training, installation.trained.report
    assert report.first_s - 15 * DAY_S < training.last_s <= report.first_s - 7 * DAY_S
    assert training.rows > QUICK.most_rows
    assert 1 <= training.trees <= QUICK.trees


def test_dear_actions_weigh_more_and_one_alone_weighs_as_ever() -> None:
    """By the root of what they are worth, 1 on average."""
    features = features_of(nutshell_plan(), frozenset())
    matrix = np.full((4, len(features.names)), np.nan)
    none = np.zeros(4, dtype=np.int64)
    outcomes = Outcomes(
        placements=(),
        placement=none,
        at_s=none,
        customer=none,
        action=none,
        channel=none,
        rank=none,
        positive=none > 0,
        converted=none > 0,
        settled=none > 0,
        uniform=none > 0,
    )
    worth = matrix[:, features.start(ACTION) + ACTION.index("action.value")]
    rows = TrainingRows(outcomes=outcomes, features=features, matrix=matrix, weight=np.ones(4))
    assert weigh_by_worth(rows, 0.5).tolist() == [1.0] * 4
    worth[:] = 500.0
    assert weigh_by_worth(rows, 0.5).tolist() == [1.0] * 4
    worth[:] = [100.0, 100.0, 900.0, 900.0]
    assert weigh_by_worth(rows, 0.5).tolist() == pytest.approx([0.5, 0.5, 1.5, 1.5])
    assert weigh_by_worth(rows, 0.0).tolist() == pytest.approx([1.0] * 4)


def test_nothing_after_the_cutoff_is_read(installation: Installation, tmp_path: Path) -> None:
    """Rewriting the future leaves the model as it was."""
    cutoff = CUTOFF - timedelta(days=30)
    bank = tmp_path / "bank"
    shutil.copytree(installation.bank_dir, bank)
    before = train_from_bank(installation.plan, bank, tmp_path, cutoff=cutoff, settings=QUICK, promote=False)
    contacts = pl.read_parquet(bank / "contacts.parquet")
    later = pl.col("at") >= cutoff
    contacts.with_columns(
        action=pl.when(later).then(pl.lit("isa")).otherwise("action"),
        positive=pl.when(later).then(pl.lit(value=True)).otherwise("positive"),
    ).write_parquet(bank / "contacts.parquet")
    after = train_from_bank(installation.plan, bank, tmp_path, cutoff=cutoff, settings=QUICK, promote=False)
    assert after.version == before.version


def test_answers_to_contacts_of_the_last_week_are_not_known_yet(installation: Installation) -> None:
    """The test slice ends a window before the cutoff."""
    last = datetime.fromtimestamp(installation.trained.report.last_s, UTC)
    assert last <= CUTOFF - timedelta(days=7)


def test_too_short_a_history_is_refused_in_words(installation: Installation, tmp_path: Path) -> None:
    with pytest.raises(TrainingRefused, match="a longer history is needed"):
        train_from_bank(
            installation.plan, installation.bank_dir, tmp_path, cutoff=CUTOFF - timedelta(days=220), settings=QUICK
        )


@pytest.mark.parametrize("name", ["contacts.parquet", "customers.parquet", "products.parquet"])
def test_a_file_that_is_missing_or_damaged_is_named(name: str, installation: Installation, tmp_path: Path) -> None:
    bank = tmp_path / "bank"
    shutil.copytree(installation.bank_dir, bank)
    (bank / name).write_bytes((bank / name).read_bytes()[:200])
    with pytest.raises(TrainingRefused, match=f"`{name}` cannot be read"):
        train_from_bank(installation.plan, bank, tmp_path, settings=QUICK)
    (bank / name).unlink()
    with pytest.raises(TrainingRefused, match=f"`{name}` is not in "):
        train_from_bank(installation.plan, bank, tmp_path, settings=QUICK)


def test_a_file_without_a_column_is_named(installation: Installation, tmp_path: Path) -> None:
    bank = tmp_path / "bank"
    shutil.copytree(installation.bank_dir, bank)
    pl.read_parquet(bank / "contacts.parquet").drop("declined_at").write_parquet(bank / "contacts.parquet")
    with pytest.raises(TrainingRefused, match=r"`contacts\.parquet` has no column `declined_at`"):
        train_from_bank(installation.plan, bank, tmp_path, settings=QUICK)


def test_a_stored_model_is_judged_again_on_later_contacts(installation: Installation) -> None:
    """On the test slice the figures are those that training wrote down."""
    since = datetime.fromtimestamp(installation.trained.report.first_s, UTC)
    report = evaluate_model(installation.plan, installation.bank_dir, installation.model, since=since)
    assert report == installation.trained.report


def test_an_action_that_training_has_not_seen_starts_from_its_group(installation: Installation, tmp_path: Path) -> None:
    """Its score is the group's prior on the channel times the group's conversion rate."""
    fewer = plan_with(without="isa")
    trained = train_from_bank(fewer, installation.bank_dir, tmp_path, settings=QUICK)
    model, plan = open_registry(tmp_path).load(), installation.plan
    scorer, blend = model.bind(plan), model.blend(plan)
    isa = plan.position_by_action["isa"]  # type: ignore[index]
    assert "isa" not in read_manifest(trained.folder).learned.features.actions
    assert scorer.positives(0)[isa] == 0
    assert blend.slope[0, isa] == 0.0
    assert blend.intercept[0, isa] == model.learned.exposure.prior_by_group["savings"]["atm"]
    assert blend.conversion[0, isa] == model.learned.rates.conversion_by_group["savings"]
    context = ScoringContext(profile=plan.profile_schema.empty(), channel=0, now=CUTOFF, contacts=[])
    assert 0.0 < scorer.score(context, [isa])[0] < 1.0


def test_a_model_is_refused_by_rules_that_declare_its_facts_otherwise(installation: Installation) -> None:
    plan = plan_with(("type: integer, unit: years", "type: decimal, decimals: 1, unit: years"))
    with pytest.raises(ModelRefused, match="`age` as integer"):
        installation.model.bind(plan)


def test_a_stored_model_cannot_be_written_over(installation: Installation) -> None:
    """Its folder's name is the hash of its manifest; storing it again changes nothing."""
    manifest = installation.trained.folder / MANIFEST
    before = manifest.stat()
    train_from_bank(installation.plan, installation.bank_dir, installation.models_dir, settings=QUICK, promote=False)
    assert manifest.stat().st_mtime_ns == before.st_mtime_ns
    assert manifest.stat().st_mode & 0o222 == 0
    assert read_manifest(installation.trained.folder).training.settings == replace(QUICK, seed=7)
