"""What became of each row of a table: positive, declined or nothing, told by 1 and 0 or by the names of outcomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from models.arrays import Flags
from models.interactions.values import TRUTHS, refuse_flagged, refuse_gaps

_RISING: Final = ("click", "accept", "convert")
"""Outcomes that may count as a positive answer; a later one implies those before it."""
_NOTHING: Final = ("impression", "later", "decline")
_WORDS: Final = (*_RISING, *_NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One flag a row."""

    positive: Flags
    declined: Flags
    converted: Flags


def read_outcomes(file: str, column: pl.Series, channels: Sequence[str], positives: Mapping[str, str]) -> Told:
    """Read a column of outcomes; `positives` says for each channel which outcome counts, `accept` where it does not.

    Raises:
        TrainingRefused: a row has none, or one that cannot be understood.
    """
    refuse_gaps(file, column, ": write 0 where nothing came of it")
    words = column.cast(pl.String).str.to_lowercase().str.strip_chars()
    plain = words.replace_strict(TRUTHS, default=None, return_dtype=pl.Boolean)
    named = words.is_in(list(_WORDS)).to_numpy()
    refuse_flagged(file, column, plain.is_null().to_numpy() & ~named, _unknown)
    yes = plain.fill_null(value=False).to_numpy()
    level = words.replace_strict({word: at for at, word in enumerate(_RISING)}, default=-1).to_numpy()
    needed = np.array([_RISING.index(positives.get(channel, "accept")) for channel in channels])
    return Told(
        positive=yes | (named & (level >= needed)),
        declined=named & (words == "decline").to_numpy(),
        converted=yes | (words == "convert").to_numpy(),
    )


def _unknown(value: object) -> str:
    return f"`{value}` is no outcome: 1 or 0, yes or no, or one of {', '.join(_WORDS)}"
