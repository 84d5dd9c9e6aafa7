"""What people decide of pairs in doubt: the queue of the last run, and every verdict ever, kept in the data folder."""

import csv
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, NamedTuple

import polars as pl

from api.linkage.clusters import Doubt
from api.linkage.records import RECORD
from api.linkage.spec import LinkageError

QUEUE: Final = "review.csv"
VERDICTS: Final = "verdicts.csv"
_VERDICT_COLUMNS: Final = ("left", "right", "verdict", "by", "at")


class Question(NamedTuple):
    """A pair that waits for a verdict."""

    pair_id: str
    left: str
    right: str
    probability: float
    reason: str
    fields: dict[str, tuple[str, str]]
    """What the two say, by field."""


def pair_id(left: str, right: str) -> str:
    """The same for the same two records in every run."""
    return hashlib.blake2b(f"{left}\n{right}".encode(), digest_size=5).hexdigest()


def write_queue(folder: Path, doubts: Iterable[Doubt], records: pl.DataFrame, fields: Sequence[str]) -> int:
    """Replace the queue; says how many questions there are."""
    doubts = list(doubts)
    wanted = {name for doubt in doubts for name in doubt.pair[:2]}
    told = {row[RECORD]: row for row in records.filter(pl.col(RECORD).is_in(wanted)).iter_rows(named=True)}
    columns = [f"{field}_{side}" for field in fields for side in ("left", "right")]
    with written(folder / QUEUE) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("pair_id", "left", "right", "probability", "reason", *columns))
        for doubt in doubts:
            left, right, probability = doubt.pair
            sides = [told[side][field] or "" for field in fields for side in (left, right)]
            rows.writerow((pair_id(left, right), left, right, f"{probability:.6f}", doubt.reason, *sides))
    return len(doubts)


def read_queue(folder: Path) -> list[Question]:
    """The questions of the last run that nobody has answered since, likeliest first.

    Raises:
        LinkageError: there was no run.
    """
    path = folder / QUEUE
    if not path.exists():
        raise LinkageError(f"{folder} has no review queue; run `nextbest link run` first")
    answered = read_verdicts(folder)
    with path.open(encoding="utf-8", newline="") as file:
        questions = [_question(row) for row in csv.DictReader(file)]
    return [each for each in questions if (each.left, each.right) not in answered]


def _question(row: Mapping[str, str]) -> Question:
    fields = [name.removesuffix("_left") for name in row if name.endswith("_left")]
    return Question(
        pair_id=row["pair_id"],
        left=row["left"],
        right=row["right"],
        probability=float(row["probability"]),
        reason=row["reason"],
        fields={field: (row[f"{field}_left"], row[f"{field}_right"]) for field in fields},
    )


def decide(folder: Path, pair_ids: Sequence[str], *, same: bool, by: str, at: str) -> list[Question]:
    """Note a verdict on questions of the queue; the next run keeps to it.

    Raises:
        LinkageError: one of them is not in the queue; then none is noted.
    """
    waiting = {each.pair_id: each for each in read_queue(folder)}
    unknown = next((each for each in pair_ids if each not in waiting), None)
    if unknown is not None:
        raise LinkageError(f"`{unknown}` does not wait for a verdict; `nextbest link review list` shows what does")
    path = folder / VERDICTS
    begins = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        if begins:
            rows.writerow(_VERDICT_COLUMNS)
        for each in pair_ids:
            rows.writerow((waiting[each].left, waiting[each].right, "same" if same else "different", by, at))
        file.flush()
        os.fsync(file.fileno())
    return [waiting[each] for each in pair_ids]


def read_verdicts(folder: Path) -> dict[tuple[str, str], bool]:
    """Every verdict, the last one on each pair; True for one person."""
    path = folder / VERDICTS
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["left"], row["right"]): row["verdict"] == "same" for row in csv.DictReader(file)}


@contextmanager
def written(path: Path) -> Iterator[IO[str]]:
    """A file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    with beside.open("w", encoding="utf-8", newline="") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
