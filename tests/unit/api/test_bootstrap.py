"""What is built at the start, and what keeps a process from starting."""

from pathlib import Path

import pytest

from api.bootstrap import compile_rules, store_url
from api.scorers import open_scorers
from api.security import SecretsUnusable, open_secrets
from api.settings import Settings
from engine.errors import RuleErrors
from tests.builders import a_plan, an_action, decided, shown
from tests.unit.api.shells import ROOT, starter_plan


def test_rules_are_named_as_their_author_finds_them(tmp_path: Path) -> None:
    """A diagnostic can be clicked."""
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "bank.yaml").write_text("bank: [")
    with pytest.raises(RuleErrors, match=r"ours/bank\.yaml:1:"):
        compile_rules(folder)


def test_starter_rules_compile_from_their_folder() -> None:
    """The same bundle as in every other test."""
    assert compile_rules(ROOT / "rules").hash == starter_plan().hash


def test_keys_are_minted_for_our_own_store_only(tmp_path: Path) -> None:
    """Two hosts that mint their own keys for one store would refuse each other's tokens."""
    assert open_secrets(Settings(data_dir=tmp_path)) == open_secrets(Settings(data_dir=tmp_path))
    with pytest.raises(SecretsUnusable, match="--secrets FILE"):
        open_secrets(Settings.model_validate({"data_dir": tmp_path, "redis_url": "redis://store"}))


def test_without_a_model_the_baseline_scores(tmp_path: Path) -> None:
    """A bank can start before it has learned anything."""
    scorers = open_scorers(Settings(data_dir=tmp_path), starter_plan())
    assert scorers.scorer is scorers.baseline
    assert scorers.version == "baseline"


def test_model_that_is_not_one_leaves_the_baseline_and_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A bad model never serves, and nobody has to guess."""
    (tmp_path / "manifest.json").write_text("{}")
    scorers = open_scorers(Settings(data_dir=tmp_path, model=tmp_path), starter_plan())
    assert scorers.version == "baseline"
    assert "the model is not taken up" in caplog.text


@pytest.mark.parametrize(("model", "degraded"), [("given", ("score",)), (None, ())])
def test_decision_says_that_its_model_is_missing(tmp_path: Path, model: str | None, degraded: tuple[str, ...]) -> None:
    """Where one was to serve and could not be had; where none was ever promoted, nothing is missing."""
    plan = a_plan(an_action("isa"))
    scorers = open_scorers(Settings(data_dir=tmp_path, model=None if model is None else tmp_path / model), plan)
    decision = decided(plan, scorer=scorers.scorer, baseline=scorers.baseline)
    assert shown(plan, decision) == {"hero": ["isa"]}
    assert decision.degraded == degraded


def test_store_is_the_address_given_or_our_own(tmp_path: Path) -> None:
    """Our own is known before it runs, so that a process which starts first finds it later."""
    given = Settings.model_validate({"data_dir": tmp_path, "redis_url": "redis://store:1"})
    assert store_url(given) == "redis://store:1"
    assert store_url(Settings(data_dir=tmp_path)) == f"unix://{tmp_path}/valkey/server.sock"
