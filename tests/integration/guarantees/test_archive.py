"""The short version of `python -m tests.guarantees archive`: archivers are killed while decisions are archived."""

from pathlib import Path

from tests.guarantees import archive


def test_killed_archivers_lose_nothing_and_archive_nothing_twice(tmp_path: Path) -> None:
    found = archive.run(tmp_path, quick=True)
    assert [each.what for each in found.targets if not each.met] == []
