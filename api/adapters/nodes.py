"""Which server holds what: one node for everything, or a cluster's nodes by slot (cluster.py)."""

from collections.abc import Sequence
from typing import Protocol

from api.adapters.address import StoreAddress
from api.adapters.flights import Node, Timing
from api.adapters.script import LOAD_ALL


class Nodes(Protocol):
    """Routes keys to the servers that hold them."""

    def of_partition(self, partition: int) -> Node:
        """The node of everything tagged with a partition."""

    def of_key(self, key: str) -> Node:
        """The node of one key."""

    def together(self, partitions: Sequence[int]) -> Sequence[tuple[Node, Sequence[int]]]:
        """The partitions in groups of which one command may name the keys of all."""

    def everyone(self) -> tuple[Node, ...]:
        """Every node, for status and shutdown."""

    async def start(self) -> None:
        """Connect; a server that is not there yet is no error."""

    async def close(self) -> None:
        """End the connections."""


class SingleNode:
    """One server for everything."""

    def __init__(self, url: str, timing: Timing | None = None) -> None:
        self._node = Node(StoreAddress.parse(url), greeting=LOAD_ALL, timing=timing)

    def of_partition(self, partition: int) -> Node:
        return self._node

    def of_key(self, key: str) -> Node:
        return self._node

    def together(self, partitions: Sequence[int]) -> Sequence[tuple[Node, Sequence[int]]]:
        return [(self._node, partitions)] if partitions else []

    def everyone(self) -> tuple[Node, ...]:
        return (self._node,)

    async def start(self) -> None:
        await self._node.start()

    async def close(self) -> None:
        await self._node.close()
