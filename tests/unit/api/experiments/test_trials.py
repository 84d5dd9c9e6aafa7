"""Recorded decisions as trials: who went without, with which chance, and what opened afterwards."""

import asyncio
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from api.adapters.memory import MemoryState
from api.adapters.memory_events import MemoryJournal
from api.decision_record import DecisionRecord
from api.experiments.recorded import walk
from api.experiments.trials import TrialGathering
from api.ports import Stream
from engine import Plan
from engine.facts import Held
from models.features import features_of
from models.uplift.effects import ALL_OFFERS
from models.uplift.trials import read_trials
from tests.builders import KEY, NOW, a_plan, a_question, an_action, decided
from tests.unit.api.experiments.builders import note_decision, note_opening

DAY = timedelta(days=1)
LATER_S = int((NOW + 100 * DAY).timestamp())
OF_ISA = "{experiment: quiet, of: isa@web.*, arms: {usual: 60%, holdout: 40%}}"
OF_ALL = "{experiment: alone, of: all_offers, arms: {offers: 70%, holdout: 30%}}"
CUSTOMERS = [f"C{number:07d}" for number in range(60)]


def a_bank(*experiments: str) -> Plan:
    """An ISA that gives a product, and a service."""
    lines = "".join(f"  - {each}\n" for each in experiments)
    return a_plan(
        an_action("isa", gives="isa", value=200),
        an_action("cover", gives="cover", group="insurance", value=100),
        an_action("alert", group="loans", tier="service", value=50),
        {"policy/experiments.yaml": f"experiments:\n{lines}"} if experiments else {},
    )


class Reading:
    """All customers are 40 years old."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def plan(self, _record: DecisionRecord) -> Plan:
        """See `Reading.plan`."""
        return self._plan

    def profile(self, _record: DecisionRecord) -> list[Held]:
        """See `Reading.profile`."""
        return self._plan.profile_schema.encode({"age": 40, "income": 1_200, "segments": ["mass"], "work": "student"})


def laid_out(plan: Plan, state: MemoryState, *, now_s: int = LATER_S) -> pl.DataFrame:
    async def collect() -> pl.DataFrame:
        found, journal = TrialGathering(Reading(plan)), MemoryJournal(state)
        await walk(journal, Stream.DECISIONS, found.see)
        await walk(journal, Stream.EVENTS, found.see_event)
        assert (found.unreadable, dict(found.missing)) == (0, {})
        return found.table(now_s=now_s, window_days=30)

    return asyncio.run(collect())


def seen(plan: Plan, *, days: int = 0) -> MemoryState:
    """Every customer asks once on the web; the tenth of them opened an ISA two days later, offered or not."""
    state = MemoryState()
    for customer in CUSTOMERS:
        question = a_question(plan, "web.footer", customer=customer)
        at = NOW + days * DAY
        note_decision(state, plan, question, decided(plan, question, now=at, key=KEY), at)
        if customer.endswith("3"):
            note_opening(state, customer, "isa", at + 2 * DAY)
    return state


def test_who_went_without_has_a_row_like_those_who_were_shown_it() -> None:
    plan = a_bank(OF_ISA)
    table = laid_out(plan, seen(plan))
    assert len(table) == len(CUSTOMERS)
    assert set(table["action"]) == {"isa"}
    assert 10 < table["withheld"].sum() < 40
    assert table["treatment_probability"].unique().to_list() == pytest.approx([0.6])
    assert table["propensity"].unique().to_list() == [0.05]
    assert sorted(table.filter("outcome")["customer"]) == [each for each in CUSTOMERS if each.endswith("3")]


def test_of_all_offers_every_customer_has_one_row_from_their_first_decision() -> None:
    plan = a_bank(OF_ALL)
    state = seen(plan)
    question = a_question(plan, "web.footer", customer=CUSTOMERS[0])
    note_decision(state, plan, question, decided(plan, question, now=NOW + 5 * DAY), NOW + 5 * DAY)
    table = laid_out(plan, state)
    assert table["action"].unique().to_list() == [ALL_OFFERS]
    assert table["customer"].n_unique() == len(table) == len(CUSTOMERS)
    assert table["time"].max() == NOW
    assert table["treatment_probability"].unique().to_list() == pytest.approx([0.7])
    assert 5 < table["withheld"].sum() < 35


def test_who_goes_without_everything_says_nothing_of_one_action() -> None:
    plan = a_bank(OF_ISA, OF_ALL)
    table = laid_out(plan, seen(plan))
    left_alone = set(table.filter((pl.col("action") == ALL_OFFERS) & pl.col("withheld"))["customer"])
    of_isa = set(table.filter(pl.col("action") == "isa")["customer"])
    assert left_alone
    assert of_isa == set(CUSTOMERS) - left_alone


def test_rows_whose_window_is_open_are_left_out() -> None:
    plan = a_bank(OF_ISA)
    state = seen(plan, days=90)
    assert laid_out(plan, state).is_empty()


def test_decisions_without_a_holdout_make_no_rows() -> None:
    assert laid_out(a_bank(), seen(a_bank())).is_empty()


def test_the_table_is_what_uplift_reads(tmp_path: Path) -> None:
    """With the facts that a model may read, as they were known."""
    plan = a_bank(OF_ISA)
    laid_out(plan, seen(plan)).write_parquet(tmp_path / "trial.parquet")
    features = features_of(plan)
    (trials,) = read_trials(tmp_path / "trial.parquet", features).trials
    assert trials.action == "isa"
    age = [str(feature.fact) for feature in features.customer].index("age")
    assert set(trials.matrix(features.customer)[:, age]) == {40.0}
    assert int(trials.members("segments")["mass"].sum()) == len(trials)
