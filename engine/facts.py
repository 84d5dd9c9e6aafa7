"""Facts: their declared types, and the held form in which a row carries them.

Held form. integer, decimal, money: `int` scaled by 10 ** decimals (money by the currency's minor unit); date: day
ordinal; instant: seconds since the epoch; category: the position of its value; boolean: `bool`; text: `str`; set: a
bit mask. A missing number, date or instant is held as NaN and every other missing value as None, so that every
comparison with a missing value is false without being asked about: generated code never has to test for it.
"""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation, Overflow
from enum import StrEnum
from functools import cached_property
from typing import Final, Literal, cast

from engine.errors import FactError
from engine.ids import FactName


class _Missing:
    """The type of MISSING, which is neither None nor False."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        raise TypeError("a missing fact is neither true nor false")


MISSING: Final = _Missing()

NAN: Final = math.nan

Held = int | float | bool | str | None
"""A value in held form; a float only as NaN, the missing number."""

Natural = bool | int | float | str | date | datetime | Decimal | Iterable[str] | _Missing | None
"""A value as people and files write it; None and MISSING both mean missing."""


class FactType(StrEnum):
    """The types that a catalogue may declare."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MONEY = "money"
    CATEGORY = "category"
    TEXT = "text"
    DATE = "date"
    INSTANT = "instant"
    SET = "set"


class WhenMerged(StrEnum):
    """Whose value a customer has whose record is made of several; in any case one that somebody has a value of."""

    FIRST = "first"
    """The first's: by the catalogue's `merge_order`, then of the record that stayed."""
    FRESHEST = "freshest"
    """The one that was loaded for the latest day."""
    LARGEST = "largest"
    """True before false, the larger number, the later day; every member of a set."""
    SMALLEST = "smallest"
    """False before true, the smaller number, the earlier day; the members that all have."""


NUMERIC: Final = frozenset({FactType.INTEGER, FactType.DECIMAL, FactType.MONEY})
ORDERED: Final = NUMERIC | {FactType.DATE, FactType.INSTANT}
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NO_DATE: Final = "must be a date such as 2026-01-31"
_NO_INSTANT: Final = "must be an instant such as 2026-01-31T10:00:00Z"
_NO_SUCH_DAY: Final = "is a date that does not exist"
MAX_HELD: Final = 2**53
"""Numbers beyond it are refused, so that every held number is exact as a float too."""
MAX_TEXT: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSpec:
    """What the catalogue declares of one fact."""

    name: FactName
    type: FactType
    title: str = ""
    decimals: int = 0
    values: tuple[str, ...] = ()
    low: int | None = None
    """Smallest allowed held number, inclusive."""
    high: int | None = None
    unit: str = ""
    private: bool = False
    model: bool = True
    """Whether the propensity model may read it."""
    protected: bool = False
    monotone: int = 0
    """1 where a higher value may only raise a propensity, -1 where it may only lower it; 0: the data decide."""
    when_merged: WhenMerged = WhenMerged.FIRST
    default: Held = None
    """Held form; used where the source answered without a value. None: no default."""

    @property
    def missing(self) -> Held:
        """What a missing value of this fact is held as."""
        return NAN if self.type in ORDERED else None


def is_missing(value: Held) -> bool:
    """Whether a held value is the missing one."""
    return value is None or value != value  # noqa: PLR0124 - NaN is the only value that differs from itself


def hold(spec: FactSpec, value: Natural) -> Held:
    """Turn a natural value into held form.

    Raises:
        FactError: the value does not fit the type, the range or the values of the fact.
    """
    if value is None or value is MISSING or (isinstance(value, float) and math.isnan(value)):
        return spec.missing
    return _HOLDERS[spec.type](spec, value)


def release(spec: FactSpec, held: Held) -> bool | int | float | str | date | datetime | tuple[str, ...] | None:
    """Turn a held value back into a natural one: money and decimals as floats in major units, missing as None."""
    if is_missing(held):
        return None
    match spec.type:
        case FactType.BOOLEAN | FactType.TEXT | FactType.INTEGER:
            return cast("bool | int | str", held)
        case FactType.DECIMAL | FactType.MONEY:
            return float(_number(held) / 10**spec.decimals)
        case FactType.CATEGORY:
            return spec.values[_number(held)]
        case FactType.DATE:
            return date.fromordinal(_number(held))
        case FactType.INSTANT:
            return datetime.fromtimestamp(_number(held), UTC)
        case FactType.SET:
            return members(spec, _number(held))


def members(spec: FactSpec, mask: int) -> tuple[str, ...]:
    """The values of a set fact whose bits are set, in declared order."""
    return tuple(value for bit, value in enumerate(spec.values) if mask >> bit & 1)


def _number(held: Held) -> int:
    assert isinstance(held, int)
    return held


def _hold_boolean(spec: FactSpec, value: Natural) -> Held:
    if isinstance(value, bool):
        return value
    raise FactError(spec.name, "must be true or false")


def _hold_number(spec: FactSpec, value: Natural) -> Held:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise FactError(spec.name, "must be a number")
    try:
        exact = value if isinstance(value, Decimal) else Decimal(str(value))
        scaled = exact.scaleb(spec.decimals)
    except Overflow as error:
        raise FactError(spec.name, "is too large or not finite") from error
    except (InvalidOperation, ValueError) as error:
        raise FactError(spec.name, "must be a number") from error
    if not scaled.is_finite() or abs(scaled) > MAX_HELD:
        raise FactError(spec.name, "is too large or not finite")
    whole = scaled.to_integral_value()
    if spec.type is FactType.INTEGER and whole != scaled:
        raise FactError(spec.name, "must be a whole number")
    held = int(whole)
    if (spec.low is not None and held < spec.low) or (spec.high is not None and held > spec.high):
        raise FactError(spec.name, f"must lie in {show_number(spec, spec.low)}..{show_number(spec, spec.high)}")
    return held


def show_number(spec: FactSpec, held: int | None) -> str:
    """A held number in natural units, for a message; `..` bounds that are absent show as nothing."""
    return "" if held is None else format(Decimal(held).scaleb(-spec.decimals).normalize(), "f")


def _hold_category(spec: FactSpec, value: Natural) -> Held:
    if isinstance(value, str) and value in spec.values:
        return spec.values.index(value)
    raise FactError(spec.name, f"must be one of {', '.join(spec.values)}")


def _hold_text(spec: FactSpec, value: Natural) -> Held:
    if not isinstance(value, str):
        raise FactError(spec.name, "must be text")
    if len(value) > MAX_TEXT:
        raise FactError(spec.name, f"must have at most {MAX_TEXT} characters")
    return value


def _is_no_day(text: str) -> bool:
    if _DAY.match(text) is None:
        return False
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return True
    return False


def _hold_date(spec: FactSpec, value: Natural) -> Held:
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        return value.toordinal()
    if isinstance(value, str):
        try:
            return date.fromisoformat(value).toordinal()
        except ValueError as error:
            raise FactError(spec.name, _NO_SUCH_DAY if _is_no_day(value) else _NO_DATE) from error
    raise FactError(spec.name, _NO_DATE)


def _hold_instant(spec: FactSpec, value: Natural) -> Held:
    if isinstance(value, str):
        written = value
        try:
            value = datetime.fromisoformat(written)
        except ValueError as error:
            raise FactError(spec.name, _NO_SUCH_DAY if _is_no_day(written) else _NO_INSTANT) from error
    if isinstance(value, datetime) and value.tzinfo is not None:
        return int(value.timestamp())
    raise FactError(spec.name, "must be an instant with a time zone")


def _hold_set(spec: FactSpec, value: Natural) -> Held:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise FactError(spec.name, "must be a list")
    mask = 0
    for member in value:
        if member not in spec.values:
            raise FactError(spec.name, f"has the unknown value `{member}`")
        mask |= 1 << spec.values.index(member)
    return mask


_HOLDERS = {
    FactType.BOOLEAN: _hold_boolean,
    FactType.INTEGER: _hold_number,
    FactType.DECIMAL: _hold_number,
    FactType.MONEY: _hold_number,
    FactType.CATEGORY: _hold_category,
    FactType.TEXT: _hold_text,
    FactType.DATE: _hold_date,
    FactType.INSTANT: _hold_instant,
    FactType.SET: _hold_set,
}

HOLDS: Final = FactName("holds")
GROUPS: Final = FactName("groups")
SEGMENTS: Final = FactName("segments")
RELATIONS: Final = "relations"
"""The family of facts that tell of related customers."""


def related_count(kind: str) -> FactName:
    """The fact how many relations of a kind a customer has."""
    return FactName(f"{RELATIONS}.{kind}.count")


def related_holds(kind: str) -> FactName:
    """The fact which products those hold to whom relations of a kind lead."""
    return FactName(f"{RELATIONS}.{kind}.holds")


@dataclass(frozen=True)
class ProfileSchema:
    """The columns of a stored profile, by position: the catalogue's attributes, then the sets holds, groups, segments,
    then what relations tell, two columns a kind.

    `hash` names the layout: a stored profile carries it, and only a reader of that very layout may read by position.
    """

    columns: tuple[FactSpec, ...]
    position_by_name: Mapping[FactName, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "position_by_name", {spec.name: at for at, spec in enumerate(self.columns)})

    @cached_property
    def hash(self) -> int:
        """32 bits over names, types, scales and values."""
        text = "\n".join(f"{c.name}|{c.type}|{c.decimals}|{','.join(c.values)}" for c in self.columns)
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")

    def encode(self, values: Mapping[str, Natural]) -> list[Held]:
        """One held value per column; a column without a value is missing.

        Raises:
            FactError: for the first value that does not fit, or a name that is no column.
        """
        unknown = next((name for name in values if name not in self.position_by_name), None)
        if unknown is not None:
            raise FactError(unknown, "is not an attribute of the catalogue")
        return [hold(spec, values.get(spec.name)) for spec in self.columns]

    def empty(self) -> list[Held]:
        """The profile of a customer of whom nothing is known."""
        return [spec.missing for spec in self.columns]

    def decode(self, profile: Sequence[Held]) -> dict[str, object]:
        """The natural values that are not missing, by name."""
        pairs = zip(self.columns, profile, strict=True)
        return {spec.name: release(spec, held) for spec, held in pairs if not is_missing(held)}

    def convert(self, profile: Sequence[Held], source: "ProfileSchema") -> list[Held]:
        """Read a profile stored under another schema: same name and type carries over, the rest is missing."""
        return [self._carried(spec, profile, source) for spec in self.columns]

    @staticmethod
    def _carried(spec: FactSpec, profile: Sequence[Held], source: "ProfileSchema") -> Held:
        position = source.position_by_name.get(spec.name)
        if position is None or source.columns[position].type is not spec.type:
            return spec.missing
        try:
            return hold(spec, release(source.columns[position], profile[position]))
        except FactError:
            return spec.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a customer allows: for each purpose the channels allowed and refused, and whether they object to profiling.

    `allowed_by_purpose` maps a purpose to {channel: bool}; a channel that is not named has no answer.
    """

    version: int = 0
    allowed_by_purpose: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    profiling_objection: bool | None = None

    def allows(self, purpose: str, channel: str) -> bool | None:
        """The customer's answer, None where there is none."""
        return self.allowed_by_purpose.get(purpose, {}).get(channel)


EMPTY_CONSENT: Final = Consent()
ProfilingEffect = Literal["stop", "no_profiling"]
