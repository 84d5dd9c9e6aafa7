"""Reads durations, days and instants as rule files write them."""

import re
from datetime import date, datetime
from typing import Final, Literal, cast

from engine.compiler.grammar.words import DURATION
from engine.syntax import Duration

_DURATION: Final = re.compile(DURATION, re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_UNIT_BY_WORD: Final = {"minute": "min", "min": "min", "hour": "h", "day": "d", "month": "mo", "year": "y"}
_WORDED: Final = re.compile(rf"(\d{{1,5}})\s*({'|'.join(_UNIT_BY_WORD)}|week)s?", re.ASCII)
_AMOUNT: Final = re.compile(r"\d+", re.ASCII)
_Unit = Literal["min", "h", "d", "mo", "y"]
LONGEST: Final = 100 * 366
FIRST_YEAR: Final = 1800
LAST_YEAR: Final = 2999


def read_duration(text: str) -> Duration | None:
    """A duration such as `30d`, `2y`, `6mo`, `12h` or `10min`; `m` is refused for being either; None: not one."""
    written = text.strip()
    amount = _AMOUNT.match(written)
    if amount is None or _DURATION.fullmatch(written) is None or len(amount[0]) > 6:
        return None
    duration = Duration(int(amount[0]), cast(_Unit, written[amount.end() :].strip()))
    return duration if duration.longest_days <= LONGEST else None


def duration_hint(text: str) -> str:
    """How a duration is written, said to somebody who wrote it otherwise."""
    worded = _WORDED.fullmatch(text.strip().lower())
    if worded is not None:
        amount, word = int(worded[1]), worded[2]
        return f"write `{7 * amount}d`" if word == "week" else f"write `{amount}{_UNIT_BY_WORD[word]}`"
    return "write months as `mo`, minutes as `min`" if text.strip().endswith("m") else "such as `30d`, `6mo` or `2y`"


def read_instant(text: str) -> datetime | None:
    """An instant such as `2026-01-31T18:30:00Z`, in the same years; without a zone where none was written."""
    if not _INSTANT.fullmatch(text) or read_day(text[:10]) is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def read_day(text: str) -> date | None:
    """A calendar date such as `2026-01-31`, in years that windows and zones can be counted in; None: not one."""
    if not _DAY.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


def exists(text: str) -> bool:
    """Whether a text that is written like a date names a day of the calendar; true of everything else."""
    if _DAY.fullmatch(text[:10]) is None:
        return True
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True
