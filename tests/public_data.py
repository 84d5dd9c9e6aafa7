"""The one place that knows where the public data sets lie; they are used there and never copied into the repository."""

import os
from collections.abc import Sequence
from pathlib import Path

VARIABLE = "NEXTBEST_PUBLIC_DATA"
_BESIDE_THE_REPOSITORY = Path(__file__).resolve().parents[2] / "shared" / "data"


def folder() -> Path:
    """Where the public data sets should be, whether or not they are there."""
    return Path(os.environ.get(VARIABLE) or _BESIDE_THE_REPOSITORY)


def reason_to_skip() -> str | None:
    """Why tests on public data cannot run here, or nothing."""
    return None if folder().is_dir() else f"public data absent: set {VARIABLE} to its folder"


def summary(skipped: Sequence[str]) -> str:
    """One line for the end of a run in which tests on public data were skipped."""
    count = len(skipped)
    return f"{count} test{'' if count == 1 else 's'} on public data skipped; {reason_to_skip()}"
