"""Merging customers in memory: the same behaviour as the real store, on the state that the fakes of one test share."""

from collections.abc import Mapping

from api.adapters.memory import MemoryState
from api.ports import CustomerKey, Stream
from api.ports.merges import MergeChange, MergeRead

NAMES = {
    "p": "profile",
    "e": "events",
    "n": "needs",
    "h": "contacts",
    "k": "consent",
    "kv": "consent_version",
    "hv": "contacts_version",
    "oc": "outcome_count",
    "t": "terms",
    "moved_to": "moved_to",
    "g": "ties",
}


class MemoryMergeStore:
    """`MergeStore` in memory."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state
        self._merges: dict[CustomerKey, bytes] = {}
        self._open: dict[str, str] = {}
        self.own_profiles: dict[CustomerKey, bytes] = {}
        self.origins: dict[CustomerKey, bytes] = {}

    async def read(self, key: CustomerKey, *, deadline: float) -> MergeRead:
        self._state.check()
        kept, merges = self._state.kept(key), self._merges.get(key)
        own, origin = self.own_profiles.get(key), self.origins.get(key)
        version = repr((kept.record, kept.applied, merges, own, origin)).encode()
        return MergeRead(key, kept.record, merges, version, own, origin)

    async def change(self, seen: MergeRead, change: MergeChange, *, deadline: float) -> bool:
        self._state.check(change.deadline_ms)
        key = seen.key
        if (await self.read(key, deadline=deadline)).version != seen.version:
            return False
        if change.merges:
            self._merges[key] = change.merges
        if change.fields:
            kept = self._state.kept(key)
            fields = {NAMES[field]: value for field, value in change.fields.items() if field != "po"}
            own = change.fields.get("po")
            if isinstance(own, bytes):
                self.own_profiles[key] = own
            elif "po" in change.fields:
                self.own_profiles.pop(key, None)
            kept.record = kept.record._replace(**fields)  # type: ignore[arg-type]  # each field by its own type
            self._state.keep(key, kept)
            if kept.record.moved_to is not None:
                kept.forgotten_at_ms = None
        if change.disturbs_events:
            lease = self._state.leases.get(key.partition)
            if lease is not None:
                lease.epoch, lease.until_ms = lease.epoch + 1, 0
            self._state.append(Stream.EVENTS, key.partition, "t", key.record.encode())
        return True

    async def note_open(self, merge_id: str, loser: str, *, deadline: float) -> None:
        self._state.check()
        self._open[merge_id] = loser

    async def note_closed(self, merge_id: str, *, deadline: float) -> None:
        self._state.check()
        self._open.pop(merge_id, None)

    async def open(self, *, deadline: float) -> Mapping[str, str]:
        self._state.check()
        return dict(self._open)
