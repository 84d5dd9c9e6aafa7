"""The profile of a customer whose record is made of several: for each attribute the value of one, as declared.

Every record keeps its own profile, so the joined one is made anew whenever one of them changes, and taken away when
they are separated: the winner's own stands in field `po` for as long as `p` is a joined one, byte for byte.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from time import time
from typing import Final, NamedTuple

from api.adapters.records import encode_profile
from api.merging.entries import STANDING, Merge, decode_merges
from api.ports import StoredRecord, StoreUnavailable, key_of
from api.ports.merges import MergeChange, MergeRead, MergeStore
from api.serving import RecordUnreadable
from engine.decision import Snapshot
from engine.facts import FactSpec, FactType, Held, ProfileSchema, WhenMerged, is_missing
from engine.plan import Plan

WITHIN_S: Final = 5.0
ATTEMPTS: Final = 20
NOBODYS: Final = b""
"""What a record keeps as its own profile that had none."""


class Part(NamedTuple):
    """One record's own profile, for which day it was loaded, and from where."""

    profile: Sequence[Held]
    day: int = 0
    source: str = ""


def origin_of(day: int, source: str) -> bytes:
    """What is kept of a profile's origin."""
    return f"{day} {source}".encode()


def join_profiles(schema: ProfileSchema, merge_order: Sequence[str], parts: Sequence[Part]) -> list[Held]:
    """One profile of several; of equals the earlier part counts first, the record that stayed before all."""
    rank = {source: at for at, source in enumerate(merge_order)}
    ordered = sorted(parts, key=lambda part: rank.get(part.source, len(rank)))
    freshest = sorted(ordered, key=lambda part: -part.day)
    return [
        _joined(spec, [part.profile[at] for part in (freshest if spec.when_merged is WhenMerged.FRESHEST else ordered)])
        for at, spec in enumerate(schema.columns)
    ]


def _joined(spec: FactSpec, values: Iterable[Held]) -> Held:
    known = [value for value in values if not is_missing(value)]
    if not known:
        return spec.missing
    match spec.when_merged:
        case WhenMerged.LARGEST:
            return _members(known, every=True) if spec.type is FactType.SET else max(map(_number, known))
        case WhenMerged.SMALLEST:
            return _members(known, every=False) if spec.type is FactType.SET else min(map(_number, known))
        case WhenMerged.FIRST | WhenMerged.FRESHEST:
            return known[0]


def _members(masks: Sequence[Held], *, every: bool) -> int:
    """The members that any has, or those that all have."""
    mask = _number(masks[0])
    for other in masks[1:]:
        mask = mask | _number(other) if every else mask & _number(other)
    return mask


def _number(held: Held) -> int:
    assert isinstance(held, int)
    return held


class JoinedProfiles:
    """Makes joined profiles on a store, under one plan; `read` says what a profile is under it."""

    def __init__(self, plan: Plan, store: MergeStore, read: Callable[[StoredRecord], Snapshot]) -> None:
        self._schema = plan.profile_schema
        self._merge_order = plan.catalogue.merge_order
        self._store = store
        self._read_record = read

    async def join(self, records: Iterable[str]) -> None:
        """Make the profiles of customers anew that are, or were, made of several; follows `moved_to`.

        Raises:
            StoreUnavailable: the store went away; the same call goes on later.
        """
        for record in sorted(set(records)):
            await self._join(record)

    async def _join(self, record: str) -> None:
        key = key_of(record)
        for _ in range(ATTEMPTS):
            seen = await self._store.read(key, deadline=self._deadline())
            if seen.record.moved_to is not None:
                key = key_of(seen.record.moved_to.decode())
                continue
            sources = await self._sources(seen)
            if not await self._write(seen, sources):
                continue
            if [each.version for each in sources[1:]] == [each.version for each in (await self._sources(seen))[1:]]:
                return
        raise StoreUnavailable("the record keeps changing, try again")

    async def _sources(self, seen: MergeRead) -> list[MergeRead]:
        """The record and those that were merged into it, directly or not, in the order in which they were."""
        found = [seen]
        for merge in _standing(seen):
            loser = await self._store.read(key_of(merge.loser), deadline=self._deadline())
            found += await self._sources(loser)
        return found

    async def _write(self, seen: MergeRead, sources: Sequence[MergeRead]) -> bool:
        """Let the record have the profile that its sources make; False where it changed meanwhile."""
        fields = self._fields(seen, sources)
        if not fields:
            return True
        change = MergeChange(deadline_ms=int((time() + WITHIN_S) * 1_000), fields=fields)
        return await self._store.change(seen, change, deadline=self._deadline())

    def _fields(self, seen: MergeRead, sources: Sequence[MergeRead]) -> dict[str, bytes | int | None]:
        """What is to change of the record; nothing where it is as it should be."""
        own = _own(seen)
        parts = [part for part in map(self._part, sources) if part is not None]
        if len(sources) == 1 or not any(_own(each) for each in sources[1:]):
            return {} if seen.own_profile is None else {"p": own, "po": None}
        joined = encode_profile(self._schema, join_profiles(self._schema, self._merge_order, parts))
        kept = NOBODYS if own is None else own
        return {} if (seen.record.profile, seen.own_profile) == (joined, kept) else {"p": joined, "po": kept}

    def _part(self, seen: MergeRead) -> Part | None:
        """A record's own profile; None where it has none that can be read."""
        try:
            profile = self._read_record(StoredRecord(profile=_own(seen), owner=seen.record.owner)).profile
        except RecordUnreadable:
            return None
        if profile is None:
            return None
        day, _, source = (seen.origin or b"0 ").decode().partition(" ")
        return Part(profile, int(day), source)

    @staticmethod
    def _deadline() -> float:
        return asyncio.get_running_loop().time() + WITHIN_S


def _own(seen: MergeRead) -> bytes | None:
    """The profile that the record would have if it were not joined with others."""
    return seen.record.profile if seen.own_profile is None else seen.own_profile or None


def _standing(seen: MergeRead) -> list[Merge]:
    return [each for each in decode_merges(seen.merges) if each.winner == seen.key.record and each.state in STANDING]
