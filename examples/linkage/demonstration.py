"""The demonstration bank's customers as source systems, with people's names and addresses drawn for them.

The bank itself knows no names. Families share a name, a postcode and often a telephone; some have a son named like the
father: what makes linking hard. A share of the customers stands in the bank's own system twice.
"""

import csv
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from examples.linkage.errors import misspelt, mistaken, sometimes

LINKAGE: Final = """\
# The demonstration bank: its own system, the card processor, and visitors of the web site who told their address.
sources:
  core_banking: {file: core_banking.csv, id: customer_id}
  cards: {file: cards.csv, id: card_customer}
  web: {file: web.csv, id: visitor}
keys:
  - [tax_number]
compare: {first_name: name, last_name: name, born_on: date, postcode: text, email: email, phone: exact}
block_on:
  - [last_name, born_on]
  - [email]
  - [postcode, first_name]
  - [phone, first_name]
accept_at: 0.95
review_from: 0.5
seed: 1
"""
TWICE: Final = 0.1
"""The share of customers who stand in the bank's own system twice."""
WITH_CARD: Final = 0.6
ON_THE_WEB: Final = 0.3
KEYLESS: Final = 0.5
"""The share of records that do not know the tax number."""
_HEADS: Final = (
    *("al", "be", "car", "da", "el", "fre", "ga", "hen", "is", "jo"),
    *("ka", "li", "mar", "no", "ol", "pe", "ro", "sa"),
)
_TAILS: Final = (
    *("an", "bert", "dra", "en", "fa", "gor", "ia", "in", "la"),
    *("mund", "na", "rick", "son", "ta", "vin", "win"),
)
_PLACES: Final = (
    *("ash", "beck", "brook", "ford", "green", "hart", "hill", "kirk"),
    *("lang", "mill", "north", "oak", "park", "stone"),
)
_ENDS: Final = (
    *("by", "er", "ham", "ing", "land", "ley", "man", "ridge"),
    *("son", "ton", "ward", "wood", "worth", "s"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """What one person would say of themselves."""

    first_name: str
    last_name: str
    born_on: date
    postcode: str
    email: str
    phone: str
    tax_number: str


FIELDS: Final = ("first_name", "last_name", "born_on", "postcode", "email", "phone", "tax_number")


def prepare(bank: Path, out: Path, seed: int) -> int:
    """Write sources, linkage file and truth; says how many records there are."""
    customers = pl.read_parquet(bank / "customers.parquet", columns=["customer_id"])["customer_id"].to_list()
    rng = random.Random(seed)
    rows: dict[str, list[tuple[str, ...]]] = {"core_banking": [], "cards": [], "web": []}
    truth: list[tuple[str, str, str]] = []

    def put(source: str, own: str, person: Person, customer: str) -> None:
        rows[source].append((own, *_said(person)))
        truth.append((source, own, customer))

    for number, (customer, person) in enumerate(zip(customers, _people(rng, len(customers)), strict=True)):
        put("core_banking", customer, person, customer)
        if rng.random() < TWICE:
            put("core_banking", f"D{number:07d}", _copied(rng, person), customer)
        if rng.random() < WITH_CARD:
            put("cards", f"K{rng.randrange(10**9):09d}-{number}", _copied(rng, person), customer)
        if rng.random() < ON_THE_WEB:
            told = replace(_copied(rng, person), tax_number="", postcode=sometimes(rng, 0.5, person.postcode, ""))
            put("web", f"v{rng.randrange(10**9):09d}-{number}", told, customer)
    out.mkdir(parents=True, exist_ok=True)
    columns = {"core_banking": "customer_id", "cards": "card_customer", "web": "visitor"}
    for source, column in columns.items():
        _write(out / f"{source}.csv", (column, *FIELDS), rows[source])
    _write(out / "truth.csv", ("source", "id", "person"), truth)
    (out / "linkage.yaml").write_text(LINKAGE, encoding="utf-8")
    return len(truth)


def _people(rng: random.Random, count: int) -> list[Person]:
    """Families of one to four at one address."""
    people: list[Person] = []
    while len(people) < count:
        last_name = rng.choice(_PLACES) + rng.choice(_ENDS)
        area = f"{rng.choice('ABDEGLMNS')}{rng.randint(1, 40)}"
        postcode = f"{area} {rng.randint(1, 9)}{rng.choice('ABDEF')}{rng.choice('GHJLN')}"
        phone = f"07{rng.randrange(10**9):09d}"
        head: Person | None = None
        for _ in range(rng.choice((1, 1, 2, 2, 3, 4))):
            born_on = date(1940, 1, 1) + timedelta(days=rng.randrange(66 * 365))
            first_name = rng.choice(_HEADS) + rng.choice(_TAILS)
            if head is not None and rng.random() < 0.1:
                first_name, born_on = head.first_name, head.born_on + timedelta(days=rng.randrange(8_000, 13_000))
            person = Person(
                first_name,
                last_name,
                born_on,
                postcode,
                f"{first_name}.{last_name}{rng.randrange(1_000)}@post.example",
                phone if rng.random() < 0.4 else f"07{rng.randrange(10**9):09d}",
                f"T{rng.randrange(10**10):010d}",
            )
            head = head or person
            people.append(person)
    return people[:count]


def _copied(rng: random.Random, person: Person) -> Person:
    """What another system says of the person."""
    moved = rng.random() < 0.08
    return replace(
        person,
        first_name=sometimes(rng, 0.06, person.first_name, misspelt(rng, person.first_name)),
        last_name=sometimes(rng, 0.06, person.last_name, misspelt(rng, person.last_name)),
        born_on=mistaken(rng, person.born_on) if rng.random() < 0.03 else person.born_on,
        postcode=sometimes(rng, 0.05, f"X{rng.randint(1, 40)} 1AB" if moved else person.postcode, ""),
        email=sometimes(rng, 0.35, person.email, ""),
        phone=sometimes(rng, 0.30, person.phone, ""),
        tax_number=sometimes(rng, KEYLESS, person.tax_number, ""),
    )


def _said(person: Person) -> tuple[str, ...]:
    return (
        person.first_name.title(),
        person.last_name.title(),
        person.born_on.isoformat(),
        person.postcode,
        person.email,
        person.phone,
        person.tax_number,
    )


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
