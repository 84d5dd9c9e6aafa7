"""The short version of `python -m tests.guarantees store_faults`; times are for a quiet machine to judge."""

import re

import pytest

from api.telemetry import SECONDS
from bench.report import CaseResult
from tests.guarantees import store_faults
from tests.guarantees.envoy import envoy_binary


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> CaseResult:
    """What the scenarios came to."""
    return store_faults.run(tmp_path_factory.mktemp("faults"), quick=True)


@pytest.mark.parametrize(
    "what",
    [
        "answers with a status other than 200, and none at all",
        "answers with a reason that is not the store's",
        "scenarios that were to degrade answers and did not",
        "answers that claimed to be whole while the store could not serve one",
    ],
)
def test_store_that_fails_costs_offers_and_no_answer(found: CaseResult, what: str) -> None:
    """Stopped, standing still, erring and cutting answers in half; the same server all along, whole again each time."""
    (target,) = (each for each in found.targets if each.what == what)
    assert target.met, found.details


def test_every_scenario_was_under_load(found: CaseResult) -> None:
    """A proof that nobody attended would prove nothing."""
    answers = [each.value for each in found.figures if re.search(": answers$", each.what)]
    through_envoy = store_faults.QUICK_WITH_ENVOY if envoy_binary() else frozenset()
    assert len(answers) == len(store_faults.QUICK | through_envoy)
    assert min(answers) > store_faults.PER_SECOND


def test_answer_later_than_the_bound_is_counted_by_the_servers_own_histogram() -> None:
    """The bound is a bucket of it: budget and ten milliseconds."""
    assert float(store_faults.ANSWERED_WITHIN) in SECONDS
    assert float(store_faults.ANSWERED_WITHIN) * 1_000 == store_faults.BUDGET_MS + 10
