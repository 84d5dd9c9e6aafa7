"""Finds customers of the demonstration bank for its home page: each is shown something else there."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from api.cli.asking import asked, post

SAMPLE: Final = 60
PEOPLE: Final = 8
PLACEMENT: Final = "hero"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A customer to be, and in what situation they are."""

    customer: str
    who: str


def find_people(url: str, bank: Path, key: str) -> tuple[Person, ...]:
    """A customer for each of several offers, and one to whom nothing is offered; asking leaves no trace.

    Args:
        url: where the API answers.
        bank: folder of the bank's files.
        key: of somebody who may ask why.
    """
    found: dict[str | None, Person] = {}
    for row in _sampled(bank):
        question = asked(f"customer_id:{row['customer_id']}", "web", [PLACEMENT], "session_started")
        options = post(url, "/v1/explanations", question, key=key)["propositions"][0]["options"]
        offer = options[0]["action"] if options else None
        found.setdefault(offer, Person(customer=row["customer_id"], who=", ".join(_words(row))))
        if len(found) == PEOPLE:
            break
    return tuple(found.values())


def write_people(path: Path, people: tuple[Person, ...]) -> None:
    """Leave them where the home page looks for them."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps([asdict(person) for person in people]), encoding="utf-8")
    draft.replace(path)


def _sampled(bank: Path) -> list[dict[str, Any]]:
    columns = ["customer_id", "age", "employment", "housing"]
    customers = pl.read_parquet(bank / "customers.parquet", columns=columns).filter(pl.col("age") >= 18)
    return customers.gather_every(max(1, len(customers) // SAMPLE)).head(SAMPLE).to_dicts()


def _words(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"aged {row['age']}"
    yield from (str(row[fact]).replace("_", " ") for fact in ("employment", "housing") if row[fact] is not None)
