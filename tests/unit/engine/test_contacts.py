"""The contact history as the store keeps it: 16 bytes a contact, reservations that lapse, and what may be dropped."""

import pytest

from engine.contacts import (
    MAX_VALID_MINUTES,
    SIZE,
    Contact,
    ContactState,
    DeclineReason,
    compaction,
    hash32,
    pack,
    unpack,
    validity_code,
    validity_minutes,
)

AT = 1_767_610_800


def contact(at: int = AT, state: ContactState = ContactState.PENDING, minutes: int = 10) -> Contact:
    """A contact of some action."""
    return Contact(at, hash32("isa"), hash32("session"), 1, state, DeclineReason.NONE, validity_code(minutes))


def test_history_is_packed_and_unpacked() -> None:
    """Byte for byte, in order."""
    history = [contact(), Contact(2**32 - 1, 2**32 - 1, 0, 255, 6, 6, 255)]
    packed = pack(history)
    assert len(packed) == 2 * SIZE == 32
    assert unpack(packed) == history
    assert pack([]) == b""
    assert unpack(b"") == []


def test_history_of_broken_length_is_refused() -> None:
    """A cut history must not read as a shorter one."""
    with pytest.raises(ValueError, match="16 bytes a contact, not 31"):
        unpack(pack([contact(), contact()])[:-1])


@pytest.mark.parametrize(
    ("minutes", "held"), [(1, 1), (119, 119), (120, 120), (121, 180), (180, 180), (181, 240), (1440, 1440)]
)
def test_reservation_is_held_in_minutes_then_in_whole_hours(minutes: int, held: int) -> None:
    """Beyond two hours rounded up, so that it never lapses before it is shown."""
    assert validity_minutes(validity_code(minutes)) == held


@pytest.mark.parametrize("minutes", [0, -1, MAX_VALID_MINUTES + 1])
def test_reservation_that_one_byte_cannot_hold_is_refused(minutes: int) -> None:
    """Neither nothing nor more than five days."""
    with pytest.raises(ValueError, match="a reservation holds"):
        validity_code(minutes)


def test_longest_reservation_fits_in_a_byte() -> None:
    """The last code is the longest length."""
    assert validity_code(MAX_VALID_MINUTES) == 255
    assert validity_minutes(255) == MAX_VALID_MINUTES


def test_reservation_lapses_at_its_end() -> None:
    """At that very second it holds no longer; what was shown never lapses."""
    assert not contact(minutes=10).lapsed(AT + 599)
    assert contact(minutes=10).lapsed(AT + 600)
    assert not contact(state=ContactState.SHOWN).lapsed(AT + 600)


def test_hash_is_the_same_everywhere() -> None:
    """It is stored, so it must never change."""
    assert hash32("home_insurance") == 1_554_814_690


def test_short_history_is_left_alone() -> None:
    """Dropping costs a write, which pays only for many."""
    old = [contact(at=AT + each, state=ContactState.SHOWN) for each in range(63)]
    assert compaction(old, shown_since=AT + 1000, answered_since=0) == (0, ())


def test_compaction_drops_what_nothing_asks_about() -> None:
    """Old impressions go, old answers stay as long as they bind."""
    shown = [contact(at=AT + each, state=ContactState.SHOWN) for each in range(100)]
    declined = contact(at=AT - 1000, state=ContactState.DECLINED)
    dropped, kept = compaction([declined, *shown], shown_since=AT + 90, answered_since=AT - 2000)
    assert dropped == 101
    assert list(kept) == [declined, *shown[90:]]
    assert compaction([declined, *shown], shown_since=AT, answered_since=AT - 2000) == (0, ())
