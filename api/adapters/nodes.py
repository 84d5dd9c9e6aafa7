"""Which server holds what: one node for everything, or a cluster's nodes by slot (cluster.py)."""

from collections.abc import Sequence
from typing import Final, Protocol

from api.adapters.address import StoreAddress
from api.adapters.flights import Node, Timing
from api.adapters.script import LOAD_ALL

WAIT_AT_MOST_S: Final = 1.0
WAITING: Final = Timing(flight=3 * WAIT_AT_MOST_S)
"""A command that waits for so long is on time; see `Nodes.waiting`."""


class Nodes(Protocol):
    """Routes keys to the servers that hold them."""

    def of_partition(self, partition: int) -> Node:
        """The node of everything tagged with a partition."""

    def of_key(self, key: str) -> Node:
        """The node of one key."""

    def together(self, partitions: Sequence[int]) -> Sequence[tuple[Node, Sequence[int]]]:
        """The partitions in groups of which one command may name the keys of all."""

    def by_node(self, partitions: Sequence[int]) -> Sequence[tuple[Node, Sequence[int]]]:
        """The partitions in groups of which one node holds everything."""

    @property
    def spans_slots(self) -> bool:
        """Whether one command may name keys of any partitions."""

    async def waiting(self) -> Node | None:
        """A connection of its own for commands that wait; None where no command can wait for all partitions."""

    def everyone(self) -> tuple[Node, ...]:
        """Every node, for status and shutdown."""

    async def start(self) -> None:
        """Connect; a server that is not there yet is no error."""

    async def close(self) -> None:
        """End the connections."""


class SingleNode:
    """One server for everything."""

    spans_slots = True

    def __init__(self, url: str, timing: Timing | None = None) -> None:
        self._address = StoreAddress.parse(url)
        self._node = Node(self._address, greeting=LOAD_ALL, timing=timing)
        self._waiting: Node | None = None

    def of_partition(self, partition: int) -> Node:
        return self._node

    def of_key(self, key: str) -> Node:
        return self._node

    def together(self, partitions: Sequence[int]) -> Sequence[tuple[Node, Sequence[int]]]:
        return [(self._node, partitions)] if partitions else []

    def by_node(self, partitions: Sequence[int]) -> Sequence[tuple[Node, Sequence[int]]]:
        return self.together(partitions)

    async def waiting(self) -> Node | None:
        if self._waiting is None:
            self._waiting = Node(self._address, timing=WAITING)
            await self._waiting.start()
        return self._waiting

    def everyone(self) -> tuple[Node, ...]:
        return (self._node,)

    async def start(self) -> None:
        await self._node.start()

    async def close(self) -> None:
        await self._node.close()
        if self._waiting is not None:
            await self._waiting.close()
