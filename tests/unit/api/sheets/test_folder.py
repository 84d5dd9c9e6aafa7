"""Writing a rules folder: all of it or nothing."""

from pathlib import Path

import pytest

from api.sheets.folder import FolderChanged, rule_files, write_files

SEEN = {"a.yaml": b"a: 1\n", "b.yaml": b"b: 1\n", "policy/c.yaml": b"c: 1\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in SEEN.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_files_are_replaced_added_and_removed(folder: Path) -> None:
    write_files(folder, {"a.yaml": b"a: 2\n", "new/d.yaml": b"d: 1\n", "policy/c.yaml": None}, SEEN)
    assert rule_files(folder) == {"a.yaml": b"a: 2\n", "b.yaml": b"b: 1\n", "new/d.yaml": b"d: 1\n"}


def test_no_draft_is_left_behind(folder: Path) -> None:
    write_files(folder, {"a.yaml": b"a: 2\n"}, SEEN)
    assert sorted(path.name for path in folder.iterdir()) == ["a.yaml", "b.yaml", "policy"]


def test_failure_midway_puts_everything_back(folder: Path) -> None:
    (folder / "d.yaml").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_files(folder, {"a.yaml": b"a: 2\n", "policy/c.yaml": None, "d.yaml": b"d: 1\n"}, SEEN)
    assert {name: (folder / name).read_bytes() for name in SEEN} == SEEN


def test_folder_that_changed_meanwhile_is_left_alone(folder: Path) -> None:
    (folder / "b.yaml").write_bytes(b"b: 2\n")
    with pytest.raises(FolderChanged, match="run the import again"):
        write_files(folder, {"a.yaml": b"a: 2\n"}, SEEN)
    assert (folder / "a.yaml").read_bytes() == b"a: 1\n"


def test_link_is_written_through(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("elsewhere") / "real.yaml"
    target.write_bytes(b"a: 1\n")
    (folder / "a.yaml").unlink()
    (folder / "a.yaml").symlink_to(target)
    write_files(folder, {"a.yaml": b"a: 2\n"}, SEEN)
    assert (folder / "a.yaml").is_symlink()
    assert target.read_bytes() == b"a: 2\n"


def test_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert rule_files(tmp_path / "nowhere") == {}
