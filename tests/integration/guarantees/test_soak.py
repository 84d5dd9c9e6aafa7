"""The short version of `python -m tests.guarantees soak`: events come, leave, and are archived once."""

from pathlib import Path

from tests.guarantees import soak


def test_streams_end_empty_and_every_event_is_archived_once(tmp_path: Path) -> None:
    found = soak.run(tmp_path, quick=True)
    assert [each.what for each in found.targets if not each.met] == []
