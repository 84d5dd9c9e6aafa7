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
        "mapping.yaml:2:11: unknown key in the table `people` `delimitter`; did you mean `delimiter`?",
        "mapping.yaml:2:57: unknown encoding `utf-9`; such as utf-8 or windows-1250",
        "mapping.yaml:2:70: unknown time zone `Europe/Paname`; such as Europe/London or UTC",
    ]
