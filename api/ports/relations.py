"""The port of relations: who is whose spouse, director, guarantor, or holder of the same account."""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import NamedTuple, Protocol

from api.ports.customers import CustomerKey


class Relation(NamedTuple):
    """One customer's relation to another record; stored again, it replaces the one of the same kind to the same."""

    of: str
    kind: str
    to: str
    """Empty: nobody; it says that the customer has no relation of this kind but for those that are named."""
    start: date | None = None
    end: date | None = None


class RelationStore(Protocol):
    """Relations, each kept beside the record of the customer whose relation it is."""

    async def relate(self, relations: Sequence[Relation], *, deadline: float) -> None:
        """Store relations."""

    async def relations_of(self, key: CustomerKey, *, deadline: float) -> Sequence[Relation]:
        """A record's relations, by kind and whom they lead to."""

    def everybody(self, *, within_s: float) -> AsyncIterator[Sequence[str]]:
        """The records of all who have relations, in batches; somebody may be named twice."""
