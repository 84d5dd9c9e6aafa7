"""Compiled modules that are not those of their sources keep a source tree from serving, and nothing else does."""

import os
from pathlib import Path

import pytest

from api.compiled import ModulesOutOfDate, note, see_that_modules_are_up_to_date


def tree(folder: Path, *, is_source_tree: bool = True) -> Path:
    """A tree of two compiled modules; gives the source of one."""
    (folder / "build").mkdir()
    for name in ("engine/fill", "api/adapters/wire"):
        source = folder / f"{name}.py"
        source.parent.mkdir(parents=True)
        source.write_text("limit = 1\n")
        module = folder / f"{name}.cpython-311-x86_64-linux-gnu.so"
        module.write_bytes(b"compiled")
        age(source, 10)
        age(module, 5)
    if is_source_tree:
        (folder / "setup.py").touch()
    note(folder)
    return folder / "engine" / "fill.py"


def age(path: Path, seconds: int) -> None:
    """Let a file have been written some seconds before a certain one."""
    os.utime(path, (1_700_000_000 - seconds, 1_700_000_000 - seconds))


def test_modules_of_their_sources_are_served(tmp_path: Path) -> None:
    """As after `make setup`."""
    tree(tmp_path)
    see_that_modules_are_up_to_date(tmp_path)


def test_source_that_changed_is_named(tmp_path: Path) -> None:
    """With what to do about it."""
    tree(tmp_path).write_text("limit = 2\n")
    with pytest.raises(ModulesOutOfDate) as refused:
        see_that_modules_are_up_to_date(tmp_path)
    said = str(refused.value)
    assert said == f"{Path('engine', 'fill.py')} has changed since the hot path was compiled; run `make setup`"


def test_several_sources_are_counted(tmp_path: Path) -> None:
    """The first of them is named."""
    tree(tmp_path).write_text("limit = 2\n")
    (tmp_path / "api" / "adapters" / "wire.py").write_text("limit = 2\n")
    with pytest.raises(ModulesOutOfDate, match=r"fill\.py and 1 more have changed since"):
        see_that_modules_are_up_to_date(tmp_path)


def test_source_that_was_only_touched_is_no_other(tmp_path: Path) -> None:
    """A checkout of another branch and back writes files anew."""
    age(tree(tmp_path), 0)
    see_that_modules_are_up_to_date(tmp_path)


@pytest.mark.parametrize("noted", [None, b"{", b"[]"])
def test_without_a_note_the_time_decides(tmp_path: Path, noted: bytes | None) -> None:
    """Or with one that cannot be read."""
    age(tree(tmp_path), 0)
    (tmp_path / "build" / "compiled.json").unlink()
    if noted is not None:
        (tmp_path / "build" / "compiled.json").write_bytes(noted)
    with pytest.raises(ModulesOutOfDate):
        see_that_modules_are_up_to_date(tmp_path)


def test_installed_package_is_not_looked_at(tmp_path: Path) -> None:
    """Its files have the times that the installer gave them."""
    tree(tmp_path, is_source_tree=False).write_text("limit = 2\n")
    see_that_modules_are_up_to_date(tmp_path)
