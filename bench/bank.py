"""The benchmark's bank as Parquet files, in the format that a real bank hands over: for loading and for training.

Answers follow a smooth function of customer and action, so that a hundred trees find something to split on.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from bench.blocks import ATTRIBUTES, MISSING, Attribute, Value, customer_values
from bench.bundle import ACTIONS, PLACEMENTS, SEED, SURVIVORS
from bench.customers import customer_id
from models.arrays import Codes, Flags, Floats

CONTACTS_EACH: Final = 6
_FIRST_DAY: Final = 330
_RESTING_DAYS: Final = 100
"""In so many last days only actions were shown that the rules exclude today: nothing rests, nothing is capped."""
_DAY_US: Final = 86_400 * 1_000_000


def write_bank(folder: Path, customers: int, today: date, seed: int = SEED) -> None:
    """Customers, products, accounts, events and contacts of a bank as it stood this morning."""
    folder.mkdir(parents=True, exist_ok=True)
    people = [customer_values(seed, number) for number in range(customers)]
    ids = [customer_id(number) for number in range(customers)]
    known_at = datetime.combine(today - timedelta(days=400), datetime.min.time(), UTC)
    columns: dict[str, pl.Series] = {"customer_id": pl.Series(ids), "known_at": _instants([known_at] * customers)}
    columns |= {each.name: _column(each, [values[each.name] for values in people]) for each in ATTRIBUTES}
    columns |= {
        "segments": pl.Series([["mass"]] * customers, dtype=pl.List(pl.String)),
        "groups": pl.Series([[]] * customers, dtype=pl.List(pl.String)),
        "consent.marketing": pl.Series([list(PLACEMENTS)] * customers, dtype=pl.List(pl.String)),
        "consent.profiling_objection": pl.Series([False] * customers),
    }
    pl.DataFrame(columns).write_parquet(folder / "customers.parquet")
    _products(ids, today).write_parquet(folder / "products.parquet")
    _accounts(ids).write_parquet(folder / "accounts.parquet")
    _events(ids, known_at).write_parquet(folder / "events.parquet")
    _contacts(ids, _leanings(people), today, np.random.default_rng(seed)).write_parquet(folder / "contacts.parquet")


def _instants(instants: list[datetime]) -> pl.Series:
    return pl.Series(instants, dtype=pl.Datetime("us", "UTC"))


def _column(attribute: Attribute, values: list[Value]) -> pl.Series:
    if attribute.is_number:
        return pl.Series(values, dtype=pl.Int64 if attribute.type == "integer" else pl.Float64, strict=False)
    return pl.Series(values, dtype=pl.Boolean if attribute.type == "boolean" else pl.String)


def _products(ids: list[str], today: date) -> pl.DataFrame:
    opened = today - timedelta(days=390)
    return pl.DataFrame(
        {"customer_id": ids, "product": "product_39", "opened_on": opened, "closed_on": None}
    ).with_columns(pl.col("closed_on").cast(pl.Date))


def _accounts(ids: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "account_number": [f"AC{number:08d}" for number in range(len(ids))],
            "customer_id": ids,
            "role": "owner",
            "kind": "product_39",
            "card_token": [f"tok_{each}" for each in ids],
        }
    )


def _events(ids: list[str], at: datetime) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "event_id": [f"visit-{each}" for each in ids],
            "source": "crm",
            "type": "branch_visit",
            "customer_id": ids,
            "time": _instants([at] * len(ids)),
            "data": "{}",
        }
    )


def _leanings(people: list[dict[str, Value]]) -> Floats:
    """Each customer's numbers, from -1 to 1 inside their bands: what the answers depend on."""
    numbers = [each for each in ATTRIBUTES if each.is_number and each.name not in MISSING]
    held = np.array([[float(values[each.name] or 0) for each in numbers] for values in people])
    width = np.array([each.band_width for each in numbers], dtype=np.float64)
    leanings: Floats = 2.0 * (held % width) / width - 1.0
    return leanings


def _contacts(ids: list[str], leanings: Floats, today: date, chance: np.random.Generator) -> pl.DataFrame:
    count = CONTACTS_EACH * len(ids)
    customer = chance.integers(0, len(ids), count)
    age_us = chance.integers(_DAY_US, _FIRST_DAY * _DAY_US, count)
    action = chance.integers(0, ACTIONS, count)
    step = ACTIONS // SURVIVORS
    action = np.where((age_us < _RESTING_DAYS * _DAY_US) & (action % step == 0), action + 1, action)
    channel = chance.integers(0, len(PLACEMENTS), count)
    positive = chance.random(count) < _probability(leanings[customer], action, channel)
    declined = ~positive & (chance.random(count) < 0.05)
    converted = positive & (chance.random(count) < 0.4)
    midnight_us = int(datetime.combine(today, datetime.min.time(), UTC).timestamp()) * 1_000_000
    at_us = midnight_us - age_us
    channels, placements = list(PLACEMENTS), list(PLACEMENTS.values())
    return pl.DataFrame(
        {
            "contact_id": [f"contact-{number}" for number in range(count)],
            "customer_id": [ids[at] for at in customer],
            "at": _at(at_us),
            "channel": [channels[at] for at in channel],
            "placement": [placements[at] for at in channel],
            "rank": np.ones(count, dtype=np.int64),
            "session_id": [f"past-{number}" for number in range(count)],
            "action": [f"action_{at:04d}" for at in action],
            "impression": np.ones(count, dtype=bool),
            "positive": positive,
            "positive_at": _at(at_us + 60_000_000, positive),
            "declined": declined,
            "declined_at": _at(at_us + 60_000_000, declined),
            "decline_reason": ["not_now" if each else None for each in declined],
            "converted": converted,
            "converted_at": _at(at_us + 3_600_000_000, converted),
            "assignment": "uniform",
            "probability": np.full(count, 1.0 / ACTIONS),
            "candidates": np.full(count, ACTIONS),
        }
    )


def _probability(leanings: Floats, action: Codes, channel: Codes) -> Floats:
    """Of a positive answer: two of the customer's leanings for each action, bent, and a little of the channel."""
    rows = np.arange(len(action))
    first = leanings[rows, action % leanings.shape[1]]
    second = leanings[rows, action * 7 % leanings.shape[1]]
    logit = -1.6 + 1.5 * first + 1.2 * np.sin(3.0 * second) + 0.6 * leanings[:, 0] * leanings[:, 1] - 0.2 * channel
    probability: Floats = 1.0 / (1.0 + np.exp(-logit))
    return probability


def _at(instants_us: Codes, happened: Flags | None = None) -> pl.Series:
    instants = pl.Series(instants_us).cast(pl.Datetime("us", "UTC"))
    if happened is None:
        return instants
    return instants.zip_with(pl.Series(happened), pl.Series([None] * len(instants), dtype=instants.dtype))
