"""The short version of `python -m tests.guarantees budgets`: one budget under clients that are killed."""

from pathlib import Path

import pytest

from bench.report import CaseResult
from tests.guarantees import budgets
from tests.guarantees.spender import TOTAL


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> CaseResult:
    """What the rounds came to."""
    folder: Path = tmp_path_factory.mktemp("budgets")
    return budgets.run(folder, quick=True)


def test_no_budget_is_exceeded_whoever_dies(found: CaseResult) -> None:
    """And once the leases of the dead are recovered, budgets say exactly what the histories say."""
    assert [target for target in found.targets if not target.met] == [], found.details


def test_rounds_were_real(found: CaseResult) -> None:
    """A proof in which nothing is offered and nobody dies would prove nothing."""
    figures = {each.what: each.value for each in found.figures}
    assert figures["processes killed"] >= 1
    assert figures["offers of budgets"] > TOTAL / 10
