"""What a sheet is made of: rows of files, of list items, of entries or of single values, and the parts of a row."""

from dataclasses import dataclass, field
from typing import Final

from api.sheets.forms import Form

PLACE: Final = "place"
"""The last column of every sheet: where a row came from; empty in rows that are new."""
OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Column:
    """One part of a row: a header, and the keys that lead to it."""

    header: str
    path: tuple[str, ...]
    form: Form = Form.WORD
    width: int = 16
    names: str = ""
    """The column of the sheet of names that the cell chooses from."""
    quoted: bool = False
    """Whether new text stands in quotes."""
    always: bool = True
    """Whether the column stands there though nobody uses it."""


@dataclass(frozen=True, slots=True)
class Block:
    """A condition block: a column for every fact that several rows read, and `other` for the rest of them."""

    name: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rest:
    """Entries of a mapping that have no column of their own."""

    header: str
    path: tuple[str, ...] = ()


Part = Column | Block | Rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A kind of rows."""

    name: str
    about: str
    parts: tuple[Part, ...]
    key: str
    """Header of the column that names a row."""
    parent: str | None = None
    """Header of the column that says which rule a row belongs to."""
    shape: str = ""
    """What the grammar calls a row; empty where a row is a single value."""
    color: str = "4F6D7A"
    hidden_keys: frozenset[str] = field(default_factory=frozenset)
    """Keys of the row that other sheets show."""
    blocks: bool = False
    """Whether new rows are written as block lines rather than in braces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSheet(Sheet):
    """A row a file."""

    folder: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSheet(Sheet):
    """A row an item of a list; `files` are names or folders that end in `/`."""

    files: tuple[str, ...]
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySheet(Sheet):
    """A row an entry of a mapping, whose key is the row's own; `paths` by what the parent column says of them."""

    files: tuple[str, ...]
    paths: tuple[tuple[str, tuple[str, ...]], ...]
    may_repeat: bool = False
    """Whether an entry may hold a list, each item of which is a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafSheet(Sheet):
    """A row a single value, wherever it stands."""

    files: tuple[str, ...]
    without: tuple[tuple[str, str], ...] = ()
    """Files with the keys that other sheets show."""


KEY_PATH: Final = ("<key>",)
"""The path of the column that holds an entry's key."""
RED: Final = "8C3B3B"
BLUE: Final = "2F5D8A"
GREY: Final = "6B6B6B"
"""Colours of tabs."""
