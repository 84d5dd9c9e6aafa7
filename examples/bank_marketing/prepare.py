"""Turns bank-additional-full.csv into the files of a bank, as mapping.yaml says.

`python -m examples.bank_marketing.prepare CSV DIR` writes customers, products and contacts .parquet into DIR.
"""

import argparse
import calendar
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl
from ruamel.yaml import YAML

from engine import Plan, compile_bundle
from engine.facts import FactSpec, FactType

HERE = Path(__file__).parent
RULES = HERE / "rules"
_MONTHS = [name.lower() for name in calendar.month_abbr]


def read_plan() -> Plan:
    """The example's rules, compiled."""
    files = {str(path.relative_to(RULES)): path.read_bytes() for path in RULES.rglob("*.yaml")}
    return compile_bundle(files).plan


def read_mapping() -> Mapping[str, Any]:
    """What mapping.yaml says."""
    mapping: Mapping[str, Any] = YAML(typ="safe", pure=True).load(HERE / "mapping.yaml")
    return mapping


def prepare(csv: Path, folder: Path, plan: Plan) -> None:
    """Write the bank's files.

    Raises:
        ValueError: a column of the file is neither mapped nor left out, or holds a value that the catalogue lacks.
    """
    mapping = read_mapping()
    calls = pl.read_csv(csv, separator=mapping["delimiter"], infer_schema=False)
    _check_columns(calls, mapping)
    at = call_instants(calls[mapping["month"]].to_list(), mapping["began"])
    names = pl.Series("customer_id", [f"M{number:05d}" for number in range(1, len(calls) + 1)])
    specs = {spec.name: spec for spec in plan.profile_schema.columns}
    attributes = [
        _attribute(calls, cell, specs[name], mapping["missing"]) for name, cell in mapping["attributes"].items()
    ]
    folder.mkdir(parents=True, exist_ok=True)
    known_at = pl.Series("known_at", [instant - timedelta(hours=1) for instant in at])
    segments = pl.Series("segments", [["mass"]] * len(calls))
    consent = pl.Series("consent.marketing", [[str(channel.id) for channel in plan.channels]] * len(calls))
    objection = pl.Series("consent.profiling_objection", [False] * len(calls))
    customers = pl.DataFrame([names, known_at, *attributes, segments, consent, objection])
    customers.write_parquet(folder / "customers.parquet")
    _contacts(names, at, calls, mapping["call"]).write_parquet(folder / "contacts.parquet")
    products = {"customer_id": pl.String, "product": pl.String, "opened_on": pl.Date, "closed_on": pl.Date}
    pl.DataFrame(schema=products).write_parquet(folder / "products.parquet")


def call_instants(months: list[str], began: str) -> list[datetime]:
    """An instant for each row: rows are in order of time, those of one month are spread evenly over its days."""
    year, number = (int(part) for part in began.split("-"))
    instants: list[datetime] = []
    for name, run in groupby(months):
        month = _MONTHS.index(name)
        year += month < number
        number = month
        count = len(list(run))
        days = calendar.monthrange(year, month)[1]
        first = datetime(year, month, 1, tzinfo=UTC)
        instants += [first + timedelta(days=days * place / count) for place in range(count)]
    return instants


def _check_columns(calls: pl.DataFrame, mapping: Mapping[str, Any]) -> None:
    used = {cell["column"] for cell in mapping["attributes"].values()}
    known = used | set(mapping["left_out"]) | {mapping["month"], mapping["call"]["positive"]["column"]}
    strangers = sorted(set(calls.columns) ^ known)
    if strangers:
        raise ValueError(f"column `{strangers[0]}` is in the file and not in the mapping, or the other way")


def _attribute(calls: pl.DataFrame, cell: Mapping[str, Any], spec: FactSpec, missing: list[str]) -> pl.Series:
    unknown = {*missing, str(cell.get("missing", ""))}
    texts = [None if text in unknown else text for text in calls[cell["column"]].to_list()]
    if spec.type is FactType.BOOLEAN:
        return pl.Series(spec.name, [None if text is None else text == cell["is"] for text in texts])
    if spec.type is FactType.CATEGORY:
        codes = cell.get("codes", {})
        values = [None if text is None else codes.get(text, text) for text in texts]
        strangers = sorted({value for value in values if value is not None} - set(spec.values))
        if strangers:
            raise ValueError(f"`{spec.name}` has no value `{strangers[0]}`")
        return pl.Series(spec.name, values, dtype=pl.String)
    return pl.Series(spec.name, texts, dtype=pl.String).cast(pl.Int64 if spec.type is FactType.INTEGER else pl.Float64)


def _contacts(names: pl.Series, at: list[datetime], calls: pl.DataFrame, call: Mapping[str, Any]) -> pl.DataFrame:
    positive = calls[call["positive"]["column"]] == call["positive"]["is"]
    answered = [instant if yes else None for instant, yes in zip(at, positive.to_list(), strict=True)]
    never = pl.Series([None] * len(at), dtype=pl.Datetime("us", "UTC"))
    return pl.DataFrame(
        {
            "contact_id": "K" + names.str.slice(1),
            "customer_id": names,
            "at": at,
            "channel": [call["channel"]] * len(at),
            "placement": [call["placement"]] * len(at),
            "rank": [1] * len(at),
            "session_id": "S" + names.str.slice(1),
            "action": [call["action"]] * len(at),
            "impression": [True] * len(at),
            "positive": positive,
            "positive_at": answered,
            "declined": [False] * len(at),
            "declined_at": never,
            "decline_reason": pl.Series([None] * len(at), dtype=pl.String),
            "converted": positive,
            "converted_at": answered,
            "assignment": ["logged"] * len(at),
        }
    )


def main() -> None:
    """Prepare the folder named on the command line."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("csv", type=Path, help="bank-additional-full.csv")
    asked.add_argument("folder", type=Path, help="where the bank's files go")
    told = asked.parse_args()
    prepare(told.csv, told.folder, read_plan())


if __name__ == "__main__":
    main()
