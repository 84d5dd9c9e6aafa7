"""Reads columns of written dates, such as 31.12.1998 or 981231, and counts whole years and months from them."""

import re
from datetime import date
from typing import Final

import polars as pl

from api.loading.mapping import DateFormat, Distance

_TOKENS: Final = {
    "YYYY": r"(?<year>\d{4})",
    "YY": r"(?<year>\d{2})",
    "MM": r"(?<month>\d{2})",
    "DD": r"(?<day>\d{2})",
    "hh": r"(?<hour>\d{2})",
    "mm": r"(?<minute>\d{2})",
    "ss": r"(?<second>\d{2})",
}
_TOKEN: Final = re.compile("|".join(_TOKENS))
_PARTS: Final = ("year", "month", "day", "hour", "minute", "second")


def read_dates(column: pl.Series, how: DateFormat) -> pl.Series:
    """Naive datetimes from texts, null where a text is not written that way or the day does not exist."""
    texts = column.cast(pl.String).str.strip_chars()
    found = texts.str.extract_groups(_pattern(how.text)).struct.unnest()
    parts = {name: found[name].cast(pl.Int32) for name in _PARTS if name in found.columns}
    year = parts["year"] + (0 if "YYYY" in how.text else how.century)
    month = parts["month"]
    if how.month_offset:
        month = (month - how.month_offset).zip_with(month > 12, month)
    clock = [_two_digits(parts[name]) if name in parts else pl.lit("00") for name in ("hour", "minute", "second")]
    iso = pl.select(
        pl.format(
            "{}-{}-{}T{}:{}:{}",
            year.cast(pl.String).str.zfill(4),
            _two_digits(month),
            _two_digits(parts["day"]),
            *clock,
        ).alias("iso")
    )["iso"]
    return iso.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False).alias(column.name)


def _two_digits(part: pl.Series) -> pl.Series:
    return part.cast(pl.String).str.zfill(2)


def _pattern(text: str) -> str:
    pattern, at = "", 0
    for token in _TOKEN.finditer(text):
        pattern += re.escape(text[at : token.start()]) + _TOKENS[token[0]]
        at = token.end()
    return f"^{pattern}{re.escape(text[at:])}$"


def distance_until(days: pl.Series, as_of: date, unit: Distance) -> pl.Series:
    """Whole years or months from each date until a day, negative for later dates."""
    earlier_in_month = (days.dt.day() > as_of.day).cast(pl.Int64)
    year, month = days.dt.year().cast(pl.Int64), days.dt.month().cast(pl.Int64)
    months = (as_of.year - year) * 12 + (as_of.month - month) - earlier_in_month
    return months // 12 if unit is Distance.YEARS else months
