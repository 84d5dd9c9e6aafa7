"""Reads a bank's own table of interactions, CSV or Parquet, into columns with known names.

A column is one of COLUMNS, a fact of the catalogue, or `known_at.<fact>`: the instant from which the value was known.
"""

import csv
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import polars as pl

from engine.facts import FactSpec, FactType, ProfileSchema
from models.errors import TrainingRefused
from models.interactions.values import typed

KNOWN_AT: Final = "known_at."
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("at", "timestamp"),
    "customer": ("customer_id",),
    "action": ("action_id",),
    "channel": (),
    "outcome": ("positive",),
    "outcome_time": ("positive_at", "outcome_at"),
    "probability": ("selection_probability",),
    "group": (),
    "placement": (),
    "rank": (),
    "withheld": ("held_out",),
    "treatment_probability": (),
    "propensity": (),
}
"""What a column of a table means, and what it may be called as well."""
REQUIRED: Final = ("time", "customer", "action", "channel")
MISSING: Final = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
"""Words that say in a CSV file that there is no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a table is to be read."""

    schema: ProfileSchema
    required: Collection[str] = REQUIRED
    renamed: Mapping[str, str] = field(default_factory=dict)
    """What the table calls a column of COLUMNS or a fact, by our name."""
    left_out: Collection[str] = ()
    """Columns that nobody reads."""
    open: bool = False
    """Whether columns of unknown names may be there; they are not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with known names; facts have the types of the catalogue."""

    name: str
    """The file's, for messages."""
    frame: pl.DataFrame
    facts: Mapping[str, FactSpec]
    """The facts that the table holds."""
    findings: tuple[str, ...]


def read_table(file: Path, wanted: Wanted) -> Table:
    """Read a file.

    Raises:
        TrainingRefused: it cannot be read, has no rows, lacks a column or has one too many, or holds a value that its
            column cannot hold.
    """
    raw = _named(file, _raw(file), wanted)
    facts = {str(spec.name): spec for spec in wanted.schema.columns if spec.name in raw.columns}
    strangers = [
        name
        for name in raw.columns
        if name not in COLUMNS
        and name not in facts
        and name.removeprefix(KNOWN_AT) not in wanted.schema.position_by_name
    ]
    if strangers and not wanted.open:
        raise _strange(file.name, strangers, wanted)
    _refuse_structures(file.name, raw.drop(strangers), facts)
    columns: list[pl.Series] = []
    findings: list[str] = []
    for name in raw.columns:
        if name in facts:
            column, found = typed(file.name, facts[name], raw[name])
            columns.append(column)
            findings += found
        elif name not in strangers:
            columns.append(raw[name])
    return Table(name=file.name, frame=pl.DataFrame(columns), facts=facts, findings=tuple(findings))


def _raw(file: Path) -> pl.DataFrame:
    try:
        if file.suffix.lower() in {".parquet", ".pq"}:
            frame = pl.read_parquet(file)
        elif file.suffix.lower() in {".csv", ".tsv", ".txt"}:
            frame = _csv(file)
        else:
            raise TrainingRefused(f"`{file.name}` must end in .csv or .parquet")
    except UnicodeDecodeError as error:
        raise TrainingRefused(f"`{file.name}` is not written in UTF-8") from error
    except OSError as error:
        raise TrainingRefused(f"`{file}` cannot be read: {error.strerror or 'it is damaged'}") from error
    except (pl.exceptions.PolarsError, csv.Error) as error:
        raise TrainingRefused(f"`{file.name}` cannot be read: {str(error).splitlines()[0]}") from error
    if frame.is_empty():
        raise TrainingRefused(f"`{file.name}` has no rows")
    return frame


def _refuse_structures(file: str, frame: pl.DataFrame, facts: Mapping[str, FactSpec]) -> None:
    """A fact that is a set may be lists of texts; nothing else has parts."""
    for name, kind in frame.schema.items():
        is_set = name in facts and facts[name].type is FactType.SET
        if (kind.is_nested() and not (is_set and kind == pl.List(pl.String))) or kind in (pl.Binary, pl.Object):
            asked = "a list of texts" if is_set else "one plain value"
            raise TrainingRefused(f"`{file}`, column `{name}`: {asked} is needed in each row, and the file has {kind}")


def _csv(file: Path) -> pl.DataFrame:
    """Every column as text; the heading says what separates them, and no name may stand in it twice."""
    with file.open(encoding="utf-8-sig", newline="") as stream:
        heading = stream.readline().strip()
    separator = max(",;\t|", key=heading.count)
    names = next(csv.reader([heading], delimiter=separator), [])
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TrainingRefused(f"`{file.name}` has the column `{twice[0]}` twice")
    return pl.read_csv(file, separator=separator, infer_schema=False, null_values=list(MISSING))


def _named(file: Path, frame: pl.DataFrame, wanted: Wanted) -> pl.DataFrame:
    absent = [theirs for theirs in (*wanted.renamed.values(), *wanted.left_out) if theirs not in frame.columns]
    if absent:
        raise TrainingRefused(f"`{file.name}` has no column `{absent[0]}`{_alike(absent[0], frame.columns)}")
    frame = frame.drop(list(wanted.left_out))
    renamed = {theirs: ours for ours, theirs in wanted.renamed.items()}
    for ours, others in COLUMNS.items():
        known_as = [name for name in (ours, *others) if name in frame.columns and name not in renamed]
        taken = ours in renamed.values()
        if known_as and not taken and known_as[0] not in wanted.schema.position_by_name:
            renamed[known_as[0]] = ours
    clashes = [ours for theirs, ours in renamed.items() if ours != theirs and ours in frame.columns]
    if clashes:
        raise TrainingRefused(f"`{file.name}` has a column `{clashes[0]}` besides the one that is read as it")
    frame = frame.rename({theirs: ours for theirs, ours in renamed.items() if theirs != ours})
    for name in wanted.required:
        if name not in frame.columns:
            raise TrainingRefused(
                f"`{file.name}` has no column `{name}`{_alike(name, frame.columns)}; it has "
                f"{', '.join(f'`{each}`' for each in frame.columns[:12])}{', ...' if len(frame.columns) > 12 else ''}: "
                f"name the one that is meant with --column {name}=COLUMN"
            )
    return frame


def _alike(name: str, names: Collection[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f" (is `{near[0]}` meant?)" if near else ""


def _strange(file: str, strangers: list[str], wanted: Wanted) -> TrainingRefused:
    known = [str(spec.name) for spec in wanted.schema.columns]
    several = f", nor {len(strangers) - 1:,} more columns" if len(strangers) > 1 else ""
    near = _alike(strangers[0], known)
    return TrainingRefused(
        f"`{file}` has a column `{strangers[0]}` that the catalogue does not declare{several}{near}: declare it there, "
        f"or leave it out with --leave-out {strangers[0]}"
    )
