"""Merging and separating by names: what the command line and the routes ask for alike."""

import asyncio
from collections.abc import Sequence
from typing import Final

from api.merging.entries import Merge
from api.merging.saga import Merging
from api.merging.sides import Refusal, Refused
from api.ports import CustomerStore, Identity

WITHIN_S: Final = 5.0


class MergeDesk:
    """Takes customers by an id, or by an identity as `scheme:value`."""

    def __init__(self, merging: Merging, customers: CustomerStore) -> None:
        self._merging = merging
        self._customers = customers

    async def merge(self, loser: str, winner: str, *, by: str, why: str) -> Merge:
        """Make one customer of two.

        Raises:
            Refused: they cannot be merged, or a name means several customers.
            StoreUnavailable: the store went away; the same call goes on later.
        """
        ended, stays = await self._record_of(loser), await self._record_of(winner)
        return await self._merging.merge(ended, stays, by=by, why=why)

    async def unmerge(self, loser: str, *, by: str, why: str) -> Merge:
        """Make two customers of one again. Raises as `merge` does."""
        return await self._merging.unmerge(await self._taking_part(loser), by=by, why=why)

    async def history(self, customer: str) -> Sequence[Merge]:
        """Every merge that a record took part in, on either side, oldest first. Raises as `merge` does."""
        return await self._merging.history(await self._taking_part(customer))

    async def resume(self) -> list[Merge]:
        """Finish every merge and reversal that was cut off."""
        return await self._merging.resume()

    async def _taking_part(self, named: str) -> str:
        """The record of this very name where it took part in a merge; otherwise whom it means."""
        return named if await self._merging.history(named) else await self._record_of(named)

    async def _record_of(self, named: str) -> str:
        """The record of a customer id, or of what an identity leads to; its own where it leads to nobody."""
        scheme, colon, value = named.partition(":")
        if not colon:
            return named
        deadline = asyncio.get_running_loop().time() + WITHIN_S
        found = (await self._customers.resolve([Identity(scheme, value)], deadline=deadline)).customers
        if len(found) > 1:
            raise Refused(Refusal.SEVERAL_CUSTOMERS, f"`{named}` means {', '.join(found)}: name one of them")
        return found[0] if found else named
