"""Reads one mapped value for every row: takes the column, applies the mapping's steps, brings it into held form."""

from dataclasses import dataclass
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from api.loading.dates import distance_until, read_dates
from api.loading.held import BadCell, HeldColumn, hold_column
from api.loading.mapping import Cell
from engine.facts import FactSpec, FactType

_LOCAL: Final = r"^(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)$"
_TO_THE_MINUTE: Final = 16
"""Characters of `2026-01-31T10:00`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What reading values depends on beside the rows."""

    as_of: date
    zone: ZoneInfo
    """The zone of instants that name none, and in which an instant becomes a day."""
    until_s: int
    """Nothing can have happened after this second of the epoch."""


def read_cell(cell: Cell, spec: FactSpec, frame: pl.DataFrame, reading: Reading) -> HeldColumn:
    """The held values of a cell, one per row; bad ones are missing and listed, unless the mapping lets them go."""
    if cell.constant is not None:
        return _constant(cell.constant, spec, len(frame))
    assert cell.column is not None
    raw = frame[cell.column]
    stepped, bad = _steps(cell, spec, raw, reading)
    held = hold_column(spec, _alone(stepped) if spec.type is FactType.SET else stepped)
    refused = {**dict(held.bad), **dict(bad)}
    return HeldColumn(_filled(cell, spec, held.values, raw), tuple(BadCell(*item) for item in sorted(refused.items())))


def _constant(texts: tuple[str, ...], spec: FactSpec, height: int) -> HeldColumn:
    natural = pl.Series("constant", [list(texts)], dtype=pl.List(pl.String))
    held = hold_column(spec, natural if spec.type is FactType.SET else natural.list.first())
    bad = tuple(BadCell(position, reason) for position in range(height) for _, reason in held.bad)
    return HeldColumn(pl.select(pl.repeat(held.values.first(), height, dtype=held.values.dtype)).to_series(), bad)


def _alone(column: pl.Series) -> pl.Series:
    """Single values as lists of one; lists stay as they are."""
    if isinstance(column.dtype, pl.List):
        return column
    values = pl.DataFrame({"value": column.cast(pl.String)})
    return values.select(pl.when(pl.col("value").is_not_null()).then(pl.concat_list("value")))["value"]


def _filled(cell: Cell, spec: FactSpec, values: pl.Series, raw: pl.Series) -> pl.Series:
    """Put the mapping's own value where the source has none; a bad value stays missing."""
    if cell.if_missing is None:
        return values
    given = _constant((cell.if_missing,), spec, len(values)).values
    return given.zip_with(raw.is_null() & values.is_null(), values)


def _steps(cell: Cell, spec: FactSpec, raw: pl.Series, reading: Reading) -> tuple[pl.Series, tuple[BadCell, ...]]:
    """Natural values that `hold_column` takes, and what a step could not read."""
    column = raw
    if cell.split is not None:
        column = _members(column, cell.split)
    if column.dtype.is_nested() and _wants_single(cell):
        bad_ones = column.is_not_null().arg_true().to_list()
        return column.clear(len(column)), tuple(BadCell(position, "must be a single value") for position in bad_ones)
    if cell.characters is not None:
        first, last = cell.characters
        column = column.cast(pl.String).str.slice(first - 1, last - first + 1)
    bad: pl.Series | None = None
    reason = ""
    if cell.codes or cell.otherwise is not None:
        column, bad = _decoded(cell, column)
        reason = "has a code that the mapping does not list"
    if cell.date is not None:
        before, column = column, read_dates(column, cell.date)
        bad, reason = before.is_not_null() & column.is_null(), f"must be a date written as {cell.date.text}"
    column = _in_zone(column, spec, reading)
    if cell.until_as_of is not None:
        column = distance_until(_days(column), reading.as_of, cell.until_as_of)
    if cell.times is not None or cell.bands:
        column, bad, reason = _calculated(cell, column, bad, reason)
    if cell.prefix:
        column = cell.prefix + column.cast(pl.String)
    marked = () if bad is None else tuple(BadCell(position, reason) for position in bad.arg_true().to_list())
    return column, marked


def _wants_single(cell: Cell) -> bool:
    steps = (cell.characters, cell.date, cell.until_as_of, cell.times, cell.bands or None, cell.prefix or None)
    return any(step is not None for step in steps)


def _members(column: pl.Series, separator: str) -> pl.Series:
    if isinstance(column.dtype, pl.List):
        return column
    parts = column.cast(pl.String).str.split(separator)
    return parts.list.eval(pl.element().str.strip_chars()).list.eval(pl.element().filter(pl.element() != ""))


def _decoded(cell: Cell, column: pl.Series) -> tuple[pl.Series, pl.Series]:
    codes = list(cell.codes)
    values = list(cell.codes.values())

    def decoded(texts: pl.Series) -> pl.Series:
        return texts.replace_strict(codes, values, default=cell.otherwise, return_dtype=pl.String)

    if isinstance(column.dtype, pl.List):
        flat = decoded(column.explode(empty_as_null=True))
        after = flat.is_null() & column.explode(empty_as_null=True).is_not_null()
        lengths = pl.Series(range(len(column))).repeat_by(column.list.len().fill_null(1).clip(1)).explode()
        frame = pl.DataFrame({"row": lengths, "value": flat, "bad": after})
        grouped = frame.group_by("row", maintain_order=True).agg(pl.col("value").drop_nulls(), pl.col("bad").any())
        return grouped["value"].zip_with(column.is_not_null(), pl.Series([None], dtype=pl.List(pl.String))), grouped[
            "bad"
        ]
    texts = column.cast(pl.String)
    coded = decoded(texts)
    coded = coded.zip_with(texts.is_not_null(), pl.Series([None], dtype=pl.String))
    return coded, coded.is_null() & texts.is_not_null()


def _in_zone(column: pl.Series, spec: FactSpec, reading: Reading) -> pl.Series:
    """Give naive instants the bank's zone, and take the day of an instant there."""
    if spec.type is FactType.INSTANT:
        if column.dtype == pl.Date:
            column = column.cast(pl.Datetime("us"))
        if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is None:
            return column.dt.replace_time_zone(reading.zone.key, ambiguous="earliest", non_existent="null")
        if column.dtype == pl.String:
            return _local_texts(column, reading.zone)
    if spec.type is FactType.DATE and isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
        return column.dt.convert_time_zone(reading.zone.key).dt.replace_time_zone(None)
    return column


def _local_texts(column: pl.Series, zone: ZoneInfo) -> pl.Series:
    """Texts of instants that name no zone, such as `2026-01-31 10:00`, with the zone's; all others as they are."""
    local = column.str.extract(_LOCAL).str.replace(" ", "T")
    if not local.is_not_null().any():
        return column
    padded = pl.select(
        pl.when(local.str.len_chars() == _TO_THE_MINUTE).then(local + ":00").otherwise(local)
    ).to_series()
    naive = padded.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    zoned = naive.dt.replace_time_zone(zone.key, ambiguous="earliest", non_existent="null")
    told = zoned.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return told.zip_with(told.is_not_null(), column)


def _days(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        return column.str.to_date("%Y-%m-%d", strict=False)
    return column.dt.date() if isinstance(column.dtype, pl.Datetime) else column


def _calculated(
    cell: Cell, column: pl.Series, bad: pl.Series | None, reason: str
) -> tuple[pl.Series, pl.Series | None, str]:
    numbers = column.cast(pl.Float64, strict=False)
    wrong = numbers.is_null() & column.is_not_null()
    if wrong.any():
        bad, reason = wrong if bad is None else bad | wrong, reason or "must be a number"
    if cell.times is not None:
        numbers = numbers * float(cell.times)
    if not cell.bands:
        return numbers, bad, reason
    return _banded(cell, numbers), bad, reason


def _banded(cell: Cell, numbers: pl.Series) -> pl.Series:
    value = pl.lit(None, dtype=pl.String)
    for band in reversed(cell.bands):
        text = pl.lit(band.value)
        value = text if band.below is None else pl.when(pl.col("n") < float(band.below)).then(text).otherwise(value)
    chosen = pl.when(pl.col("n").is_not_null()).then(value)
    return pl.DataFrame({"n": numbers}).select(chosen.alias("value"))["value"]
