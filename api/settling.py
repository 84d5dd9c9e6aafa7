"""What is derived of several records, made anew when customers became one or two again, or were loaded: the joined
profile first, then what rules read of relations."""

from collections.abc import Callable, Collection

from api.merging.profiles import JoinedProfiles
from api.ports import StoredRecord
from api.ports.merges import MergeStore
from api.ports.relations import RelationStore
from api.relating import Relating
from engine.decision import Snapshot
from engine.plan import Plan


class Settling:
    """Settles records on a store, under one plan; `read` says what a record is under it."""

    def __init__(
        self,
        plan: Plan,
        merges: MergeStore,
        relations: RelationStore,
        read: Callable[[StoredRecord], Snapshot],
    ) -> None:
        self._profiles = JoinedProfiles(plan, merges, read)
        self._has_relations = bool(plan.catalogue.relations)
        self.relating = Relating(plan, merges, relations, read)

    async def settle(self, records: Collection[str]) -> None:
        """After a merge or its reversal.

        Raises:
            StoreUnavailable: the store went away; the same call goes on later.
        """
        await self._profiles.join(records)
        if self._has_relations:
            await self.relating.tell(records)

    async def settle_load(self, merged: Collection[str]) -> None:
        """After a load, of which some records were of customers made of several. Raises as `settle` does."""
        await self._profiles.join(merged)
        if self._has_relations:
            await self.relating.tell_everybody()
