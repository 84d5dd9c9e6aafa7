"""What a demonstration's data folder already holds: which bank, loaded for which rules, and with a model or not."""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from api.cli.console import Usage
from engine.plan import Plan

STILL_FRESH: Final = timedelta(days=7)
"""A bank whose history ends so long ago is used again unless a day is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoState:
    """What the last demonstration on a folder came to; empty texts stand for nothing yet."""

    bank: str = ""
    loaded_for: str = ""
    trained_for: str = ""

    def loaded(self, layout: str) -> "DemoState":
        """The state once the bank is in the store."""
        return replace(self, loaded_for=layout)

    def trained(self, layout: str) -> "DemoState":
        """The state once a model is there."""
        return replace(self, trained_for=layout)


def read_state(data_dir: Path) -> DemoState:
    """What is noted in a folder."""
    try:
        return DemoState(**json.loads(_file(data_dir).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return DemoState()


def write_state(data_dir: Path, state: DemoState) -> None:
    """Note what was done, so that the next start does not do it again."""
    draft = _file(data_dir).with_suffix(".draft")
    draft.write_text(json.dumps(asdict(state)), encoding="utf-8")
    draft.replace(_file(data_dir))


def refuse_foreign(data_dir: Path) -> None:
    """A demonstration replaces what its folder holds, so it takes only an empty one or its own.

    Raises:
        Usage: the folder holds an installation that no demonstration made.
    """
    if (data_dir / "valkey").exists() and not _file(data_dir).exists():
        raise Usage(f"{data_dir} holds an installation that is no demonstration; choose another --data-dir")


def fingerprint_of_bank(data_dir: Path) -> str:
    """What tells one generated bank from another."""
    return hashlib.sha256((data_dir / "bank" / "manifest.json").read_bytes()).hexdigest()


def fingerprint_of_records(plan: Plan) -> str:
    """What tells rules that need the same records from rules that need others."""
    return f"{plan.profile_schema.hash:08x}{plan.event_layout.hash:08x}"


def reusable_day(data_dir: Path, customers: int, today: date) -> date | None:
    """The last day of the bank that is there, if it is of the right size and recent enough to go on with."""
    try:
        manifest = json.loads((data_dir / "bank" / "manifest.json").read_text(encoding="utf-8"))
        day = date.fromisoformat(manifest["as_of"])
        fits = manifest["customers"] == customers and timedelta(0) <= today - day <= STILL_FRESH
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return day if fits else None


def forget_bank(data_dir: Path) -> None:
    """Remove everything that was made of another bank: its records and its models."""
    for name in ("valkey", "models", "decisions"):
        shutil.rmtree(data_dir / name, ignore_errors=True)


def today() -> date:
    """The day that a bank's history ends on by default."""
    return datetime.now(UTC).date()


def _file(data_dir: Path) -> Path:
    return data_dir / "demo.json"
