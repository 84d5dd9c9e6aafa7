"""The short version of `python -m tests.guarantees outcomes`: one storm, kills, and two cuts of the store's power."""

import pytest

from bench.report import CaseResult
from tests.guarantees import outcomes, power

pytestmark = pytest.mark.skipif(power.reason_to_skip() is not None, reason=str(power.reason_to_skip()))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> CaseResult:
    """What the storm came to."""
    return outcomes.run(tmp_path_factory.mktemp("nbg"), quick=True)


@pytest.mark.parametrize(
    "what",
    [
        "outcomes acknowledged and lost",
        "outcomes that took effect more than once",
        "consents acknowledged and lost",
        "decisions answered whole and lost",
        "accepts without exactly one order",
        "records that say something else than their outcomes",
        "events counted otherwise than once",
    ],
)
def test_what_was_acknowledged_is_there_once(found: CaseResult, what: str) -> None:
    """Each was sent one to five times, in random order, while processes died."""
    (target,) = (each for each in found.targets if each.what == what)
    assert target.measured == 0


def test_store_that_syncs_once_a_second_loses_what_it_acknowledged(found: CaseResult) -> None:
    """The same cut shows it: the proof can fail."""
    (control,) = (each for each in found.targets if each.bound == "at least")
    assert control.met
