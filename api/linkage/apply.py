"""Takes links into a running installation: each record's own id becomes an identity of its customer."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.linkage.review import written
from api.linkage.run import links_in
from api.ports import Identity, RecordStore
from engine.ids import CustomerId

APPLIED: Final = "applied.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """How many identities were stored, and how many of before lead to nobody now."""

    stored: int
    taken_back: int


async def apply(folder: Path, store: RecordStore) -> Applied:
    """Store `source:id` of every record that is linked to a customer of the first source, and take back what an earlier
    run had linked and the last one does not. Doing it again changes nothing.

    Raises:
        LinkageError: there was no run.
        StoreUnavailable: the store went away; the same call goes on later.
    """
    links = list(links_in(folder))
    customers = {own for source, own, customer in links if own == customer}
    now = {Identity(source, own): customer for source, own, customer in links if customer in customers}
    before = _applied(folder)
    gone: dict[Identity, list[CustomerId]] = {identity: [] for identity in before if identity not in now}
    # What is to be taken back stays known until it is.
    _note(folder, {**before, **now})
    await store.identify({identity: [CustomerId(customer)] for identity, customer in now.items()} | gone)
    _note(folder, now)
    return Applied(stored=len(now), taken_back=len(gone))


def _applied(folder: Path) -> dict[Identity, str]:
    path = folder / APPLIED
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {Identity(row["source"], row["id"]): row["customer"] for row in csv.DictReader(file)}


def _note(folder: Path, customers: Mapping[Identity, str]) -> None:
    with written(folder / APPLIED) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("source", "id", "customer"))
        rows.writerows((identity.scheme, identity.value, customer) for identity, customer in customers.items())
