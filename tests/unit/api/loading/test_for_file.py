"""Which table of a mapping a single file of events stands for."""

from api.loading.binding import for_file
from tests.unit.api.loading.small_bank import mapping

TEXT = """
tables:
  people: {file: people.csv}
  cards: {file: "cards-*.csv", customer: person}
  loans: {file: loans.csv, customer: person}
customers: {table: people, id: id}
events:
  - {table: cards, event: {constant: card_lost}, at: at}
  - {table: loans, event: {constant: payment}, at: at}
"""


def test_file_stands_for_the_table_that_it_is_called_like() -> None:
    """The other tables' events are left out."""
    alone = for_file(mapping(TEXT), "cards-[2025].csv")
    assert alone is not None
    assert [line.table for line in alone.events] == ["cards"]
    assert alone.tables["cards"].file == "cards-[[]2025].csv"


def test_file_stands_for_the_only_table_of_events_whatever_it_is_called() -> None:
    """Exports carry dates in their names."""
    alone = for_file(mapping(TEXT.replace("  - {table: loans, event: {constant: payment}, at: at}\n", "")), "x.csv")
    assert alone is not None
    assert alone.tables["cards"].file == "x.csv"


def test_file_that_could_be_any_table_is_none() -> None:
    """Nobody guesses what a bank's file means."""
    assert for_file(mapping(TEXT), "x.csv") is None
