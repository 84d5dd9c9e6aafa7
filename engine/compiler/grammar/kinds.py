"""What a grammar is made of: shapes of mappings, their keys, and the kinds of values that stand under a key."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text."""

    pattern: str = ""
    """What it looks like, as a regular expression that Python and ECMAScript read alike; empty: anything."""
    example: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier that is declared here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of some words."""

    values: tuple[str, ...]
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """True or false."""

    default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """An exact number within bounds, both inclusive; an empty bound is open."""

    low: str = ""
    high: str = ""
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole number within bounds, both inclusive."""

    low: int = 0
    high: int = 10**9
    default: int | None = None


@dataclass(frozen=True, slots=True)
class Length:
    """A duration such as `30d`."""


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar date."""


@dataclass(frozen=True, slots=True)
class Known:
    """The name of something declared elsewhere: an action, an event, a channel, ..."""

    kind: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of single values, or one alone."""

    of: "Kind"


@dataclass(frozen=True, slots=True)
class Part:
    """A mapping of another shape, given by its name."""

    shape: str


@dataclass(frozen=True, slots=True)
class Parts:
    """A list of mappings of another shape."""

    shape: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of mappings of texts with these keys."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ByName:
    """A mapping whose keys are names and whose values are all of one kind."""

    name: "Kind"
    value: "Kind"


@dataclass(frozen=True, slots=True)
class Either:
    """A value of one of several kinds."""

    kinds: tuple["Kind", ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A block of conditions."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """A list of blocks of conditions."""


@dataclass(frozen=True, slots=True)
class Histories:
    """A list of history conditions."""


@dataclass(frozen=True, slots=True)
class FieldBlock:
    """A block of conditions on the fields of an event."""


@dataclass(frozen=True, slots=True)
class Given:
    """Facts with the values that a customer of a test has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """A mapping of content that is passed on as it stands."""

    needs: tuple[str, ...] = ()
    """Keys that it must have."""


Kind = (
    Text
    | Name
    | Choice
    | Truth
    | Number
    | Whole
    | Length
    | Day
    | Known
    | Listed
    | Part
    | Parts
    | Rows
    | ByName
    | Either
    | Block
    | Blocks
    | Histories
    | FieldBlock
    | Given
    | Free
)


@dataclass(frozen=True, slots=True)
class Key:
    """A key that a mapping may have."""

    name: str
    kind: Kind
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Keys that go together."""

    needs: tuple[str, ...]
    may: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a kind of mapping may hold; diagnostics call it by its name."""

    name: str
    doc: str
    keys: tuple[Key, ...]
    open: str = ""
    """What keys beside those listed mean; empty: there are none."""
    usual: tuple[Key, ...] = ()
    """Keys beside those listed that are usual where the shape is open."""
    exactly_one: tuple[str, ...] = ()
    """Of these keys exactly one is needed."""
    at_least_one: tuple[str, ...] = ()
    """Of these keys at least one is needed."""
    variants: tuple["Variant", ...] = ()
    """Which keys go together, where not all of them do."""

    def key(self, name: str) -> Key | None:
        """The key of a name, None where the shape has none."""
        return next((key for key in self.keys if key.name == name), None)
