"""The file that declares a linkage: its sources, the keys that settle it, what is compared where they are missing."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

NAME: Final = "^[a-z][a-z0-9_]*$"
RESERVED: Final = frozenset({"record", "source", "id"})
Name = Annotated[str, Meta(pattern=NAME, max_length=32)]
Share = Annotated[float, Meta(gt=0, lt=1)]


class LinkageError(Exception):
    """Something is wrong with what is to be linked; says where and what to do."""


class Kind(StrEnum):
    """How a field is compared."""

    NAME = "name"
    DATE = "date"
    """In ISO form, such as 1985-04-30."""
    TEXT = "text"
    """Misspelt by a letter or two now and then."""
    EMAIL = "email"
    EXACT = "exact"


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One system's records."""

    file: str
    """CSV with a header, beside the linkage file unless absolute."""
    id: str
    """Column of the system's own id."""
    columns: dict[Name, str] = {}
    """Fields and the columns that hold them; a field that is not named here is looked for under its own name."""
    separator: Annotated[str, Meta(min_length=1, max_length=1)] = ","
    unique: bool = False
    """Whether nobody has two records in it, so that two of them are never one person."""


class Linkage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole linkage. The first source is the one whose ids customers go by."""

    sources: Annotated[dict[Name, Source], Meta(min_length=1)]
    keys: tuple[tuple[Name, ...], ...] = ()
    """Fields that settle it: records alike in all of one key's fields are one person's."""
    compare: dict[Name, Kind] = {}
    block_on: tuple[tuple[Name, ...], ...] = ()
    """Records alike in all fields of one of these are compared at all."""
    accept_at: Share = 0.95
    review_from: Share = 0.5
    seed: Annotated[int, Meta(ge=0, le=2**31)] = 1
    folder: str = ""
    """Where relative file names begin; the linkage file's own folder."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that is asked for, each once."""
        named = (*self.compare, *(field for fields in (*self.keys, *self.block_on) for field in fields))
        return tuple(dict.fromkeys(named))

    @property
    def master(self) -> str:
        """The source whose ids customers go by."""
        return next(iter(self.sources))


def read_linkage(file: Path) -> Linkage:
    """Read a linkage file.

    Raises:
        LinkageError: it says something else than what a linkage may say.
    """
    try:
        said = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
        linkage = msgspec.convert(said, Linkage)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise LinkageError(f"{file}: {' '.join(str(error).split())}") from error
    except msgspec.ValidationError as error:
        raise LinkageError(f"{file}: {error}") from error
    reserved = next((field for field in linkage.fields if field in RESERVED), None)
    if reserved is not None:
        raise LinkageError(f"{file}: a field cannot be called `{reserved}`; give it another name in `columns`")
    if linkage.review_from > linkage.accept_at:
        raise LinkageError(f"{file}: `review_from` is above `accept_at`; nothing would ever be reviewed")
    if bool(linkage.compare) != bool(linkage.block_on):
        raise LinkageError(f"{file}: `compare` and `block_on` go together: say what is compared, and which records")
    if not linkage.keys and not linkage.compare:
        raise LinkageError(f"{file}: there is nothing to link by; add `keys`, or `compare` and `block_on`")
    return msgspec.structs.replace(linkage, folder=str(file.parent))
