"""Relations between customers: stores them, and tells each customer's record what rules read of them.

INVARIANT: whatever dies in between, telling a record again makes it say what the relations say.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import time
from typing import Final, NamedTuple

from api.bank_days import end_of, first_second, today_of
from api.merging.entries import STANDING, Merge, decode_merges
from api.ports import CustomerKey, StoredRecord, StoreUnavailable, key_of
from api.ports.merges import MergeChange, MergeStore
from api.ports.relations import Relation, RelationStore
from api.serving import RecordUnreadable
from api.ties import Related, decode_memberships, encode_memberships
from engine.decision import Snapshot
from engine.facts import HOLDS
from engine.plan import Plan

WITHIN_S: Final = 5.0
ATTEMPTS: Final = 20
AT_ONCE: Final = 32
MAX_SPANS: Final = 16
"""So many different spans of time of one kind are kept of a customer; where there are more, the kind is unknown."""
MAX_READ: Final = 200
"""So many related customers are looked at; where there are more, nobody knows what all of them hold."""


class Kin(NamedTuple):
    """What leads from a customer to others: relations, and records that are one with theirs."""

    relations: Sequence[Relation] = ()
    merges: Sequence[Merge] = ()


async def kin_of(key: CustomerKey, merges: MergeStore, relations: RelationStore, *, deadline: float) -> Kin:
    """A customer's kin, those of the records that were merged into theirs among them."""
    standing = [
        each for each in decode_merges((await merges.read(key, deadline=deadline)).merges) if _stands(each, key)
    ]
    found = list(await relations.relations_of(key, deadline=deadline))
    for each in tuple(standing):
        deeper = await kin_of(key_of(each.loser), merges, relations, deadline=deadline)
        found += deeper.relations
        standing += deeper.merges
    return Kin(found, standing)


def _stands(merge: Merge, key: CustomerKey) -> bool:
    return merge.winner == key.record and merge.state in STANDING


class _Other(NamedTuple):
    """Somebody related, as who they are now."""

    record: str
    holds: tuple[str, ...] | None
    """The products; None where nobody knows, or they object to being profiled."""


class Relating:
    """Relates customers on a store, under one plan; `read` says what a record's profile and consent are."""

    def __init__(
        self,
        plan: Plan,
        merges: MergeStore,
        relations: RelationStore,
        read: Callable[[StoredRecord], Snapshot],
        now: Callable[[], float] = time,
    ) -> None:
        self._plan = plan
        self._merges = merges
        self._relations = relations
        self._read = read
        self._now = now

    def unknown_kind(self, kind: str) -> bool:
        """Whether the catalogue declares relations, and not this kind of them."""
        return bool(self._plan.catalogue.relations) and kind not in self._plan.catalogue.relations

    async def relate(self, relations: Sequence[Relation]) -> list[str]:
        """Store relations, mutual ones both ways, and tell the records; says who is no customer.

        Raises:
            StoreUnavailable: the store went away; the same call goes on later.
        """
        kinds = self._plan.catalogue.relations
        mutual = [each for each in relations if each.to and each.kind in kinds and kinds[each.kind].mutual]
        both = [*relations, *(each._replace(of=each.to, to=each.of) for each in mutual)]
        await self._relations.relate(both, deadline=asyncio.get_running_loop().time() + 12 * WITHIN_S)
        unknown = await self.tell(each.of for each in both)
        return [each for each in unknown if any(each == relation.of for relation in relations)]

    async def tell(self, customers: Iterable[str]) -> list[str]:
        """Let records say what rules read of their relations now; says who is no customer. Raises as `relate` does."""
        at_once = asyncio.Semaphore(AT_ONCE)

        async def told(customer: str) -> bool:
            async with at_once:
                return await self._tell(customer)

        asked = sorted(set(customers))
        answers = await asyncio.gather(*map(told, asked))
        return [customer for customer, known in zip(asked, answers, strict=True) if not known]

    async def tell_everybody(self) -> int:
        """Tell the records of all who have relations; how many there were. Raises as `relate` does."""
        count = 0
        async for batch in self._relations.everybody(within_s=12 * WITHIN_S):
            await self.tell(batch)
            count += len(batch)
        return count

    async def _tell(self, customer: str) -> bool:
        """Tell one record; False where there is no such customer. Follows `moved_to`."""
        key = key_of(customer)
        for _ in range(ATTEMPTS):
            seen = await self._merges.read(key, deadline=self._deadline())
            if seen.record.moved_to is not None:
                key = key_of(seen.record.moved_to.decode())
                continue
            if seen.record.owner is None:
                return False
            relations = await self._relations_of(key)
            related = await self._related(key.record, relations)
            after = encode_memberships(decode_memberships(seen.record.ties), related)
            if after != seen.record.ties:
                within = int((self._now() + WITHIN_S) * 1_000)
                change = MergeChange(deadline_ms=within, fields={"g": after})
                if not await self._merges.change(seen, change, deadline=self._deadline()):
                    continue
            if await self._relations_of(key) == relations:
                return True
        raise StoreUnavailable("the record keeps changing, try again")

    async def _relations_of(self, key: CustomerKey) -> Sequence[Relation]:
        return (await kin_of(key, self._merges, self._relations, deadline=self._deadline())).relations

    async def _related(self, customer: str, relations: Sequence[Relation]) -> tuple[Related, ...]:
        """What rules are to read: for each kind that somebody told of, those that run or will, by their spans."""
        declared = [each for each in relations if each.kind in self._plan.catalogue.relations]
        others = await self._others(sorted({each.to for each in declared if each.to}))
        by_kind: dict[str, dict[tuple[int, int | None], dict[str, _Other | None]]] = {}
        for each in declared:
            spans = by_kind.setdefault(each.kind, {})
            span = self._span(each)
            other = others.get(each.to)
            record = other.record if other is not None else each.to
            if each.to and span is not None and record != customer:
                spans.setdefault(span, {})[record] = other
        return tuple(related for kind in sorted(by_kind) for related in _of_kind(kind, by_kind[kind]))

    def _span(self, relation: Relation) -> tuple[int, int | None] | None:
        """From when to when it holds; None where it is over."""
        now_s = int(self._now())
        end_s = None if relation.end is None else end_of(self._plan, relation.end)
        if end_s is not None and end_s <= now_s:
            return None
        begun = relation.start is None or relation.start <= today_of(self._plan, now_s)
        return (0 if begun or relation.start is None else first_second(self._plan, relation.start), end_s)

    async def _others(self, records: Sequence[str]) -> Mapping[str, _Other]:
        """Those who are customers, or lie where others were merged into, by the name that relations give them."""
        asked = records[:MAX_READ]
        found = await asyncio.gather(*map(self._other, asked))
        return dict(zip(asked, found, strict=True))

    async def _other(self, record: str) -> _Other:
        seen = await self._merges.read(key_of(record), deadline=self._deadline())
        if seen.record.moved_to is not None:
            seen = await self._merges.read(key_of(seen.record.moved_to.decode()), deadline=self._deadline())
        return _Other(seen.key.record, self._holds(seen.record))

    def _holds(self, stored: StoredRecord) -> tuple[str, ...] | None:
        if stored.owner is None:
            return ()
        try:
            snapshot = self._read(StoredRecord(profile=stored.profile, consent=stored.consent, owner=stored.owner))
        except RecordUnreadable:
            return None
        if snapshot.profile is None or snapshot.consent.profiling_objection:
            return None
        held = self._plan.profile_schema.decode(snapshot.profile).get(HOLDS)
        return held if isinstance(held, tuple) else None

    @staticmethod
    def _deadline() -> float:
        return asyncio.get_running_loop().time() + WITHIN_S


def _of_kind(kind: str, spans: Mapping[tuple[int, int | None], Mapping[str, _Other | None]]) -> tuple[Related, ...]:
    if not spans:
        return (Related(kind, 0, None, 0, ()),)
    if len(spans) > MAX_SPANS:
        return (Related(kind, 0, None, None, None),)
    ordered = sorted(spans.items(), key=lambda item: (item[0][0], item[0][1] is None, item[0][1] or 0))
    return tuple(Related(kind, *span, len(people), _held_by(people.values())) for span, people in ordered)


def _held_by(people: Iterable[_Other | None]) -> tuple[str, ...] | None:
    """The products that any of them holds; None where nobody knows of one of them."""
    held: set[str] = set()
    for each in people:
        if each is None or each.holds is None:
            return None
        held.update(each.holds)
    return tuple(sorted(held))
