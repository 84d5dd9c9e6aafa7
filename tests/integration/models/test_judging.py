"""A stored model is judged on a bank's files: beside baselines, for drift and fairness, and as a page."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.artefact import read_manifest
from models.errors import TrainingRefused
from models.evaluation.judging import Judged, judge
from models.evaluation.page import page
from models.evaluation.study import BASE_RATE, LOGISTIC, MODEL
from tests.integration.models.conftest import Installation


@pytest.fixture(scope="module")
def judged(installation: Installation) -> Judged:
    manifest = read_manifest(installation.trained.folder)
    return judge(installation.plan, installation.bank_dir, installation.model, manifest)


def test_the_model_stands_beside_its_baselines(judged: Judged) -> None:
    """On the same contacts, each with the offsets of placement and rank."""
    by_name = {each.name: each for each in judged.study.contenders}
    assert list(by_name) == [MODEL, BASE_RATE, LOGISTIC]
    assert by_name[MODEL].auc > by_name[BASE_RATE].auc + 0.03
    assert by_name[MODEL].log_loss < by_name[BASE_RATE].log_loss
    assert by_name[BASE_RATE].by_action < by_name[LOGISTIC].by_action
    assert by_name[BASE_RATE].observed_over_expected == pytest.approx(1.0, abs=0.15)
    assert all(len(shares) == 20 and shares[-1] == 1.0 for shares in judged.study.gains.values())


def test_the_figures_are_those_of_training(judged: Judged, installation: Installation) -> None:
    """The same contacts give the same AUC, whether training or the report judges them."""
    report = installation.trained.report
    assert judged.study.rows == report.overall.rows
    assert judged.study.contenders[0].auc == pytest.approx(report.overall.auc)
    assert sum(week.positives for week in judged.study.weeks) == report.overall.positives
    assert sum(each.rows for each in judged.study.actions) == report.overall.rows


def test_a_bank_that_stays_as_it_is_neither_drifts_nor_discriminates(judged: Judged) -> None:
    assert not [shift for shift in judged.drift.shifts if shift.alarming]
    assert judged.fairness.findings() == ()
    assert {each.attribute for each in judged.fairness.ratios} == {"gender"}
    assert judged.fairness.proxies == ()


def test_a_planted_proxy_shows_in_the_report(installation: Installation, tmp_path: Path) -> None:
    """Incomes of one group are moved; the protected attribute itself stays out of the features."""
    customers = pl.read_parquet(installation.bank_dir / "customers.parquet")
    moved = pl.when(pl.col("gender") == "male").then(pl.col("income.monthly") * 2).otherwise("income.monthly")
    for name in ("contacts.parquet", "products.parquet"):
        (tmp_path / name).symlink_to(installation.bank_dir / name)
    customers.with_columns(moved.alias("income.monthly")).write_parquet(tmp_path / "customers.parquet")
    manifest = read_manifest(installation.trained.folder)
    found = judge(installation.plan, tmp_path, installation.model, manifest)
    assert {each.feature for each in found.fairness.proxies} == {"income.monthly"}
    assert found.fairness.proxies[0].gain_share == manifest.training.gain_share["income.monthly"]
    assert "`income.monthly` tells gender " in found.fairness.notes()[0]
    assert "gender" not in manifest.learned.features.names


def test_a_source_that_broke_is_told_as_drift(installation: Installation, tmp_path: Path) -> None:
    """From the test slice on, nobody has an age any more."""
    manifest = read_manifest(installation.trained.folder)
    customers = pl.read_parquet(installation.bank_dir / "customers.parquet")
    broke = pl.from_epoch(pl.lit(manifest.report.first_s - 1), time_unit="s").dt.replace_time_zone("UTC")
    later = customers.with_columns(age=pl.lit(None, dtype=pl.Int64), known_at=broke.cast(customers["known_at"].dtype))
    for name in ("contacts.parquet", "products.parquet"):
        (tmp_path / name).symlink_to(installation.bank_dir / name)
    pl.concat([customers, later]).write_parquet(tmp_path / "customers.parquet")
    found = judge(installation.plan, tmp_path, installation.model, manifest)
    assert any(sentence.startswith("`age` is distributed otherwise") for sentence in found.findings())


def test_maturity_follows_what_training_counted(installation: Installation) -> None:
    rates = installation.model.learned.rates
    positives = sum(rates.positives["isa"].values())
    assert rates.maturity_of("isa") == pytest.approx(positives / (positives + 20))
    assert rates.maturity_of("nobody knows it") == 0.0
    assert rates.immature() == ()


def test_nothing_to_judge_on_is_said(installation: Installation) -> None:
    manifest = read_manifest(installation.trained.folder)
    with pytest.raises(TrainingRefused, match="no contact"):
        judge(
            installation.plan,
            installation.bank_dir,
            installation.model,
            manifest,
            since_s=manifest.training.cutoff_s * 2,
        )


class Reader(HTMLParser):
    """Collects what a page would fetch or run, and its texts."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe"):
            self.fetched.append(tag)
        self.fetched += [
            value for name, value in attrs if name in ("src", "href", "xlink:href") and value and value[0] != "#"
        ]
        self.fetched += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_stands_alone(judged: Judged, installation: Installation) -> None:
    """No script, nothing fetched, plots in the page's own colour, ids of plots apart, every text escaped."""
    manifest = read_manifest(installation.trained.folder)
    named = replace(judged.study.actions[0], action="<b>isa</b>")
    told = replace(judged, study=replace(judged.study, actions=(named, *judged.study.actions[1:])))
    html = page("f" * 64, manifest, told, title="Propensity model")
    reader = Reader()
    reader.feed(html)
    assert reader.fetched == []
    assert html.count("<svg") == 6
    assert "currentColor" in html
    assert "#010203" not in html
    assert "&lt;b&gt;isa" in html
    assert "<code>followup.calls_30d</code> is refused" in html
    assert "prefers-color-scheme: dark" in html
    text = " ".join(reader.text)
    assert f"{judged.study.contenders[0].auc:.3f}" in text
    assert "followup.calls_30d" in text
    assert "\N{EN DASH}" not in re.findall(r"<tr class=.first.>.*?</tr>", html)[0]
    assert not np.isnan(judged.study.contenders[0].slope)
