"""Reads customers and products from a bank's Parquet files as profiles at past instants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from engine.facts import HOLDS, NAN, NUMERIC, SEGMENTS, FactSpec, FactType, Held, ProfileSchema
from engine.ids import FactName
from models.arrays import Codes
from models.errors import TrainingRefused
from models.history import DAY_S

KNOWN_AT: Final = "known_at"
NEVER_CLOSED: Final = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshots:
    """Profiles as they were known from some instant on, sorted by customer and instant; `holds` is missing in them."""

    customer: Codes
    known_at_s: Codes
    fact_known_at_s: Mapping[FactName, Codes]
    """For facts with a date of their own: when each snapshot's value became known; 0 where it has none."""
    profiles: Sequence[tuple[Held, ...]]
    has_value: Mapping[FactName, Codes]
    """For each column that was read: 1 where a snapshot has a value."""

    def place(self, customer: Codes, at_s: Codes) -> Codes:
        """The snapshot known at each instant; -1 where the customer had none yet."""
        keys = (self.customer << 40) + self.known_at_s
        found = np.searchsorted(keys, (customer << 40) + at_s, side="right") - 1
        own = (found >= 0) & (self.customer[np.maximum(found, 0)] == customer)
        return np.where(own, found, -1)


def read_snapshots(file: Path, schema: ProfileSchema, code_by_customer: Mapping[str, int]) -> Snapshots:
    """Read the profiles of the customers that have a code.

    Values that the catalogue would refuse (out of range, not one of the values) are missing, as they would be when
    loaded. Columns that no model reads are not read.
    """
    frame = read_file(file, ("customer_id", KNOWN_AT), optional=None)
    frame = frame.with_columns(customer=pl.col("customer_id").replace_strict(code_by_customer, default=-1))
    frame = frame.filter(pl.col("customer") >= 0).sort("customer", KNOWN_AT)
    columns: list[Sequence[Held]] = []
    has_value: dict[FactName, Codes] = {}
    for spec in schema.columns:
        if spec.name in frame.columns and (spec.model or spec.name == SEGMENTS) and spec.name != HOLDS:
            columns.append(held_column(spec, frame[spec.name]))
            has_value[spec.name] = frame[spec.name].is_not_null().to_numpy().astype(np.int64)
        else:
            columns.append([spec.missing] * len(frame))
    own_dates = {
        FactName(name.removeprefix(f"{KNOWN_AT}.")): seconds(frame[name])
        for name in frame.columns
        if name.startswith(f"{KNOWN_AT}.")
    }
    return Snapshots(
        customer=frame["customer"].cast(pl.Int64).to_numpy(),
        known_at_s=seconds(frame[KNOWN_AT]),
        fact_known_at_s=own_dates,
        profiles=list(zip(*columns, strict=True)),
        has_value=has_value,
    )


def held_column(spec: FactSpec, column: pl.Series) -> Sequence[Held]:
    """A column in held form: what `engine.facts.hold` makes of each value, and missing where it would refuse."""
    if spec.type in NUMERIC:
        return _held_numbers(spec, column)
    if spec.type is FactType.CATEGORY:
        code_by_value: Mapping[str | None, int] = {value: code for code, value in enumerate(spec.values)}
        return [code_by_value.get(value) for value in column.to_list()]
    if spec.type is FactType.SET:
        bit_by_value = {value: 1 << bit for bit, value in enumerate(spec.values)}
        return [
            None if held is None else sum(bit_by_value.get(value, 0) for value in set(held))
            for held in column.to_list()
        ]
    if spec.type is FactType.BOOLEAN:
        return column.cast(pl.Boolean).to_list()
    return [spec.missing] * len(column)


def _held_numbers(spec: FactSpec, column: pl.Series) -> Sequence[Held]:
    scaled = column.cast(pl.Float64, strict=False).to_numpy() * 10.0**spec.decimals
    held = np.rint(scaled)
    fits = np.isfinite(held)
    if spec.type is FactType.INTEGER:
        fits &= held == scaled
    if spec.low is not None:
        fits &= held >= spec.low
    if spec.high is not None:
        fits &= held <= spec.high
    return [int(number) if good else NAN for number, good in zip(held.tolist(), fits.tolist(), strict=True)]


def seconds(column: pl.Series) -> Codes:
    """Instants or days as whole seconds since the epoch; 0 where there is none."""
    instants: Codes = column.cast(pl.Datetime("us")).dt.epoch("s").fill_null(0).cast(pl.Int64).to_numpy()
    return instants


class Holdings:
    """Which products a customer held at the end of a day, as the mask of the set fact `holds`."""

    def __init__(self, spans: Mapping[int, Sequence[tuple[int, int, int]]]) -> None:
        """`spans` are by customer: bit, day opened, day closed."""
        self._spans = spans

    def mask(self, customer: int, now_s: int) -> int:
        """What was held at the end of the day before an instant: of that day itself nobody knows what came first."""
        day, mask = now_s // DAY_S, 0
        for bit, opened, closed in self._spans.get(customer, ()):
            if opened < day <= closed:
                mask |= bit
        return mask


def read_holdings(file: Path, schema: ProfileSchema, code_by_customer: Mapping[str, int]) -> Holdings:
    """Read the products of the customers that have a code."""
    spec = schema.columns[schema.position_by_name[HOLDS]]
    bit_by_product = {product: 1 << bit for bit, product in enumerate(spec.values)}
    frame = read_file(file, ("customer_id", "product", "opened_on", "closed_on"))
    opened = (seconds(frame["opened_on"]) // DAY_S).tolist()
    closed = frame["closed_on"].is_not_null().to_numpy()
    last = np.where(closed, seconds(frame["closed_on"]) // DAY_S, NEVER_CLOSED).tolist()
    spans: dict[int, list[tuple[int, int, int]]] = {}
    for name, product, first_day, last_day in zip(frame["customer_id"], frame["product"], opened, last, strict=True):
        customer, bit = code_by_customer.get(name), bit_by_product.get(product)
        if customer is not None and bit is not None:
            spans.setdefault(customer, []).append((bit, first_day, last_day))
    return Holdings(spans)


def read_file(file: Path, required: Sequence[str], optional: Sequence[str] | None = ()) -> pl.DataFrame:
    """Read columns of a Parquet file of the bank; `optional` None reads all there are.

    Raises:
        TrainingRefused: it is not there, is no Parquet file, or lacks a required column.
    """
    try:
        present = pl.read_parquet_schema(file)
        absent = [name for name in required if name not in present]
        if absent:
            raise TrainingRefused(f"`{file.name}` has no column `{absent[0]}`")
        columns = None if optional is None else [name for name in (*required, *optional) if name in present]
        return pl.read_parquet(file, columns=columns)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise TrainingRefused(f"`{file.name}` cannot be read: {error}") from error
