"""Values survive the way into held form and the store, and back."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.contacts import SIZE, Contact, pack, unpack, validity_code, validity_minutes
from engine.facts import FactSpec, FactType, ProfileSchema, hold, release
from engine.ids import FactName

BYTE, WORD = st.integers(0, 255), st.integers(0, 2**32 - 1)
CONTACTS = st.builds(Contact, WORD, WORD, WORD, BYTE, BYTE, BYTE, BYTE)


@given(st.lists(CONTACTS, max_size=20))
def test_contact_histories_survive_the_store(history: list[Contact]) -> None:
    """Any field values, any length."""
    assert unpack(pack(history)) == history
    assert len(pack(history)) == SIZE * len(history)


@given(st.integers(1, 8220))
def test_reservations_never_lapse_early(minutes: int) -> None:
    """Held at least as long as promised, and less than an hour longer."""
    held = validity_minutes(validity_code(minutes))
    assert minutes <= held < minutes + 60
    assert held == minutes or minutes > 120


@given(st.integers(0, 9), st.integers(-(2**53), 2**53))
def test_scaled_numbers_are_exact(decimals: int, whole: int) -> None:
    """As a decimal or as the float that comes back."""
    spec = FactSpec(name=FactName("amount"), type=FactType.DECIMAL, decimals=decimals)
    assert hold(spec, Decimal(whole).scaleb(-decimals)) == whole
    released = release(spec, whole)
    assert isinstance(released, float)
    assert abs(Decimal(released) - Decimal(whole).scaleb(-decimals)) <= abs(Decimal(released)) * Decimal(2) ** -52


@given(st.integers(-(10**12), 10**12))
def test_amounts_come_back_as_they_were(minor: int) -> None:
    """Up to ten thousand million in pence, through the float that people read."""
    spec = FactSpec(name=FactName("amount"), type=FactType.MONEY, decimals=2)
    assert hold(spec, release(spec, minor)) == minor


@given(
    st.dates(date(1, 1, 1)),
    st.integers(86_400, 7_258_118_400),
    st.sets(st.sampled_from(["a", "b", "c"])),
    st.booleans(),
    st.text(max_size=512),
)
def test_profiles_come_back_as_they_were(day: date, instant_s: int, members: set[str], truth: bool, text: str) -> None:
    """Instants to the second, sets in declared order."""
    schema = ProfileSchema(
        (
            FactSpec(name=FactName("day"), type=FactType.DATE),
            FactSpec(name=FactName("instant"), type=FactType.INSTANT),
            FactSpec(name=FactName("members"), type=FactType.SET, values=("a", "b", "c")),
            FactSpec(name=FactName("truth"), type=FactType.BOOLEAN),
            FactSpec(name=FactName("text"), type=FactType.TEXT),
        )
    )
    instant = datetime.fromtimestamp(instant_s, UTC)
    values = {"day": day, "instant": instant, "members": sorted(members), "truth": truth, "text": text}
    released = schema.decode(schema.encode(values))  # type: ignore[arg-type]  # all are natural values
    assert released == {**values, "members": tuple(sorted(members))}
