"""The customers file: the bank's snapshot of every attribute, with what is missing, old or planted in it."""

from __future__ import annotations

import numpy as np
import polars as pl

from demobank.arrays import Bools, Dates, Floats, Seconds, stream
from demobank.attributes import ATTRIBUTES, BOOLEANS, CATEGORIES, LEAK
from demobank.calendar import DAY_SECONDS, Calendar
from demobank.people import People
from demobank.rulebook import CHANNELS, Rulebook
from demobank.standing import Standing
from demobank.tables import customer_ids, instants, names

_EMPTY_BY_TYPE: dict[str, pl.DataType] = {
    "boolean": pl.Boolean(),
    "integer": pl.Int64(),
    "decimal": pl.Float64(),
    "money": pl.Float64(),
    "date": pl.Date(),
    "instant": pl.Datetime("us", "UTC"),
    "set": pl.List(pl.String()),
}


def customers_table(
    seed: int, calendar: Calendar, rulebook: Rulebook, people: People, standing: Standing, leak: tuple[Floats, Seconds]
) -> pl.DataFrame:
    """One row per customer. An attribute of the catalogue that the generator does not know is missing for everybody."""
    columns = _columns(people, standing) | {LEAK: _whole(leak[0])}
    attributes = [
        columns[name].alias(name) if name in columns else _nobody_knows(name, kind, people.count)
        for name, kind in rulebook.attributes.items()
    ]
    known_at = instants(calendar, snapshot_times(seed, people)).alias("known_at")
    return pl.DataFrame(
        [
            customer_ids(np.arange(people.count)).alias("customer_id"),
            known_at,
            *attributes,
            *_memberships(rulebook, people, standing),
            instants(calendar, leak[1]).alias(f"known_at.{LEAK}"),
        ]
    )


def snapshot_times(seed: int, people: People) -> Seconds:
    """The week before the history began, or the day a later customer joined; years earlier for stale rows."""
    rng = stream(str(seed), "snapshots")
    fresh = -rng.integers(3_600, 7 * DAY_SECONDS, people.count)
    old = -rng.integers(400, 1_200, people.count) * DAY_SECONDS
    return np.maximum(np.where(people.stale, old, fresh), people.since)


def _columns(people: People, standing: Standing) -> dict[str, pl.Series]:
    columns = {attribute.name: _attribute(people, attribute.name, attribute.decimals) for attribute in ATTRIBUTES}
    return columns | {
        "country": names(standing.country, CATEGORIES["country"]),
        "gender": names(people.gender, CATEGORIES["gender"]),
        "birth_on": pl.Series(people.birth_on),
        "customer.since": pl.Series(people.since_on),
        "mortgage.renews_on": _dates(standing.mortgage_renews_on),
        "car.finance_ends_on": _dates(standing.car_finance_ends_on),
        "arrears.days": _whole(standing.arrears_days),
        "loan.balance": pl.Series(standing.loan_balance),
        "insolvency": pl.Series(standing.insolvency),
        "vulnerable": pl.Series(standing.vulnerable),
        "deceased": pl.Series(people.deceased),
        "staff": pl.Series(standing.staff),
        "staff_suppressed": pl.Series(standing.staff_suppressed),
    }


def _attribute(people: People, name: str, decimals: int) -> pl.Series:
    values = people.shown[name]
    if name in CATEGORIES:
        column = names(values, CATEGORIES[name])
    elif name in BOOLEANS:
        column = pl.Series(values > 0)
    elif decimals:
        column = pl.Series(values + 0.0)  # no negative zeros
    else:
        column = _whole(values)
    return _without(column, people.missing.get(name))


def _without(column: pl.Series, missing: Bools | None) -> pl.Series:
    return column if missing is None else column.set(pl.Series(missing), None)


def _whole(values: Floats) -> pl.Series:
    return pl.Series(values.astype(np.int64))


def _dates(dates: Dates) -> pl.Series:
    return pl.Series(dates.astype("datetime64[D]"))


def _nobody_knows(name: str, kind: str, count: int) -> pl.Series:
    return pl.Series(name, [None], dtype=_EMPTY_BY_TYPE.get(kind, pl.String())).new_from_index(0, count)


def _memberships(rulebook: Rulebook, people: People, standing: Standing) -> list[pl.Series]:
    belongs = {"staff": standing.staff, "student_union": standing.student_union}
    groups = [name for name in rulebook.groups if name in belongs]
    segments = pl.Series([[segment] for segment in rulebook.segments], dtype=pl.List(pl.String))
    return [
        segments.gather(pl.Series(people.segment.astype(np.uint32))).alias("segments"),
        _lists(
            np.column_stack([np.zeros(people.count, dtype=bool), *(belongs[name] for name in groups)])[:, 1:], groups
        ).alias("groups"),
        _lists(people.consent, CHANNELS).alias("consent.marketing"),
        pl.Series("consent.profiling_objection", people.objection),
    ]


def _lists(chosen: Bools, words: tuple[str, ...] | list[str]) -> pl.Series:
    """For each row the words whose column is true."""
    combinations = [[word for bit, word in enumerate(words) if code >> bit & 1] for code in range(1 << len(words))]
    codes = chosen @ (1 << np.arange(len(words), dtype=np.uint32))
    return pl.Series(combinations, dtype=pl.List(pl.String)).gather(pl.Series(codes.astype(np.uint32)))
