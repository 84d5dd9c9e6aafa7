"""Makes profiles of staged customers: attributes, sums over their other rows, products held, segments and groups."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Final

import polars as pl

from api.loading.held import mask_of
from api.loading.intake import CUSTOMER, FILE
from api.loading.issues import Issue, Issues
from api.loading.mapping import Summary
from api.loading.tables import ROW
from engine.facts import HOLDS, FactSpec, FactType, Held, ProfileSchema, show_number
from engine.ids import FactName


def unique_customers(rows: pl.DataFrame, column: str, issues: Issues) -> pl.DataFrame:
    """Customers whose id stands on one row only; of the others nobody can say which row is right."""
    twice = rows[CUSTOMER].is_duplicated()
    if twice.any():
        _refuse(rows.filter(twice), column, "stands on several rows, so none of them counts", issues)
    return rows.filter(~twice)


def summarised(customers: pl.DataFrame, spec: FactSpec, summary: Summary, rows: pl.DataFrame | None) -> pl.Series:
    """One held value per customer from their rows of another table: 0 or false where a count, sum or any finds none."""
    values = customers.select(CUSTOMER)
    if rows is None:
        values = values.with_columns(pl.lit(None, dtype=pl.Int64).alias(spec.name))
    else:
        made = _SUMMARIES[summary](rows).rename({"made": spec.name})
        values = values.join(made, on=CUSTOMER, how="left", maintain_order="left")
    column = values[spec.name]
    match summary:
        case Summary.COUNT:
            return pl.select(column.fill_null(0).cast(pl.Int64) * 10**spec.decimals).to_series()
        case Summary.SUM:
            return column.fill_null(0)
        case Summary.ANY:
            return column.is_not_null()
        case _:
            return column


def _grouped(value: pl.Expr) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda rows: rows.group_by(CUSTOMER).agg(value.alias("made"))


_SUMMARIES: Final[Mapping[Summary, Callable[[pl.DataFrame], pl.DataFrame]]] = {
    Summary.COUNT: _grouped(pl.len()),
    Summary.ANY: _grouped(pl.len()),
    Summary.SUM: _grouped(pl.col("value").sum()),
    Summary.MIN: _grouped(pl.col("value").min()),
    Summary.MAX: _grouped(pl.col("value").max()),
    Summary.LATEST: _grouped(pl.col("value").sort_by("by", ROW).last()),
}


def within_range(customers: pl.DataFrame, specs: Sequence[FactSpec], issues: Issues) -> pl.DataFrame:
    """Customers whose summed values all lie in their ranges; a single value was checked when it was read."""
    for spec in specs:
        column = customers[spec.name]
        beyond = pl.Series([False]).new_from_index(0, len(customers))
        if spec.low is not None:
            beyond |= (column < spec.low).fill_null(value=False)
        if spec.high is not None:
            beyond |= (column > spec.high).fill_null(value=False)
        if beyond.any():
            bounds = f"must lie in {show_number(spec, spec.low)}..{show_number(spec, spec.high)}"
            _refuse(customers.filter(beyond), spec.name, bounds, issues)
            customers = customers.filter(~beyond)
    return customers


def held_products(customers: pl.DataFrame, rows: Sequence[pl.DataFrame], as_of: int) -> pl.Series:
    """The positions of the products that each customer holds on a day, as a list."""
    held = [_open_on(part, as_of).select(CUSTOMER, "product") for part in rows]
    if not held:
        return pl.Series(HOLDS, [[]] * len(customers), dtype=pl.List(pl.Int64))
    by_customer = pl.concat(held).group_by(CUSTOMER).agg(pl.col("product").unique().sort().alias(HOLDS))
    joined = customers.select(CUSTOMER).join(by_customer, on=CUSTOMER, how="left", maintain_order="left")
    return joined[HOLDS].fill_null(pl.Series([[]], dtype=pl.List(pl.Int64)))


def _open_on(rows: pl.DataFrame, day: int) -> pl.DataFrame:
    if "opened_on" in rows.columns:
        rows = rows.filter((pl.col("opened_on") <= day) | pl.col("opened_on").is_null())
    if "closed_on" in rows.columns:
        rows = rows.filter((pl.col("closed_on") > day) | pl.col("closed_on").is_null())
    return rows


def profiles(schema: ProfileSchema, customers: pl.DataFrame, loaded_sets: frozenset[FactName]) -> list[list[Held]]:
    """One profile per customer, in the order of the schema's columns.

    Args:
        schema: the columns to make.
        customers: staged values under the columns' names; a column that is not there is missing for everyone.
        loaded_sets: the sets whose source was loaded: a customer without a row has none, rather than nobody knows.
    """
    count = len(customers)
    columns = [
        _set_column(customers, spec, loaded_sets) if spec.type is FactType.SET else _column(customers, spec)
        for spec in schema.columns
    ]
    return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in range(count)]


def _column(customers: pl.DataFrame, spec: FactSpec) -> list[Held]:
    if spec.name not in customers.columns:
        return [spec.missing] * len(customers)
    column = customers[spec.name]
    values: list[Held] = column.to_list()
    if column.null_count() and spec.missing is not None:
        return [spec.missing if value is None else value for value in values]
    return values


def _set_column(customers: pl.DataFrame, spec: FactSpec, loaded: frozenset[FactName]) -> list[Held]:
    nobody_has = 0 if spec.name in loaded else spec.missing
    if spec.name not in customers.columns:
        return [nobody_has] * len(customers)
    mask = cache(mask_of)
    lists = customers[spec.name].to_list()
    return [nobody_has if members is None else mask(tuple(members)) for members in lists]


def _refuse(rows: pl.DataFrame, column: str, reason: str, issues: Issues) -> None:
    for file, number in rows.select(FILE, ROW).iter_rows():
        issues.add(Issue(file, number, column, reason))
