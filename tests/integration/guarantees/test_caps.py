"""The short version of `python -m tests.guarantees caps`: 64 clients at once on each of a few customers."""

from pathlib import Path

from tests.guarantees import caps


def test_cap_holds_however_many_ask_at_once_and_whoever_is_killed(tmp_path: Path) -> None:
    """Neither what was answered nor what is reserved exceeds it, and offers are made all the same."""
    found = caps.run(tmp_path, quick=True)
    assert [target.what for target in found.targets if not target.met] == []
