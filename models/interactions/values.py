"""Turns columns of a table into the types of their facts: what cannot be such a value is refused with its place."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl

from engine.facts import NUMERIC, FactSpec, FactType, show_number
from models.arrays import Codes, Flags
from models.errors import TrainingRefused

TRUTHS: Final[Mapping[str, bool]] = {
    "true": True, "yes": True, "y": True, "t": True, "1": True, "1.0": True,
    "false": False, "no": False, "n": False, "f": False, "0": False, "0.0": False,
}  # fmt: skip
_BETWEEN: Final = "|"
"""Stands between the members of a set in a text."""
Findings = Sequence[str]


def place(file: str, column: str, row: int, count: int = 1) -> str:
    """Where a value stands; `row` counts from 0, the text from 1, without the heading."""
    more = f" and {count - 1:,} more" if count > 1 else ""
    return f"`{file}`, column `{column}`, row {row + 1:,}{more}: "


def typed(file: str, spec: FactSpec, column: pl.Series) -> tuple[pl.Series, Findings]:
    """A column with the type of its fact, and what should be known about it.

    Raises:
        TrainingRefused: a value is of another kind, or infinite.
    """
    if column.null_count() == len(column):
        return column, [f"`{file}`, column `{spec.name}`: empty in every row, so the model does not read it"]
    if spec.type in NUMERIC:
        return _numbers(file, spec, column)
    match spec.type:
        case FactType.CATEGORY:
            texts = column.cast(pl.String)
            known = texts.is_in(list(spec.values))
            return texts, _unseen(file, spec, texts, texts.is_not_null() & ~known)
        case FactType.BOOLEAN:
            return truths(file, str(spec.name), column), []
        case FactType.SET:
            return _sets(file, spec, column)
        case _:
            return column, []


def _numbers(file: str, spec: FactSpec, column: pl.Series) -> tuple[pl.Series, Findings]:
    numbers = (
        column.cast(pl.Float64, strict=False)
        if column.dtype != pl.Boolean
        else pl.Series(column.name, [None] * len(column), dtype=pl.Float64)
    )
    _refuse_any(file, column, column.is_not_null() & numbers.is_null(), lambda value: f"`{value}` is no number")
    numbers = numbers.fill_nan(None)
    _refuse_any(file, column, numbers.is_infinite().fill_null(value=False), lambda _: "the number is infinite")
    scale = 10.0**spec.decimals
    low = -np.inf if spec.low is None else spec.low / scale
    high = np.inf if spec.high is None else spec.high / scale
    outside = ((numbers < low) | (numbers > high)).fill_null(value=False)
    found = []
    if outside.any():
        rows = outside.arg_true()
        found.append(
            f"{place(file, str(spec.name), rows[0], len(rows))}{numbers[rows[0]]:g} is outside "
            f"{show_number(spec, spec.low)}..{show_number(spec, spec.high)} and read as missing"
        )
    broken = (numbers != numbers.round()).fill_null(value=False)
    if spec.type is FactType.INTEGER and broken.any():
        rows = broken.arg_true()
        found.append(
            f"{place(file, str(spec.name), rows[0], len(rows))}{numbers[rows[0]]:g} is no whole number and read as "
            "missing"
        )
    return numbers, found


def _unseen(file: str, spec: FactSpec, texts: pl.Series, unseen: pl.Series) -> Findings:
    if not unseen.any():
        return []
    rows = unseen.arg_true()
    return [
        f"{place(file, str(spec.name), rows[0], len(rows))}`{texts[rows[0]]}` is none of the catalogue's values "
        "and read as missing"
    ]


def _sets(file: str, spec: FactSpec, column: pl.Series) -> tuple[pl.Series, Findings]:
    lists = column if isinstance(column.dtype, pl.List) else column.cast(pl.String).str.split(_BETWEEN)
    lists = lists.cast(pl.List(pl.String))
    exploded = lists.list.set_difference(list(spec.values))
    strange = (exploded.list.len() > 0).fill_null(value=False)
    if not strange.any():
        return lists, []
    rows = strange.arg_true()
    return lists, [
        f"{place(file, str(spec.name), rows[0], len(rows))}`{exploded[rows[0]][0]}` is none of the catalogue's values "
        "and not read"
    ]


def truths(file: str, name: str, column: pl.Series) -> pl.Series:
    """A column of true and false, which may be written as 1 and 0, yes and no.

    Raises:
        TrainingRefused: a value is neither.
    """
    if column.dtype == pl.Boolean:
        return column
    words = column.cast(pl.String).str.to_lowercase().str.strip_chars()
    found = words.replace_strict(TRUTHS, default=None, return_dtype=pl.Boolean)
    _refuse_any(file, column.rename(name), words.is_not_null() & found.is_null(), _no_truth)
    return found


def _no_truth(value: object) -> str:
    return f"`{value}` is neither true nor false"


def instants(file: str, column: pl.Series) -> Codes:
    """Seconds since the epoch, 0 where nothing is said; an instant without a zone is one of UTC.

    Raises:
        TrainingRefused: a value is no instant.
    """
    moments = column
    if column.dtype == pl.String:
        texts = column.str.strip_chars().str.replace(r"^(\d{4}-\d{2}-\d{2})$", "${1}T00:00:00")
        texts = texts.str.replace(" ", "T", literal=True)
        texts = texts.str.replace(r"(T\d{2}:\d{2})($|Z|[+-])", "${1}:00${2}")
        with_zone = texts.str.contains(r"(Z|[+-]\d{2}:?\d{2})$")
        texts = pl.select(pl.when(with_zone).then(texts).otherwise(texts + "Z")).to_series()
        moments = texts.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", strict=False)
    elif column.dtype == pl.Date:
        moments = column.cast(pl.Datetime("us"))
    elif not isinstance(column.dtype, pl.Datetime):
        moments = pl.Series(column.name, [None] * len(column), dtype=pl.Datetime("us"))
    wrong = column.is_not_null() & moments.is_null()
    _refuse_any(file, column, wrong, lambda value: f"`{value}` is no instant such as 2026-01-31T10:00:00Z")
    seconds: Codes = moments.cast(pl.Datetime("us")).dt.epoch("s").fill_null(0).cast(pl.Int64).to_numpy()
    return seconds


def refuse_gaps(file: str, column: pl.Series, hint: str = "") -> None:
    """See that a column has a value in every row.

    Raises:
        TrainingRefused: it has not.
    """
    _refuse_any(file, column, column.is_null(), lambda _: f"there is no value{hint}")


def refuse_flagged(file: str, column: pl.Series, wrong: Flags, why: Callable[[object], str]) -> None:
    """Refuse a column for the first of the rows that are flagged.

    Raises:
        TrainingRefused: one is.
    """
    _refuse_any(file, column, pl.Series(wrong), why)


def _refuse_any(file: str, column: pl.Series, wrong: pl.Series, why: Callable[[object], str]) -> None:
    if wrong.any():
        rows = wrong.arg_true()
        raise TrainingRefused(place(file, column.name, rows[0], len(rows)) + why(column[rows[0]]))
