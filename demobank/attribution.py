"""What the bank writes down about contacts afterwards: which answer led to which opening, and why people declined."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from demobank.arrays import Floats, Ints, Seconds, Table, stream
from demobank.calendar import DAY_SECONDS, END
from demobank.simulation import Bank
from demobank.tables import REASON_SHARES, REASONS

CONVERSION_WINDOW = 90 * DAY_SECONDS
_SPAN = 1 << 27  # more than any second of the history


def attributed_contacts(seed: int, bank: Bank) -> Table:
    """The journal's contacts with `converted_at` (END for none) and `reason` (meaningless unless declined)."""
    contacts = bank.journal.contacts
    rng = stream(str(seed), "reasons")
    reason = rng.choice(len(REASONS), len(contacts["at"]), p=REASON_SHARES).astype(np.uint8)
    return {**contacts, "converted_at": converted_at(bank), "reason": reason}


def converted_at(bank: Bank) -> Seconds:
    """An opening belongs to the last positive answer to an offer of that product in the 90 days before it."""
    contacts, openings = bank.journal.contacts, bank.journal.openings
    product = bank.world.twins.argmax(axis=1)
    positives = np.flatnonzero(contacts["positive"])
    key = _key(contacts["customer"], product, contacts["offer"], contacts["answered_at"])[positives]
    order = np.argsort(key, kind="stable")
    wanted = _key(openings["customer"], product, openings["offer"], openings["at"])
    place = np.searchsorted(key[order], wanted, side="right") - 1
    found = (place >= 0) & (len(key) > 0)
    row = positives[order][place[found]]
    near = wanted[found] - key[order][place[found]] <= CONVERSION_WINDOW
    result = np.full(len(contacts["at"]), END, dtype=np.int64)
    result[row[near]] = openings["at"][found][near]
    return result


def last_answer(bank: Bank, contacts: Table) -> Seconds:
    """Per customer the latest outcome of any contact; END for none."""
    latest = np.full(bank.town.people.count, -1, dtype=np.int64)
    np.maximum.at(latest, contacts["customer"], contacts["answered_at"])
    converted = contacts["converted_at"] < END
    np.maximum.at(latest, contacts["customer"][converted], contacts["converted_at"][converted])
    return np.where(latest < 0, END, latest)


def follow_up_calls(seed: int, bank: Bank, contacts: Table) -> tuple[Floats, Seconds]:
    """The planted leak: calls that follow from positive answers, and when they were counted (after every outcome)."""
    rng = stream(str(seed), "leak")
    positives = np.bincount(contacts["customer"][contacts["positive"]], minlength=bank.town.people.count)
    calls = rng.poisson(0.15 + 0.9 * np.minimum(positives, 5)).astype(float)
    counted = last_answer(bank, contacts) + rng.integers(1 * DAY_SECONDS, 30 * DAY_SECONDS, len(calls))
    return calls, np.minimum(counted, END)


def _key(customer: Ints, product: NDArray[np.intp], offer: NDArray[np.int16], at: Seconds) -> Seconds:
    """A number that sorts by customer, product and time."""
    return (customer.astype(np.int64) * len(product) + product[offer]) * _SPAN + at
