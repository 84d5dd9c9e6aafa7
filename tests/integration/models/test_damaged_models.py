"""A damaged model never serves: 76 of them, first as they would lie on a failing disk, then with hashes that agree."""

import json
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.ports import ScoringContext
from models.artefact import CANARIES, MANIFEST, TREES, read_manifest, sha256
from models.errors import ModelRefused
from models.registry import CURRENT, Registry, open_registry
from models.verify import verify_in_child
from tests.integration.models.conftest import Installation
from tests.unit.models.banks import CUTOFF

Damage = Callable[[bytes], bytes]


def cut(share: float) -> Damage:
    return lambda content: content[: int(len(content) * share)]


def flipped(seed: int) -> Damage:
    """One bit, anywhere."""

    def flip(content: bytes) -> bytes:
        at = random.Random(seed).randrange(8 * len(content))
        damaged = bytearray(content)
        damaged[at // 8] ^= 1 << at % 8
        return bytes(damaged)

    return flip


def zeroed(seed: int) -> Damage:
    """A block that was never written."""

    def zero(content: bytes) -> bytes:
        at = random.Random(seed).randrange(max(1, len(content) - 512))
        return content[:at] + bytes(512) + content[at + 512 :]

    return zero


def swapped(seed: int) -> Damage:
    """Two blocks in the wrong order."""

    def swap(content: bytes) -> bytes:
        half = random.Random(seed).randrange(1, len(content))
        return content[half:] + content[:half]

    return swap


def with_noise(seed: int) -> Damage:
    return lambda content: content + random.Random(seed).randbytes(100)


DAMAGES: list[Damage] = [
    *(cut(share) for share in (0.0, 0.1, 0.5, 0.9, 0.999)),
    *(flipped(seed) for seed in range(10)),
    *(zeroed(seed) for seed in range(2)),
    *(swapped(seed) for seed in range(2)),
    with_noise(1),
]


def replaced(pattern: bytes, by: bytes) -> Damage:
    def replace(content: bytes) -> bytes:
        damaged = re.sub(pattern, by, content, count=1)
        assert damaged != content
        return damaged

    return replace


SEALED: dict[str, Damage] = {
    "the size of the first tree is zero": replaced(rb"tree_sizes=\d+", b"tree_sizes=0"),
    "the size of the first tree is negative": replaced(rb"tree_sizes=\d+", b"tree_sizes=-5"),
    "the size of the first tree is huge": replaced(rb"tree_sizes=\d+", b"tree_sizes=99999999"),
    "the sizes of trees are missing": replaced(rb"tree_sizes=[^\n]*", b"tree_sizes="),
    "leaf weights are missing": replaced(rb"leaf_weight=[^\n]*", b"leaf_weight=1"),
    "leaf counts are missing": replaced(rb"leaf_count=[^\n]*", b"leaf_count="),
    "inner values are missing": replaced(rb"internal_value=[^\n]*\n", b""),
    "gains are missing": replaced(rb"split_gain=[^\n]*", b"split_gain=1"),
    "the shrinkage is no number": replaced(rb"shrinkage=[^\n]*", b"shrinkage=x"),
    "names of features are missing": replaced(rb"feature_names=[^\n]*", b"feature_names=a b"),
    "a tree has a billion leaves": replaced(rb"num_leaves=\d+", b"num_leaves=1000000000"),
    "a tree bites its tail": replaced(rb"left_child=[1-9]\d*", b"left_child=0"),
    "a feature is out of range": replaced(rb"split_feature=\d+", b"split_feature=9999"),
    "a leaf has another sign": replaced(rb"leaf_value=-", b"leaf_value="),
    "every leaf is gone": replaced(rb"leaf_value=[^\n]*", b"leaf_value="),
    "half of the file is gone": cut(0.5),
}


def copied(installation: Installation, models_dir: Path) -> Path:
    """A model's folder elsewhere, writable."""
    folder = models_dir / installation.trained.version
    shutil.copytree(installation.trained.folder, folder)
    for file in folder.iterdir():
        file.chmod(0o644)
    return folder


def refusal(registry: Registry, version: str) -> str:
    with pytest.raises(ModelRefused) as refused:
        registry.load(version)
    return refused.value.reason


@pytest.mark.parametrize("name", [TREES, MANIFEST, CANARIES])
def test_every_damaged_file_is_refused(name: str, installation: Installation, tmp_path: Path) -> None:
    """Twenty kinds of damage to each of the three files; the reason names the file and no path."""
    folder = copied(installation, tmp_path)
    whole = (folder / name).read_bytes()
    for damage in DAMAGES:
        (folder / name).write_bytes(damage(whole))
        reason = refusal(open_registry(tmp_path), folder.name)
        assert reason == f"`{name}` is not the one that was written"
    (folder / name).write_bytes(whole)
    assert open_registry(tmp_path).load(folder.name).version == installation.trained.version


@pytest.mark.parametrize("damage", SEALED.values(), ids=SEALED.keys())
def test_damage_with_agreeing_hashes_harms_only_a_child(
    damage: Damage, installation: Installation, tmp_path: Path
) -> None:
    """As if it had happened before the hashes were made. Most of these kill a process that loads them by LightGBM."""
    trees = damage((installation.trained.folder / TREES).read_bytes())
    manifest = json.loads((installation.trained.folder / MANIFEST).read_bytes())
    manifest["sha256_by_file"][TREES] = sha256(trees)
    sealed = json.dumps(manifest).encode()
    folder = tmp_path / sha256(sealed)
    folder.mkdir()
    (folder / MANIFEST).write_bytes(sealed)
    (folder / TREES).write_bytes(trees)
    shutil.copy(installation.trained.folder / CANARIES, folder / CANARIES)
    assert refusal(open_registry(tmp_path), folder.name)


def test_a_file_that_is_missing_or_no_file_is_refused(installation: Installation, tmp_path: Path) -> None:
    """A pipe would hang whoever reads it."""
    folder = copied(installation, tmp_path)
    for name in (CANARIES, TREES, MANIFEST):
        (folder / name).unlink()
        assert refusal(open_registry(tmp_path), folder.name) == f"`{name}` is not there"
    os.mkfifo(folder / MANIFEST)
    assert refusal(open_registry(tmp_path), folder.name) == f"`{MANIFEST}` is not there"


def test_a_child_that_does_not_finish_is_given_up(installation: Installation) -> None:
    with pytest.raises(ModelRefused, match=r"did not finish within 0\.01 s"):
        verify_in_child(installation.trained.folder, timeout_s=0.01)


def test_a_damaged_model_is_not_promoted_and_the_current_one_serves_on(
    installation: Installation, tmp_path: Path
) -> None:
    folder = copied(installation, tmp_path)
    registry = open_registry(tmp_path)
    registry.promote(folder.name)
    other = tmp_path / ("0" * 64)
    shutil.copytree(folder, other)
    with pytest.raises(ModelRefused):
        registry.promote(other.name)
    assert registry.current() == folder.name
    assert registry.load().version == folder.name


def test_base_rates_serve_where_the_trees_cannot(installation: Installation, tmp_path: Path) -> None:
    """They come from the manifest, which is whole; without any manifest every action gets the same."""
    folder = copied(installation, tmp_path)
    registry = open_registry(tmp_path)
    registry.promote(folder.name)
    (folder / TREES).write_bytes(b"")
    plan = installation.plan
    context = ScoringContext(profile=plan.profile_schema.empty(), channel=1, now=CUTOFF, contacts=[])
    candidates = range(len(plan.actions))
    baseline = registry.baseline(plan)
    assert baseline.version == f"baseline:{folder.name[:12]}"
    assert len(set(baseline.score(context, candidates))) == len(plan.actions)
    assert list(baseline.positives(1)) == list(installation.model.bind(plan).positives(1))
    (folder / MANIFEST).write_bytes(b"{}")
    constant = registry.baseline(plan)
    assert constant.version == "baseline"
    assert set(constant.score(context, candidates)) == {0.01}
    assert set(constant.positives(1)) == {0}


def test_an_empty_registry_says_so(tmp_path: Path) -> None:
    registry = open_registry(tmp_path / "absent")
    assert registry.models() == ()
    assert registry.current() is None
    with pytest.raises(ModelRefused, match="no model has been promoted yet"):
        registry.load()


@pytest.mark.parametrize("pointer", ["", "../../etc", "f" * 64, "é" * 64, "\x00"])
def test_a_damaged_pointer_leads_nowhere(pointer: str, tmp_path: Path) -> None:
    (tmp_path / CURRENT).write_text(pointer)
    with pytest.raises(ModelRefused):
        open_registry(tmp_path).load()


def test_models_are_listed_and_found_by_the_start_of_their_version(installation: Installation) -> None:
    registry = open_registry(installation.models_dir)
    (current,) = [stored for stored in registry.models() if stored.current]
    assert current.version == installation.trained.version
    assert current.manifest == read_manifest(installation.trained.folder)
    assert registry.resolve(current.version[:10]) == current.version
    with pytest.raises(ModelRefused, match="no models start with"):
        registry.resolve("zz")


def test_a_damaged_model_is_listed_with_its_problem(installation: Installation, tmp_path: Path) -> None:
    folder = copied(installation, tmp_path)
    (folder / MANIFEST).write_bytes(b"{}")
    (stored,) = open_registry(tmp_path).models()
    assert stored.manifest is None
    assert stored.problem == f"`{MANIFEST}` is not the one that was written"
