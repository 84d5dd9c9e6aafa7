"""Mistakes in a mapping are named all at once, with their place."""

import pytest

from api.loading.mapping import Aggregate, Cell, Summary
from api.loading.mapping_file import MappingErrors
from tests.unit.api.loading.small_bank import MAPPING, mapping


def mistakes(text: str) -> list[str]:
    with pytest.raises(MappingErrors) as caught:
        mapping(text)
    return [str(diagnostic) for diagnostic in caught.value.diagnostics]


def test_plain_text_is_a_column() -> None:
    made = mapping().customers.attributes["age"]
    assert isinstance(made, Cell)
    assert made.column == "age"


def test_summary_names_a_table() -> None:
    made = mapping(MAPPING.replace("age: age", "orders.count: {count: orders, where: {kind: [a]}}")).customers
    summary = made.attributes["orders.count"]
    assert isinstance(summary, Aggregate)
    assert (summary.summary, summary.table, summary.where) == (Summary.COUNT, "orders", {"kind": frozenset({"a"})})


def test_file_settings_hold_for_every_table_that_does_not_set_its_own() -> None:
    text = MAPPING.replace("tables:", "files: {delimiter: tab, empty: ['?']}\ntables:").replace(
        "{file: orders.csv,", "{file: orders.csv, delimiter: ';',"
    )
    tables = mapping(text).tables
    assert (tables["people"].delimiter, tables["orders"].delimiter) == ("\t", ";")
    assert tables["people"].empty == {"", "?"}


def test_every_mistake_is_named_with_its_place() -> None:
    assert mistakes(
        """tables:
  people: {file: people.csv, delimitter: ";", encoding: utf-9, zone: Europe/Paname}
customers:
  table: people
  id: id
  attributes:
    born_on: {column: born, date: YYMMDD}
    seen_at: {column: seen, date: hh:mm}
    kind: {column: kind, characters: 4..3}
    income: {constant: 3, column: income}
    orders.total: {sum: orders}
    orders.last: {latest: orders, column: kind}
contacts:
  - {table: orders, at: at}
"""
    ) == [
        "mapping.yaml:2:30: unknown key in the table `people` `delimitter`; did you mean `delimiter`?",
        "mapping.yaml:2:57: unknown encoding `utf-9`; such as utf-8 or windows-1250",
        "mapping.yaml:2:70: unknown time zone `Europe/Paname`; such as Europe/London or UTC",
        "mapping.yaml:7:35: two-digit years need their `century`; {format: YYMMDD, century: 1900}",
        "mapping.yaml:8:35: a date format needs YYYY or YY, MM and DD; such as DD.MM.YYYY or YYMMDD",
        "mapping.yaml:9:38: `characters` must be the first and last one, such as 3..4",
        "mapping.yaml:10:13: a value comes from a `column` or is a `constant`",
        "mapping.yaml:11:20: `sum` needs the `column` that it goes over",
        "mapping.yaml:12:19: `latest` needs `by`, a date or number column; nothing else takes it",
        "mapping.yaml:14:5: a contact line needs `action`",
        "mapping.yaml:14:5: a contact line needs `channel`",
    ]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("tables: {}", "mapping.yaml:1:1: a mapping needs `customers`"),
        ("", "mapping.yaml:1:1: the file is empty"),
        ("customers: [", "mapping.yaml:1:12: this `[` is never closed, or a comma is missing in it"),
    ],
)
def test_file_that_is_no_mapping_is_refused(text: str, named: str) -> None:
    assert named in mistakes(text)
