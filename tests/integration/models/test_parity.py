"""What training reads and what a decision reads: the same numbers for the same customer at the same instant."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from engine import Plan
from engine.contacts import Contact, ContactState, DeclineReason, pack, unpack
from engine.facts import Held
from engine.ports import ScoringContext
from models.arrays import Floats
from models.artefact import TREES
from models.boosting import lightgbm
from models.dataset import BankRows, read_rows
from models.features import FeatureSet, describe_actions, features_of
from models.history import NEVER, count_history
from models.logistic import sigmoid
from models.reading import CustomerReader, season
from models.rows import Outcomes, Window
from tests.integration.models.conftest import Installation

SAMPLED = 600


class Files:
    """The bank's files as a slow reader sees them: plain rows, one question at a time."""

    def __init__(self, installation: Installation) -> None:
        folder = installation.bank_dir
        self.plan = installation.plan
        self.customers = {row["customer_id"]: row for row in pl.read_parquet(folder / "customers.parquet").to_dicts()}
        self.contacts = defaultdict(list)
        for row in pl.read_parquet(folder / "contacts.parquet").sort("at").to_dicts():
            self.contacts[row["customer_id"]].append(row)
        self.products = defaultdict(list)
        for row in pl.read_parquet(folder / "products.parquet").to_dicts():
            self.products[row["customer_id"]].append(row)
        self.names = sorted(
            {row["customer_id"] for rows in self.contacts.values() for row in rows if row["impression"]}
        )

    def profile(self, customer: str, now: datetime) -> list[Held]:
        """The profile that a loader would have stored by that day."""
        known = self.customers[customer]
        yesterday = now.date() - timedelta(days=1)
        held = {
            row["product"]
            for row in self.products[customer]
            if row["opened_on"] <= yesterday and (row["closed_on"] is None or row["closed_on"] > yesterday)
        }
        attributes = {spec.name for spec in self.plan.profile_schema.columns}
        values = {name: value for name, value in known.items() if name in attributes}
        return self.plan.profile_schema.encode(values | {"holds": held})

    def history(self, customer: str, now: datetime) -> list[Contact]:
        """The contact history that the store would have held then."""
        told = []
        for row in self.contacts[customer]:
            if row["at"] < now:
                state = ContactState.SHOWN if row["impression"] else ContactState.PENDING
                for answer, leads_to in (
                    ("positive", ContactState.ACCEPTED),
                    ("declined", ContactState.DECLINED),
                    ("converted", ContactState.CONVERTED),
                ):
                    if row["impression"] and row[answer] and row[f"{answer}_at"] <= now:
                        state = max(state, leads_to)
                action = self.plan.actions[self.plan.position_by_action[row["action"]]]
                told.append(Contact(int(row["at"].timestamp()), action.hash, 7, 0, state, DeclineReason.NONE, 10))
        return unpack(pack(told))

    def context(self, outcomes: Outcomes, row: int) -> ScoringContext:
        """What a decision about a past contact would have been given."""
        now = datetime.fromtimestamp(int(outcomes.at_s[row]), UTC)
        customer = self.names[int(outcomes.customer[row])]
        return ScoringContext(
            profile=self.profile(customer, now),
            channel=int(outcomes.channel[row]),
            now=now,
            contacts=self.history(customer, now),
        )


def served_row(features: FeatureSet, plan: Plan, context: ScoringContext, action: int) -> list[float]:
    """One row, block by block, from what a decision is given."""
    now_s = int(context.now.timestamp())
    groups = sorted({offered.group for offered in plan.actions})
    group_by_hash = {offered.hash: groups.index(offered.group) for offered in plan.actions}
    history = count_history(context.contacts, group_by_hash, now_s)
    own = plan.actions[action].hash
    return [
        *CustomerReader(features.customer, plan.profile_schema).read(context.profile),
        features.channel_codes(plan)[context.channel],
        *season(now_s),
        *history.overall,
        *history.by_group.get(group_by_hash[own], NEVER),
        *history.by_action.get(own, NEVER),
        *describe_actions(features, plan)[action],
    ]


@pytest.fixture(scope="module")
def files(installation: Installation) -> Files:
    return Files(installation)


@pytest.fixture(scope="module")
def read(installation: Installation) -> BankRows:
    """Rows drawn from all over the history."""

    def pick(outcomes: Outcomes) -> Floats:
        weight = np.zeros(len(outcomes))
        weight[np.random.default_rng(5).choice(len(outcomes), SAMPLED, replace=False)] = 1.0
        return weight

    return read_rows(
        installation.plan, installation.bank_dir, Window(), pick=pick, features=installation.model.learned.features
    )


def differences(trained: Floats, served: Sequence[Sequence[float]], names: Sequence[str]) -> list[str]:
    """The names of the columns in which some row differs; missing equals missing."""
    other = np.array(served, dtype=np.float64)
    same = (trained == other) | (np.isnan(trained) & np.isnan(other))
    return [names[column] for column in np.flatnonzero(~same.all(axis=0)).tolist()]


def test_training_rows_are_served_rows(installation: Installation, files: Files, read: BankRows) -> None:
    """All of them, in every column, to the last bit."""
    outcomes, features = read.rows.outcomes, read.rows.features
    assert len(outcomes) == SAMPLED
    served = [
        served_row(features, installation.plan, files.context(outcomes, row), int(outcomes.action[row]))
        for row in range(len(outcomes))
    ]
    assert differences(read.rows.matrix, served, features.names) == []


def test_rows_say_something_of_every_kind(read: BankRows) -> None:
    """Otherwise equal rows would prove little: there are gaps, holdings, past contacts and declines."""
    columns = dict(zip(read.rows.features.names, read.rows.matrix.T, strict=True))
    for name in ("income.monthly", "employment", "contacts.days_since_decline"):
        assert 0.0 < np.isnan(columns[name]).mean() < 1.0, name
    for name in (
        "holds.isa",
        "contacts.impressions_7d",
        "contacts.group.declines_30d",
        "contacts.action.impressions_30d",
    ):
        assert len(np.unique(columns[name])) > 1, name


def test_served_scores_are_those_of_lightgbm_on_training_rows(
    installation: Installation, files: Files, read: BankRows
) -> None:
    """The decision's short way, every candidate at once, gives each the score of its whole row."""
    plan, model, outcomes = installation.plan, installation.model, read.rows.outcomes
    booster = lightgbm.Booster(model_str=(installation.trained.folder / TREES).read_text())
    blend, scorer = model.blend(plan), model.bind(plan)
    candidates = list(range(len(plan.actions)))
    for row in range(0, SAMPLED, 12):
        context = files.context(outcomes, row)
        rows = np.array([served_row(model.learned.features, plan, context, action) for action in candidates])
        raw = np.asarray(booster.predict(rows, raw_score=True, num_threads=1))
        expected = blend.conversion[context.channel] * sigmoid(
            blend.slope[context.channel] * raw + blend.intercept[context.channel]
        )
        assert list(scorer.score(context, candidates)) == pytest.approx(expected.tolist(), rel=1e-15)


def test_a_score_does_not_depend_on_the_other_candidates(
    installation: Installation, files: Files, read: BankRows
) -> None:
    """Nor on their order, nor on how often one is asked for."""
    scorer = installation.model.bind(installation.plan)
    for row in range(0, SAMPLED, 60):
        context = files.context(read.rows.outcomes, row)
        together = scorer.score(context, [4, 2, 0, 1, 5, 3])
        assert [scorer.score(context, [action])[0] for action in (4, 2, 0, 1, 5, 3)] == together
        assert scorer.score(context, [1, 1]) == [together[3]] * 2
        assert list(scorer.score(context, [])) == []


def test_values_that_came_late_are_missing_in_their_rows(installation: Installation) -> None:
    """The planted fact, were it read in spite of all, would say nothing about a contact before it was known."""

    def every_tenth(outcomes: Outcomes) -> Floats:
        return np.where(np.arange(len(outcomes)) % 10 == 0, 1.0, 0.0)

    read = read_rows(
        installation.plan, installation.bank_dir, Window(), pick=every_tenth, features=features_of(installation.plan)
    )
    planted = read.rows.features.names.index("followup.calls_30d")
    assert np.isnan(read.rows.matrix[:, planted]).all()
