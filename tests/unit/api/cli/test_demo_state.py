"""What a demonstration's folder remembers, and what it does not take over."""

import json
from datetime import date
from pathlib import Path

import pytest

from api.cli.console import Usage
from api.cli.demo_state import DemoState, forget_bank, read_state, refuse_foreign, reusable_day, write_state

TODAY = date(2026, 11, 22)


def bank(folder: Path, **manifest: object) -> Path:
    (folder / "bank").mkdir()
    (folder / "bank" / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_folder_remembers_what_was_done(tmp_path: Path) -> None:
    state = DemoState(bank="b").loaded("l").trained("t")
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state == DemoState(bank="b", loaded_for="l", trained_for="t")


@pytest.mark.parametrize("noted", ["", "{", '{"other": 1}', "[]"])
def test_broken_memory_is_none(tmp_path: Path, noted: str) -> None:
    (tmp_path / "demo.json").write_text(noted)
    assert read_state(tmp_path) == DemoState()


def test_installation_that_is_no_demonstration_is_refused(tmp_path: Path) -> None:
    refuse_foreign(tmp_path)
    (tmp_path / "valkey").mkdir()
    with pytest.raises(Usage):
        refuse_foreign(tmp_path)
    write_state(tmp_path, DemoState())
    refuse_foreign(tmp_path)


@pytest.mark.parametrize(
    ("as_of", "customers", "reused"),
    [("2026-11-20", 300, True), ("2026-11-10", 300, False), ("2026-11-23", 300, False), ("2026-11-20", 200, False)],
)
def test_recent_bank_of_the_right_size_is_used_again(tmp_path: Path, as_of: str, customers: int, reused: bool) -> None:
    folder = bank(tmp_path, as_of=as_of, customers=customers)
    assert reusable_day(folder, 300, TODAY) == (date.fromisoformat(as_of) if reused else None)


def test_no_bank_is_used_again_where_there_is_none(tmp_path: Path) -> None:
    assert reusable_day(tmp_path, 300, TODAY) is None


def test_forgetting_a_bank_leaves_its_files_and_drops_what_was_made_of_it(tmp_path: Path) -> None:
    folder = bank(tmp_path, as_of="2026-11-20", customers=300)
    for name in ("valkey", "models"):
        (folder / name).mkdir()
    forget_bank(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["bank"]
