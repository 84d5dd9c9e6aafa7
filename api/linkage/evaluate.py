"""How good a linkage is, where somebody knows the truth: precision and recall over pairs of records."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import comb
from pathlib import Path

from api.linkage.review import Question
from api.linkage.spec import LinkageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Pairs of records: those linked, those that are one person's, and those that are both."""

    linked: int
    true: int
    right: int
    waiting: int
    waiting_right: int

    @property
    def precision(self) -> float:
        """The share of linked pairs that are one person's; 1 where nothing is linked."""
        return self.right / self.linked if self.linked else 1.0

    @property
    def recall(self) -> float:
        """The share of one person's pairs that are linked; 1 where there are none."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def quality(links: Iterable[tuple[str, str, str]], waiting: Iterable[Question], truth: Mapping[str, str]) -> Quality:
    """Judge links and the review queue against who each record (`source:id`) really is; others are left out."""
    customers: Counter[str] = Counter()
    persons: Counter[str] = Counter()
    both: Counter[tuple[str, str]] = Counter()
    for source, own, customer in links:
        person = truth.get(f"{source}:{own}")
        if person is not None:
            customers[customer] += 1
            persons[person] += 1
            both[customer, person] += 1
    asked = [each for each in waiting if each.left in truth and each.right in truth]
    return Quality(
        linked=_pairs(customers.values()),
        true=_pairs(persons.values()),
        right=_pairs(both.values()),
        waiting=len(asked),
        waiting_right=sum(truth[each.left] == truth[each.right] for each in asked),
    )


def read_truth(file: Path) -> dict[str, str]:
    """Who each record really is, from a CSV with columns source, id, person.

    Raises:
        LinkageError: the file has other columns, or cannot be read.
    """
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            rows = csv.DictReader(opened)
            if not {"source", "id", "person"} <= set(rows.fieldnames or ()):
                raise LinkageError(f"{file}:1: the columns are to be source, id, person")
            return {f"{row['source']}:{row['id']}": row["person"] for row in rows}
    except (OSError, UnicodeDecodeError) as error:
        raise LinkageError(f"{file}: {error}") from error


def _pairs(sizes: Iterable[int]) -> int:
    return sum(comb(size, 2) for size in sizes)
