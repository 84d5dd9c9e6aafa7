"""Which model serves: objections, promotion, the way back, and the journal of who decided."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app
from models.artefact import BINS, MANIFEST, read_bins, read_manifest, sha256
from models.challenge import read_challenge
from models.errors import ModelRefused
from models.journal import JOURNAL, changes
from models.promotion import Evidence, write_evidence
from models.registry import CURRENT, Registry, open_registry
from tests.integration.models.conftest import Installation

Change = Callable[[dict[str, Any]], None]


def sealed(installation: Installation, models_dir: Path, change: Change = lambda _: None) -> str:
    """A copy of the model, after a change to its manifest, named by the hash of that."""
    manifest = json.loads((installation.trained.folder / MANIFEST).read_bytes())
    change(manifest)
    content = json.dumps(manifest).encode()
    folder = models_dir / sha256(content)
    shutil.copytree(installation.trained.folder, folder)
    (folder / MANIFEST).chmod(0o644)
    (folder / MANIFEST).write_bytes(content)
    return folder.name


def later(manifest: dict[str, Any]) -> None:
    manifest["training"]["cutoff_s"] += 1


def worse(manifest: dict[str, Any]) -> None:
    manifest["report"]["overall"]["auc"] -= 0.05


def overconfident(manifest: dict[str, Any]) -> None:
    manifest["report"]["calibration"]["slope"] = 0.4


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return open_registry(tmp_path / "models")


def nextbest(registry: Registry, *words: str) -> Any:
    return CliRunner().invoke(app, ["models", *words, "--data-dir", str(registry.models_dir.parent)])


def test_the_way_back_leads_to_what_served_before(installation: Installation, registry: Registry) -> None:
    first, second = sealed(installation, registry.models_dir), sealed(installation, registry.models_dir, later)
    registry.promote(first, who="ann", why="the first one")
    with pytest.raises(ModelRefused, match="no model served before"):
        registry.rollback(who="ann", why="")
    registry.promote(second, who="bob", why="newer")
    assert registry.rollback(who="cid", why="complaints") == first
    assert registry.current() == first
    assert [(each.what, each.version, each.before, each.who, each.why) for each in changes(registry.models_dir)] == [
        ("promote", first, None, "ann", "the first one"),
        ("promote", second, first, "bob", "newer"),
        ("rollback", first, second, "cid", "complaints"),
    ]


def test_a_damaged_model_is_no_way_back(installation: Installation, registry: Registry) -> None:
    first, second = sealed(installation, registry.models_dir), sealed(installation, registry.models_dir, later)
    registry.promote(first)
    registry.promote(second)
    (registry.models_dir / first / BINS).unlink()
    with pytest.raises(ModelRefused, match=r"`bins\.json` is not there"):
        registry.rollback(who="ann", why="")
    assert registry.current() == second
    assert len(changes(registry.models_dir)) == 2


def test_a_line_that_a_crash_cut_short_is_passed_over(installation: Installation, registry: Registry) -> None:
    first = sealed(installation, registry.models_dir)
    registry.promote(first)
    journal = registry.models_dir / JOURNAL
    journal.write_bytes(journal.read_bytes() + b'{"at":"2026-0')
    assert [each.version for each in changes(registry.models_dir)] == [first]


@pytest.mark.parametrize(
    ("change", "says"),
    [(worse, "it ranks its test contacts with an AUC of 0."), (overconfident, "calibration slope 0.40, outside")],
)
def test_a_model_that_is_worse_is_objected_to(
    change: Change, says: str, installation: Installation, registry: Registry
) -> None:
    first, second = sealed(installation, registry.models_dir), sealed(installation, registry.models_dir, change)
    registry.promote(first)
    assert registry.objections(first) == ()
    (sentence,) = registry.objections(second)
    assert says in sentence
    refused = nextbest(registry, "promote", second[:12])
    assert (refused.exit_code, registry.current()) == (1, first)
    assert says in refused.stderr
    assert nextbest(registry, "promote", second[:12], "--overrule").exit_code == 2
    forced = nextbest(registry, "promote", second[:12], "--overrule", "--why", "the old one is gone", "--by", "dee")
    assert (forced.exit_code, registry.current()) == (0, second)
    assert changes(registry.models_dir)[-1].objections == (sentence,)
    told = nextbest(registry, "journal").stdout
    assert "by dee: the old one is gone (overruled: " in told
    assert nextbest(registry, "rollback", "--why", "regret").stdout.startswith(
        f"{first[:12]} is the current model again"
    )


def test_evidence_that_was_gathered_is_heard(installation: Installation, registry: Registry) -> None:
    first, second = sealed(installation, registry.models_dir), sealed(installation, registry.models_dir, later)
    registry.promote(first)
    write_evidence(
        registry.models_dir, second, Evidence(kind="fairness", at="2026-01-01", objections=("women are selected less",))
    )
    assert registry.objections(second) == ("fairness: women are selected less",)
    write_evidence(registry.models_dir, second, Evidence(kind="fairness", at="2026-01-02", objections=()))
    assert registry.objections(second) == ()
    (registry.models_dir / "evidence" / second / "fairness.json").write_text("{")
    with pytest.raises(ModelRefused, match=r"evidence `fairness\.json` about it cannot be read"):
        registry.objections(second)


def test_features_that_were_changed_afterwards_are_refused(installation: Installation, registry: Registry) -> None:
    """Hashes agree, and the schema still has another name."""

    def renamed(manifest: dict[str, Any]) -> None:
        manifest["learned"]["features"]["customer"][0]["decimals"] = 3

    version = sealed(installation, registry.models_dir, renamed)
    with pytest.raises(ModelRefused, match="its features are not those that its rows were made by"):
        registry.promote(version)


def test_bins_hold_what_training_saw(installation: Installation) -> None:
    folder = installation.trained.folder
    manifest = read_manifest(folder)
    bins = read_bins(folder, manifest)
    assert bins is not None
    assert set(bins.features) == set(manifest.learned.features.names)
    for name, found in bins.features.items():
        assert len(found.shares) == len(found.edges) + 2, name
        assert sum(found.shares) == pytest.approx(1.0), name
    assert bins.features["income.monthly"].shares[0] == pytest.approx(0.15, abs=0.03)
    assert bins.features["income.monthly"].shares[1:] == pytest.approx([0.085] * 10, abs=0.02)
    assert len(bins.features["action"].shares) == 7
    assert 0.05 < bins.base_rate < 0.3


def test_a_challenge_begins_and_ends_and_is_kept_account_of(installation: Installation, registry: Registry) -> None:
    """It writes the pointer again, at which servers look."""
    first, second = sealed(installation, registry.models_dir), sealed(installation, registry.models_dir, later)
    refused = nextbest(registry, "challenge", second[:12])
    assert (refused.exit_code, refused.stderr) == (1, "nextbest: there is no model to be challenged\n")
    registry.promote(first)
    before = (registry.models_dir / CURRENT).stat()
    assert nextbest(registry, "challenge", first[:12]).stderr == "nextbest: the model serves already\n"
    begun = nextbest(registry, "challenge", second[:12], "--share", "20", "--days", "14", "--why", "newer")
    assert begun.stdout.startswith(f"{second[:12]} scores for 20% of the customers; it is compared on ")
    running = read_challenge(registry.models_dir)
    assert running is not None
    assert (running.version, running.share, (running.until - running.since).days) == (second, 0.2, 14)
    assert (registry.models_dir / CURRENT).stat() != before
    assert registry.current() == first
    assert "challenges already" in nextbest(registry, "challenge", second[:12]).stderr
    assert nextbest(registry, "end-challenge", "--why", "enough").exit_code == 0
    assert read_challenge(registry.models_dir) is None
    assert nextbest(registry, "end-challenge").stderr == "nextbest: no challenge runs\n"
    assert [each.what for each in changes(registry.models_dir)] == ["promote", "challenge", "end_challenge"]


def test_a_promotion_ends_a_challenge(installation: Installation, registry: Registry) -> None:
    first, second = sealed(installation, registry.models_dir), sealed(installation, registry.models_dir, later)
    registry.promote(first)
    registry.challenge(second, share=0.1, days=1, who="ann", why="")
    registry.promote(second)
    assert read_challenge(registry.models_dir) is None
    assert registry.current() == second
