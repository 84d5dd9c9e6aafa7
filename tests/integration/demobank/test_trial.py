"""A trial in the hidden world finds the two offers that change nothing and the segment that dislikes being sold to."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from api.bootstrap import compile_rules
from demobank.rulebook import read_rulebook
from demobank.simulation import draw_tuned_world
from models.features import features_of
from models.lift import LEVEL
from models.uplift.effects import ALL_OFFERS
from models.uplift.estimating import judge_trial
from models.uplift.judging import Judged, Verdict, level_of_each
from models.uplift.trials import read_trials
from tests.integration.demobank.conftest import ROOT
from tests.integration.demobank.test_figures import CALENDAR

ACTIONS = ("annuity", "education_loan", "car_insurance", "contents_insurance", "isa", "income_protection")


def play(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "demobank.trial", "--rules", str(ROOT / "rules"), "--as-of", "2026-01-05"]
    return subprocess.run(
        [*command, "--out", str(out), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Judged]:
    """What a trial of 40,000 customers says, by action."""
    file = tmp_path_factory.mktemp("trial") / "trial.parquet"
    done = play(file, "--customers", "40000", "--actions", *ACTIONS)
    assert done.returncode == 0, done.stderr
    features = features_of(compile_rules(ROOT / "rules"))
    judged: dict[str, Judged] = {}
    for trials in read_trials(file, features).trials:
        together = trials.action == ALL_OFFERS
        level = LEVEL if together else level_of_each(len(ACTIONS))
        judged[trials.action] = judge_trial(trials, features.customer, level, grow=together, seed=7)
    return judged


def test_the_sure_things_are_found_and_nothing_else_is_accused(found: dict[str, Judged]) -> None:
    """Those that the world says have no effect, of whom propensity knows nothing of the kind."""
    world = draw_tuned_world(7, CALENDAR, read_rulebook(ROOT / "rules"), lambda _: None)
    sure = {offer.action for offer, is_sure in zip(world.offers, world.sure_thing, strict=True) if is_sure}
    assert {action for action, each in found.items() if each.verdict is Verdict.ANYWAY} == sure
    assert {action for action in ACTIONS if found[action].verdict is Verdict.ADDS} == set(ACTIONS) - sure
    assert all(found[action].share is None for action in set(ACTIONS) - sure)


def test_a_sure_thing_keeps_less_than_half_of_its_propensity(found: dict[str, Judged]) -> None:
    assert all((found[action].share or 0.0) < 0.5 for action in ("annuity", "education_loan"))
    assert all(found[action].share is not None for action in ("annuity", "education_loan"))


def test_propensity_promises_of_the_others_what_they_bring(found: dict[str, Judged]) -> None:
    """The true chance of an answer, times conversions, lies in the interval of what is added."""
    for action in ACTIONS[2:]:
        assert found[action].effect.low < (found[action].promised or 0.0) < found[action].effect.high


def test_the_segment_with_negative_uplift_is_named_and_left_alone(found: dict[str, Judged]) -> None:
    together = found[ALL_OFFERS]
    negative = [part.name for part in together.parts if part.effect.high < 0.0]
    assert negative == [f"segments {read_rulebook(ROOT / 'rules').segments[-1]}"]
    assert [part.name for part in together.parts if part.effect.low > 0.0] == ["segments mass", "segments affluent"]
    assert together.trees_are_better
    assert together.left_alone is not None
    assert together.left_alone.effect.value < -0.03


def test_a_trial_of_few_customers_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert play(tmp_path / f"{name}.parquet", "--customers", "300", "--actions", "isa").returncode == 0
    one, two = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("one", "two"))
    assert one.equals(two)
    assert set(one["action"]) == {"isa", ALL_OFFERS}
    assert 0.3 < one.filter(action="isa")["withheld"].mean() < 0.7  # type: ignore[operator]  # it is a mean of flags


def test_an_unknown_action_is_told(tmp_path: Path) -> None:
    done = play(tmp_path / "trial.parquet", "--customers", "300", "--actions", "yacht")
    assert (done.returncode, done.stderr.strip()) == (2, "demobank: `yacht` is no offer of the demonstration bank")
