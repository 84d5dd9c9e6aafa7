"""What happens to either record between two steps of a merge is not lost, and counts for the one they become."""

from collections.abc import Callable, Mapping

import pytest

from api.adapters.records import encode_consent
from api.ports import CustomerKey, StoredRecord, StoreUnavailable, key_of
from api.ports.merges import MergeChange, MergeRead
from engine.contacts import pack, unpack
from engine.facts import Consent
from tests.unit.api.merging.persons import ADA, GRACE, Bank, a_record, contact

CHANGES_OF_A_MERGE = 5
Happening = Callable[[StoredRecord], StoredRecord]


class Busy:
    """A `MergeStore` beside which something happens to a record, just before one of the changes."""

    def __init__(self, bank: Bank, at: int, who: str, happens: Happening) -> None:
        self._bank = bank
        self._left = at
        self._who = who
        self._happens = happens

    async def read(self, key: CustomerKey, *, deadline: float) -> MergeRead:
        return await self._bank.store.read(key, deadline=deadline)

    async def change(self, seen: MergeRead, change: MergeChange, *, deadline: float) -> bool:
        if self._left == 0:
            # As the scripts do: whoever comes to a record that moved goes to where it moved.
            record = self._bank.record(self._who)
            who = self._who if record.moved_to is None else record.moved_to.decode()
            self._bank.put(who, self._happens(self._bank.record(who)))
        self._left -= 1
        return await self._bank.store.change(seen, change, deadline=deadline)

    async def note_open(self, merge_id: str, loser: str, *, deadline: float) -> None:
        await self._bank.store.note_open(merge_id, loser, deadline=deadline)

    async def note_closed(self, merge_id: str, *, deadline: float) -> None:
        await self._bank.store.note_closed(merge_id, deadline=deadline)

    async def open(self, *, deadline: float) -> Mapping[str, str]:
        return await self._bank.store.open(deadline=deadline)


def is_shown(record: StoredRecord) -> StoredRecord:
    """An offer more."""
    history = pack([*unpack(record.contacts or b""), contact(99, action=9)])
    return record._replace(contacts=history, contacts_version=record.contacts_version + 1)


def refuses(record: StoredRecord) -> StoredRecord:
    """No marketing any more, under a later version than any other."""
    refused = encode_consent(
        Consent(version=9, allowed_by_purpose={"marketing": {"web": False}}, profiling_objection=False)
    )
    return record._replace(consent=refused, consent_version=record.consent_version + 1)


async def merged(at: int, who: str, happens: Happening) -> Bank:
    bank = Bank(C1=a_record(ADA, contacts=(contact(10),)), C2=a_record(GRACE, contacts=(contact(20, action=2),)))
    busy = Busy(bank, at, who, happens)
    try:
        await bank.merging(busy).merge(GRACE, ADA)
    except StoreUnavailable:  # a record that is written at its first step asks to try again
        await bank.merging().merge(GRACE, ADA)
    assert bank.record(GRACE).moved_to == ADA.encode()
    return bank


@pytest.mark.parametrize("who", [ADA, GRACE])
@pytest.mark.parametrize("at", range(CHANGES_OF_A_MERGE))
async def test_an_offer_made_between_two_steps_counts(at: int, who: str) -> None:
    bank = await merged(at, who, is_shown)
    assert bank.told(ADA)["contacts"] == [contact(10), contact(20, action=2), contact(99, action=9)]


@pytest.mark.parametrize("who", [ADA, GRACE])
@pytest.mark.parametrize("at", range(CHANGES_OF_A_MERGE))
async def test_a_refusal_between_two_steps_binds(at: int, who: str) -> None:
    bank = await merged(at, who, refuses)
    assert bank.told(ADA)["web"] is False


async def test_a_record_that_never_rests_is_told_and_left_unmerged() -> None:
    """The merge stays open, and goes on once it is asked for again."""
    bank = Bank(C1=a_record(ADA), C2=a_record(GRACE))

    class Restless(Busy):
        async def change(self, seen: MergeRead, change: MergeChange, *, deadline: float) -> bool:
            if seen.key == key_of(ADA):
                bank.put(ADA, is_shown(bank.record(ADA)))
            return await bank.store.change(seen, change, deadline=deadline)

    with pytest.raises(StoreUnavailable, match="the records keep changing, try again"):
        await bank.merging(Restless(bank, -1, ADA, is_shown)).merge(GRACE, ADA)
    assert bank.record(GRACE).moved_to is None
    (finished,) = await bank.merging().resume()
    assert finished.state == "merged"
