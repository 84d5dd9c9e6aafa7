"""Held form and natural values, back and forth; profiles by position; consent by channel."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from engine.errors import FactError
from engine.facts import (
    MISSING,
    Consent,
    FactSpec,
    FactType,
    Held,
    Natural,
    ProfileSchema,
    hold,
    is_missing,
    members,
    release,
)
from engine.ids import FactName


def spec(kind: FactType, name: str = "fact", decimals: int = 0, values: tuple[str, ...] = ()) -> FactSpec:
    """A fact of a type."""
    return FactSpec(name=FactName(name), type=kind, decimals=decimals, values=values)


MONEY = spec(FactType.MONEY, decimals=2)
CATEGORY = spec(FactType.CATEGORY, values=("low", "mid", "high"))
SET = spec(FactType.SET, values=("isa", "loan", "card"))


@pytest.mark.parametrize(
    ("fact", "natural", "held", "released"),
    [
        (spec(FactType.BOOLEAN), False, False, False),
        (spec(FactType.INTEGER), "-12", -12, -12),
        (spec(FactType.INTEGER), 7.0, 7, 7),
        (MONEY, "1234.56", 123_456, 1234.56),
        (MONEY, 0.1, 10, 0.1),
        (MONEY, Decimal("-0.01"), -1, -0.01),
        (MONEY, "0.005", 0, 0.0),
        (MONEY, "0.015", 2, 0.02),
        (spec(FactType.DECIMAL, decimals=4), "0.12345", 1234, 0.1234),
        (CATEGORY, "mid", 1, "mid"),
        (spec(FactType.TEXT), "Ann", "Ann", "Ann"),
        (spec(FactType.DATE), "2026-01-05", 739_621, date(2026, 1, 5)),
        (spec(FactType.DATE), datetime(2026, 1, 5, 23, tzinfo=UTC), 739_621, date(2026, 1, 5)),
        (spec(FactType.INSTANT), "2026-01-05T12:00:00+01:00", 1_767_610_800, datetime(2026, 1, 5, 11, tzinfo=UTC)),
        (SET, ["card", "isa"], 0b101, ("isa", "card")),
        (SET, [], 0, ()),
    ],
)
def test_value_is_held_and_released(fact: FactSpec, natural: Natural, held: Held, released: object) -> None:
    """Numbers are scaled whole numbers, rounded half to even where they have more decimals than the fact."""
    assert hold(fact, natural) == held
    assert release(fact, held) == released


@pytest.mark.parametrize("kind", list(FactType))
@pytest.mark.parametrize("nothing", [None, MISSING, float("nan")])
def test_missing_is_held_as_missing(kind: FactType, nothing: Natural) -> None:
    """Whatever the type, and it comes back as None."""
    held = hold(spec(kind, values=("a",)), nothing)
    assert is_missing(held)
    assert release(spec(kind, values=("a",)), held) is None


@pytest.mark.parametrize(
    ("fact", "value", "problem"),
    [
        (spec(FactType.BOOLEAN), "true", "must be true or false"),
        (spec(FactType.INTEGER), "twelve", "must be a number"),
        (spec(FactType.INTEGER), True, "must be a number"),
        (spec(FactType.INTEGER), "1.5", "must be a whole number"),
        (MONEY, "inf", "is too large or not finite"),
        (MONEY, "1e30", "is too large or not finite"),
        (CATEGORY, "huge", "must be one of low, mid, high"),
        (spec(FactType.TEXT), 5, "must be text"),
        (spec(FactType.TEXT), "x" * 513, "must have at most 512 characters"),
        (spec(FactType.DATE), "5 January", "must be a date such as 2026-01-31"),
        (spec(FactType.DATE), 5, "must be a date such as 2026-01-31"),
        (spec(FactType.INSTANT), "yesterday", "must be an instant such as 2026-01-31T10:00:00Z"),
        (spec(FactType.INSTANT), "2026-01-05T12:00:00", "must be an instant with a time zone"),
        (SET, "isa", "must be a list"),
        (SET, ["bond"], "has the unknown value `bond`"),
    ],
)
def test_value_that_does_not_fit_is_refused(fact: FactSpec, value: Natural, problem: str) -> None:
    """The error names the fact and the problem, never the customer."""
    with pytest.raises(FactError) as refused:
        hold(fact, value)
    assert str(refused.value) == f"`fact` {problem}"


def test_range_includes_both_ends() -> None:
    """In natural units in the message."""
    share = FactSpec(name=FactName("share"), type=FactType.DECIMAL, decimals=2, low=0, high=150)
    assert [hold(share, each) for each in ("0", "1.5")] == [0, 150]
    for outside in ("-0.01", "1.51"):
        with pytest.raises(FactError, match=r"`share` must lie in 0\.\.1\.5"):
            hold(share, outside)


def test_missing_has_no_truth() -> None:
    """Nobody can take MISSING for false by accident."""
    with pytest.raises(TypeError):
        bool(MISSING)


def test_members_of_a_mask_come_in_declared_order() -> None:
    """Whatever the order in which they were given."""
    assert members(SET, 0b110) == ("loan", "card")


def test_profile_is_held_by_position() -> None:
    """A column without a value is missing; a name that is no column is refused."""
    schema = ProfileSchema((spec(FactType.INTEGER, "age"), spec(FactType.TEXT, "name")))
    assert schema.encode({"age": 30}) == [30, None]
    assert schema.decode([30, None]) == {"age": 30}
    assert all(is_missing(each) for each in schema.empty())
    with pytest.raises(FactError, match="`agee` is not an attribute of the catalogue"):
        schema.encode({"agee": 30})


def test_profile_stored_under_another_schema_carries_over_what_fits() -> None:
    """Same name and type; a value that the new fact refuses, and everything else, is missing."""
    old = ProfileSchema(
        (spec(FactType.INTEGER, "age"), CATEGORY, spec(FactType.TEXT, "gone"), spec(FactType.TEXT, "size"))
    )
    new = ProfileSchema(
        (
            spec(FactType.TEXT, "added"),
            spec(FactType.CATEGORY, "fact", values=("high", "low")),
            spec(FactType.INTEGER, "size"),
            spec(FactType.INTEGER, "age"),
        )
    )
    assert new.decode(new.convert([30, 2, "x", "12"], old)) == {"age": 30, "fact": "high"}
    assert new.decode(new.convert([30, 1, "x", "12"], old)) == {"age": 30}


def test_schema_hash_names_the_layout() -> None:
    """Equal for equal columns, another for another order, scale or set of values."""
    columns = (spec(FactType.INTEGER, "age"), CATEGORY)
    hashes = {
        ProfileSchema(each).hash
        for each in (
            columns,
            columns[::-1],
            (spec(FactType.DECIMAL, "age", decimals=1), CATEGORY),
            (spec(FactType.INTEGER, "age"), spec(FactType.CATEGORY, values=("low", "high"))),
        )
    }
    assert len(hashes) == 4
    assert ProfileSchema(columns).hash == ProfileSchema(tuple(columns)).hash


def test_consent_is_answered_per_channel() -> None:
    """A channel or purpose that was not asked about has no answer."""
    consent = Consent(allowed_by_purpose={"marketing": {"web": True, "atm": False}})
    answers = [consent.allows("marketing", channel) for channel in ("web", "atm", "branch")]
    assert answers == [True, False, None]
    assert consent.allows("research", "web") is None
