"""Brings whole columns of natural values into held form, as `engine.facts.hold` does value by value.

The fast path is vectorised; whatever it is not sure of (a number near a rounding edge, a text that is no number) is
asked of `hold` itself, so that the two cannot disagree.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import polars as pl

from engine.errors import FactError
from engine.facts import MAX_HELD, MAX_TEXT, FactSpec, FactType, Held, Natural, hold, is_missing

_NUMBER: Final = r"^[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?$|^[+-]?\.[0-9]+$"
_DAY_ZERO: Final = 719_163
"""Ordinal of 1970-01-01."""


class BadCell(NamedTuple):
    """A value that does not fit: its position in the column, and why."""

    position: int
    reason: str


class HeldColumn(NamedTuple):
    """A column in held form and what was wrong with it.

    Numbers, categories, dates and instants are Int64, booleans Boolean, text String, sets lists of positions; null is
    missing, and so is a bad cell.
    """

    values: pl.Series
    bad: tuple[BadCell, ...] = ()


def hold_column(spec: FactSpec, column: pl.Series) -> HeldColumn:
    """Bring a column of text, numbers, dates, instants or lists into the held form of a fact."""
    if column.dtype.is_float():
        column = column.fill_nan(None)
    match spec.type:
        case FactType.INTEGER | FactType.DECIMAL | FactType.MONEY:
            return _numbers(spec, column)
        case FactType.BOOLEAN:
            return _booleans(column)
        case FactType.CATEGORY:
            return _categories(spec, column)
        case FactType.TEXT:
            return _texts(spec, column)
        case FactType.DATE:
            return _dates(spec, column)
        case FactType.INSTANT:
            return _instants(spec, column)
        case FactType.SET:
            return _sets(spec, column)


def _numbers(spec: FactSpec, column: pl.Series) -> HeldColumn:
    if column.dtype == pl.Boolean or not (column.dtype.is_numeric() or column.dtype == pl.String):
        return _asked(spec, column, pl.Int64)
    if column.dtype.is_decimal():
        column = column.cast(pl.String)
    scaled = _as_float(column) * 10.0**spec.decimals
    nearest = scaled.round(0)
    # INVARIANT: away from halves, by more than scaling can err, rounding the float equals rounding the exact decimal.
    edge = scaled.abs() * 4e-16 + 1e-9
    sure = (((scaled - nearest).abs() - 0.5).abs() > edge) & scaled.is_finite() & (nearest.abs() <= MAX_HELD / 4)
    if spec.type is FactType.INTEGER:
        sure &= (scaled - nearest).abs() == 0
    if spec.low is not None:
        sure &= nearest >= spec.low
    if spec.high is not None:
        sure &= nearest <= spec.high
    sure = sure.fill_null(value=False)
    values = nearest.zip_with(sure, pl.Series([None], dtype=pl.Float64)).cast(pl.Int64)
    return _ask_rest(spec, column, values, sure | column.is_null())


def _as_float(column: pl.Series) -> pl.Series:
    if column.dtype != pl.String:
        return column.cast(pl.Float64)
    written = column.str.contains(_NUMBER)
    return column.zip_with(written, pl.Series([None], dtype=pl.String)).cast(pl.Float64, strict=False)


def _booleans(column: pl.Series) -> HeldColumn:
    if column.dtype == pl.Boolean:
        return HeldColumn(column)
    return _replaced(column, {"true": True, "false": False, "1": True, "0": False}, pl.Boolean, "must be true or false")


def _categories(spec: FactSpec, column: pl.Series) -> HeldColumn:
    positions = {value: at for at, value in enumerate(spec.values)}
    return _replaced(column, positions, pl.Int64, f"must be one of {', '.join(spec.values)}")


def _replaced(
    column: pl.Series, by_text: dict[str, bool] | dict[str, int], kind: type[pl.DataType], reason: str
) -> HeldColumn:
    if column.dtype.is_nested():
        return _all_bad(column, kind, reason)
    texts = column.cast(pl.String)
    texts = texts.str.to_lowercase() if kind == pl.Boolean else texts
    values = texts.replace_strict(list(by_text), list(by_text.values()), default=None, return_dtype=kind)
    return HeldColumn(values, _marked(values.is_null() & column.is_not_null(), reason))


def _texts(spec: FactSpec, column: pl.Series) -> HeldColumn:
    if column.dtype != pl.String:
        return _asked(spec, column, pl.String)
    return _ask_rest(spec, column, column, column.str.len_chars().le(MAX_TEXT).fill_null(value=True))


def _dates(spec: FactSpec, column: pl.Series) -> HeldColumn:
    if column.dtype == pl.String:
        days = column.str.to_date("%Y-%m-%d", strict=False)
        exact = days.dt.to_string("%Y-%m-%d").eq_missing(column)
        days = days.zip_with(exact, pl.Series([None], dtype=pl.Date))
        return _ask_rest(spec, column, _ordinals(days), exact)
    if column.dtype == pl.Date:
        return HeldColumn(_ordinals(column))
    if column.dtype == pl.Datetime:
        return HeldColumn(_ordinals(column.dt.date()))
    return _asked(spec, column, pl.Int64)


def _ordinals(days: pl.Series) -> pl.Series:
    return days.to_physical().cast(pl.Int64) + _DAY_ZERO


def _instants(spec: FactSpec, column: pl.Series) -> HeldColumn:
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
        return HeldColumn(column.dt.epoch("s"))
    return _asked(spec, column, pl.Int64)


def _sets(spec: FactSpec, column: pl.Series) -> HeldColumn:
    kind = pl.List(pl.Int64)
    if not isinstance(column.dtype, pl.List):
        return _all_bad(column, kind, "must be a list")
    position = {value: at for at, value in enumerate(spec.values)}
    bad: list[BadCell] = []
    values: list[list[int] | None] = []
    for at, members in enumerate(column.to_list()):
        unknown = next((member for member in members or () if member not in position), None)
        if unknown is not None:
            bad.append(BadCell(at, f"has a value that is not one of {', '.join(spec.values)}"))
        known = unknown is None and members is not None
        values.append(sorted({position[member] for member in members}) if known else None)
    return HeldColumn(pl.Series(column.name, values, dtype=kind), tuple(bad))


def _asked(spec: FactSpec, column: pl.Series, kind: type[pl.DataType]) -> HeldColumn:
    """Every value is asked of `hold`."""
    nothing = pl.Series(column.name, [None] * len(column), dtype=kind)
    return _ask_rest(spec, column, nothing, column.is_null())


def _ask_rest(spec: FactSpec, column: pl.Series, values: pl.Series, sure: pl.Series) -> HeldColumn:
    """Let `hold` judge the values that the fast path is not sure of."""
    unsure = (~sure).arg_true()
    if not len(unsure):
        return HeldColumn(values)
    bad: list[BadCell] = []
    judged: list[Held] = []
    for position, natural in zip(unsure.to_list(), column.gather(unsure).to_list(), strict=True):
        try:
            judged.append(_none_if_missing(hold(spec, _strict(spec, natural))))
        except FactError as error:
            judged.append(None)
            bad.append(BadCell(position, error.problem))
    return HeldColumn(values.scatter(unsure, pl.Series(judged, dtype=values.dtype)), tuple(bad))


def _strict(spec: FactSpec, natural: Natural) -> Natural:
    """Refuse what Python reads as a number and a file's author did not mean: `1_000`, other scripts' digits."""
    if isinstance(natural, str) and spec.type in (FactType.INTEGER, FactType.DECIMAL, FactType.MONEY):
        plain = natural.isascii() and "_" not in natural and any(character.isdigit() for character in natural)
        if not plain:
            raise FactError(spec.name, "must be a number")
    return natural


def _none_if_missing(held: Held) -> Held:
    return None if is_missing(held) else held


def _all_bad(column: pl.Series, kind: type[pl.DataType] | pl.DataType, reason: str) -> HeldColumn:
    values = pl.Series(column.name, [None] * len(column), dtype=kind)
    return HeldColumn(values, _marked(column.is_not_null(), reason))


def _marked(mask: pl.Series, reason: str) -> tuple[BadCell, ...]:
    return tuple(BadCell(position, reason) for position in mask.arg_true().to_list())


def mask_of(positions: Sequence[int]) -> int:
    """The held form of a set from the positions of its members."""
    mask = 0
    for position in positions:
        mask |= 1 << position
    return mask
