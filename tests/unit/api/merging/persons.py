"""Two customers and a visitor who are one person, and a store that can be cut off between any two of its calls."""

import asyncio
from collections.abc import Mapping

from api.adapters.memory import Kept, MemoryCustomerStore, MemoryState
from api.adapters.memory_merges import MemoryMergeStore
from api.adapters.record_reader import RecordReader
from api.adapters.records import decode_consent, decode_needs, encode_consent, encode_events, encode_needs
from api.merging.saga import Merging
from api.ports import CustomerKey, StoredRecord, key_of
from api.ports.merges import MergeChange, MergeRead, MergeStore
from api.quotes import decode_quotes, encode_quotes
from engine.contacts import Contact, ContactState, pack, unpack
from engine.events import EventFilter, EventLayout
from engine.facts import Consent, ProfileSchema
from engine.ids import EventName, FactName
from engine.quotes import Quoted

ADA, GRACE, MARY, VISITOR = "C1", "C2", "C3", "web_visitor:v1"
LAYOUT = EventLayout(
    (
        EventFilter(event=EventName("salary"), text="salary", depth=3),
        EventFilter(event=EventName("quote"), text="quote", depth=1),
    )
)
NOW_MS = 1_800_000_000_000


def contact(at: int, action: int = 1, state: ContactState = ContactState.SHOWN) -> Contact:
    return Contact(at, action, 7, 1, state, 0, 10)


def a_record(
    owner: str | None = ADA,
    *,
    contacts: tuple[Contact, ...] = (),
    web: bool | None = True,
    salaries: tuple[int, ...] = (),
    since: int = 100,
    outcomes: int = 0,
    needs: Mapping[str, int] | None = None,
    quoted: Mapping[int, int] | None = None,
) -> StoredRecord:
    """A record as bytes; `web` is whether marketing on the web is allowed, None for no answer to anything."""
    state = [since, *[*salaries, 0, 0, 0][:3], 0, 0, 0]
    allowed = {} if web is None else {"marketing": {"web": web}}
    consent = encode_consent(Consent(version=1, allowed_by_purpose=allowed, profiling_objection=False))
    return StoredRecord(
        events=encode_events((LAYOUT, state)),
        needs=encode_needs({FactName(name): at for name, at in (needs or {}).items()}),
        contacts=pack(contacts),
        consent=None if owner is None else consent,
        outcome_count=outcomes,
        terms=encode_quotes({action: Quoted({"rate": 1.0}, until) for action, until in (quoted or {}).items()}),
        owner=None if owner is None else owner.encode(),
    )


class CutOff(Exception):
    """The process is gone."""


class Unreliable:
    """A `MergeStore` whose caller dies at a call, before it or just after."""

    def __init__(self, store: MergeStore, dies_at: int, *, after: bool) -> None:
        self._store = store
        self._left = dies_at
        self._after = after

    def _dies(self, *, after: bool) -> None:
        if after is self._after and self._left == 0:
            raise CutOff
        if after:
            self._left -= 1

    async def read(self, key: CustomerKey, *, deadline: float) -> MergeRead:
        return await self._store.read(key, deadline=deadline)

    async def change(self, seen: MergeRead, change: MergeChange, *, deadline: float) -> bool:
        self._dies(after=False)
        done = await self._store.change(seen, change, deadline=deadline)
        self._dies(after=True)
        return done

    async def note_open(self, merge_id: str, loser: str, *, deadline: float) -> None:
        self._dies(after=False)
        await self._store.note_open(merge_id, loser, deadline=deadline)
        self._dies(after=True)

    async def note_closed(self, merge_id: str, *, deadline: float) -> None:
        self._dies(after=False)
        await self._store.note_closed(merge_id, deadline=deadline)
        self._dies(after=True)

    async def open(self, *, deadline: float) -> Mapping[str, str]:
        return await self._store.open(deadline=deadline)


class Bank:
    """Records in memory, and what merges them."""

    def __init__(self, **records: StoredRecord) -> None:
        self.state = MemoryState(now_ms=lambda: NOW_MS)
        self.store = MemoryMergeStore(self.state)
        self.customers = MemoryCustomerStore(self.state)
        self._minted = 0
        for name, record in records.items():
            self.put(name.replace("__", ":"), record)

    def put(self, name: str, record: StoredRecord) -> None:
        """Store a record as it is, without a merge."""
        self.state.keep(key_of(name), Kept(record))

    def merging(self, store: MergeStore | None = None) -> Merging:
        """What merges on this bank's records, perhaps through another store."""
        reader = RecordReader(ProfileSchema(()), LAYOUT)
        return Merging(
            store or self.store, layout=LAYOUT, read=reader.read, now=lambda: NOW_MS / 1_000, mint=self._mint
        )

    def _mint(self) -> str:
        self._minted += 1
        return f"m_{self._minted}"

    def record(self, name: str) -> StoredRecord:
        """The record under this very name."""
        return self.state.kept(key_of(name)).record

    async def asked_as(self, name: str) -> tuple[str, StoredRecord]:
        """For whom a decision is made that is asked under this name, and on what."""
        deadline = asyncio.get_running_loop().time() + 1
        gathered = await self.customers.gather(key_of(name), None, deadline=deadline)
        return gathered.key.record, gathered.record

    def told(self, name: str) -> dict[str, object]:
        """What a record says, without versions."""
        record = self.record(name)
        consent = decode_consent(record.consent)
        return {
            "contacts": unpack(record.contacts or b""),
            "web": consent.allowed_by_purpose.get("marketing", {}).get("web"),
            "objection": consent.profiling_objection,
            "needs": decode_needs(record.needs),
            "events": RecordReader(ProfileSchema(()), LAYOUT).read(record).events,
            "outcomes": record.outcome_count,
            "quoted": {action: quote.until_s for action, quote in decode_quotes(record.terms).items()},
            "moved_to": record.moved_to,
        }
