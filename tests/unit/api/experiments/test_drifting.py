"""Customers who are decided for, held against those that the model was trained on."""

import numpy as np
import pytest

from api.experiments.drifting import Drifting, Trained
from engine import Plan
from engine.facts import NAN, Held
from models.arrays import Floats
from models.bins import TrainingBins, bins_by_name, bins_of
from models.features import features_of
from models.reading import CustomerReader
from tests.unit.api.experiments.test_watching import a_bank, watched
from tests.unit.models.banks import nutshell_plan

NOTHING = np.empty(0)
NOBODY = np.empty(0, dtype=bool)


def profiles(plan: Plan, count: int, *, older: int = 0, seed: int = 1) -> list[list[Held]]:
    rng = np.random.default_rng(seed)
    return [
        plan.profile_schema.encode({"age": int(age) + older, "holds": ["isa"] if rng.random() < 0.5 else []})
        for age in rng.integers(18, 70, count)
    ]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return nutshell_plan()


@pytest.fixture(scope="module")
def trained(plan: Plan) -> Trained:
    """On four thousand customers of 18 to 69 years."""
    features = features_of(plan)
    reader = CustomerReader(features.customer, plan.profile_schema)
    columns: Floats = np.array([reader.read(each) for each in profiles(plan, 4_000, seed=2)])
    names = [feature.name for feature in features.customer]
    kept = bins_by_name(columns, np.ones(len(columns)), names, ())
    spread = bins_of(np.linspace(0.01, 0.1, 1_000))
    return Trained(
        version="m", features=features, bins=TrainingBins(features=kept, propensity=spread, base_rate=0.05), rows=4_000
    )


def test_customers_like_those_of_training_do_not_drift(plan: Plan, trained: Trained) -> None:
    drifting = Drifting(trained)
    for number, profile in enumerate(profiles(plan, 1_000)):
        drifting.see(f"C{number}", plan, profile)
    found = drifting.found(NOTHING, NOBODY)
    assert found is not None
    assert not [shift for shift in found.of_features if shift.alarming]


def test_customers_who_are_older_are_named_as_what_moved(plan: Plan, trained: Trained) -> None:
    """A score that moved and a rate that doubled are told beside it, as figures alone."""
    drifting = Drifting(trained)
    for number, profile in enumerate(profiles(plan, 1_000, older=25)):
        drifting.see(f"C{number}", plan, profile)
    found = drifting.found(np.full(400, 0.09), np.arange(400) < 40)
    assert found is not None
    assert [shift.name for shift in found.of_features if shift.alarming] == ["age"]
    assert found.figures["psi_highest_of"] == "age"
    assert found.figures["features_alarming"] == 1
    assert found.figures["base_rate_ratio"] == 2.0
    assert found.shifts[0].index > 0.2


def test_a_customer_counts_once_as_last_read(plan: Plan, trained: Trained) -> None:
    """Whoever comes back a hundred times is one customer; a hundred are needed."""
    drifting = Drifting(trained)
    for profile in profiles(plan, 1_000):
        drifting.see("C1", plan, profile)
    assert drifting.found(NOTHING, NOBODY) is None
    for number, profile in enumerate(profiles(plan, 99, seed=5)):
        drifting.see(f"D{number}", plan, profile)
    assert drifting.found(NOTHING, NOBODY) is not None


def test_rules_that_declare_the_facts_otherwise_are_passed_over(trained: Trained) -> None:
    """The model reads `employment`, which these rules do not have."""
    other = a_bank()
    drifting = Drifting(trained)
    for number in range(200):
        drifting.see(f"C{number}", other, other.profile_schema.empty())
    assert drifting.found(NOTHING, NOBODY) is None


def test_a_watch_tells_what_moved_of_those_who_were_admitted(plan: Plan, trained: Trained) -> None:
    """Nobody's age is known any more, to decisions of the very model that serves."""
    empty: list[Held] = [NAN if spec.name == "age" else spec.missing for spec in plan.profile_schema.columns]
    drifting = Drifting(trained)
    for number in range(150):
        drifting.see(f"C{number}", plan, empty)
    watch = watched(10)
    watch.drifting = drifting
    sentences = watch.found().findings()
    assert any(sentence.startswith("`age` is distributed otherwise than in training") for sentence in sentences)
