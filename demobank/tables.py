"""The bank's files as data frames, exactly as a real bank would hand them over. No truth in here."""

from __future__ import annotations

import numpy as np
import polars as pl

from demobank.accounts import ROLES
from demobank.arrays import Floats, Ints, Seconds, Table
from demobank.calendar import END, Calendar
from demobank.products import ProductRows
from demobank.rulebook import CHANNELS
from demobank.simulation import Bank

INSTANT = pl.Datetime("us", "UTC")
REASONS = ("not_now", "not_interested", "too_expensive", "already_have", "never")
REASON_SHARES = (0.4, 0.3, 0.14, 0.1, 0.06)


def customer_ids(customer: Ints) -> pl.Series:
    """C0000001 for the first customer."""
    return _ids("C", customer + 1, 7)


def contact_ids(contact: Ints) -> pl.Series:
    """K000000001 for the first contact."""
    return _ids("K", contact + 1, 9)


def _ids(prefix: str, numbers: Ints, width: int) -> pl.Series:
    return prefix + pl.Series(numbers).cast(pl.String).str.zfill(width)


def instants(calendar: Calendar, seconds: Seconds) -> pl.Series:
    return pl.Series(calendar.instants(seconds)).dt.replace_time_zone("UTC")


def names(codes: Ints | Floats, words: tuple[str, ...] | list[str]) -> pl.Series:
    """The word for each code."""
    return pl.Series(words, dtype=pl.String).gather(pl.Series(codes.astype(np.uint32)))


def products_table(bank: Bank, rows: ProductRows) -> pl.DataFrame:
    closed_on = bank.calendar.dates(rows.closed)
    return pl.DataFrame(
        {
            "customer_id": customer_ids(rows.customer),
            "product": names(rows.product, bank.rulebook.products),
            "opened_on": bank.calendar.dates(rows.opened),
            "closed_on": np.where(rows.closed < END, closed_on, np.datetime64("NaT")),
        }
    )


def accounts_table(bank: Bank, accounts: Table) -> pl.DataFrame:
    """Accounts with their owners; the first card of C0000001 is `tok_C0000001`, further ones end in `_2`, `_3`."""
    frame = pl.DataFrame(
        {
            "account_number": _ids("AC", accounts["number"], 8),
            "customer_id": customer_ids(accounts["customer"]),
            "role": names(accounts["role"], ROLES),
            "kind": names(accounts["kind"], bank.rulebook.products),
            "card": accounts["card"],
        }
    )
    further = pl.when(pl.col("card") > 1).then(pl.format("_{}", "card")).otherwise(pl.lit(""))
    token = pl.when(pl.col("card") > 0).then(pl.concat_str(pl.lit("tok_"), "customer_id", further))
    return frame.with_columns(card_token=token).drop("card")


def events_table(bank: Bank, types: list[str], events: Table, rows: slice) -> pl.DataFrame:
    """Events in order of time, `data` as JSON text: an amount in pounds, a product, or nothing."""
    sources = [bank.rulebook.event_sources[kind] for kind in types]
    kind, product = events["type"][rows], events["product"][rows]
    amount = pl.Series("amount", events["amount"][rows]).fill_nan(None)
    words = names(np.maximum(product, 0), bank.rulebook.products)
    frame = pl.DataFrame(
        {
            "event_id": _ids("E", np.arange(rows.start, rows.start + len(kind)) + 1, 9),
            "source": names(kind, sources),
            "type": names(kind, types),
            "customer_id": customer_ids(events["customer"][rows]),
            "time": instants(bank.calendar, events["at"][rows]),
            "amount": amount,
            "product": pl.Series(words).set(pl.Series(product < 0), None),
        }
    )
    data = (
        pl.when(pl.col("product").is_not_null())
        .then(pl.concat_str(pl.lit('{"product": "'), "product", pl.lit('"}')))
        .when(pl.col("amount").is_not_null())
        .then(pl.concat_str(pl.lit('{"amount": '), pl.col("amount").cast(pl.String), pl.lit("}")))
        .otherwise(pl.lit("{}"))
    )
    return frame.with_columns(data=data).drop("amount", "product")


def contacts_table(bank: Bank, contacts: Table, rows: slice) -> pl.DataFrame:
    """Contacts in order of time and rank. `probability` is known for the uniform share alone."""
    part = {name: column[rows] for name, column in contacts.items()}
    calendar = bank.calendar
    answered = instants(calendar, part["answered_at"])
    declined, positive, uniform = pl.Series(part["declined"]), pl.Series(part["positive"]), pl.Series(part["uniform"])
    converted = part["converted_at"] < END
    return pl.DataFrame(
        {
            "contact_id": contact_ids(np.arange(rows.start, rows.start + len(part["at"]))),
            "customer_id": customer_ids(part["customer"]),
            "at": instants(calendar, part["at"]),
            "channel": names(part["channel"], CHANNELS),
            "placement": names(part["placement"], [placement.name for placement in bank.world.placements]),
            "rank": part["rank"].astype(np.int32),
            "session_id": _ids("S", part["visit"] + 1, 9),
            "action": names(part["offer"], [offer.action for offer in bank.world.offers]),
            "impression": part["seen"],
            "positive": positive,
            "positive_at": answered.set(~positive, None),
            "declined": declined,
            "declined_at": answered.set(~declined, None),
            "decline_reason": names(part["reason"], REASONS).set(~declined, None),
            "converted": converted,
            "converted_at": instants(calendar, part["converted_at"]).set(pl.Series(~converted), None),
            "assignment": names(part["uniform"].astype(np.uint8), ("logged", "uniform")),
            "probability": pl.Series(1.0 / np.maximum(part["candidates"], 1)).set(~uniform, None),
            "candidates": part["candidates"].astype(np.int32),
        }
    )
