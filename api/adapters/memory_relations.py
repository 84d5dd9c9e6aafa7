"""Relations in memory: the same behaviour as the real store."""

from collections.abc import AsyncIterator, Sequence

from api.adapters.memory import MemoryState
from api.ports import CustomerKey
from api.ports.relations import Relation


class MemoryRelationStore:
    """`RelationStore` in memory."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state
        self._kept: dict[tuple[str, str, str], Relation] = {}

    async def relate(self, relations: Sequence[Relation], *, deadline: float) -> None:
        self._state.check()
        self._kept.update({each[:3]: each for each in relations})

    async def relations_of(self, key: CustomerKey, *, deadline: float) -> Sequence[Relation]:
        self._state.check()
        return [self._kept[named] for named in sorted(self._kept) if named[0] == key.record]

    async def everybody(self, *, within_s: float) -> AsyncIterator[Sequence[str]]:
        self._state.check()
        yield sorted({of for of, _, _ in self._kept})
