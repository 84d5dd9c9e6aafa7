"""A cluster's nodes by slot: asks for the slot map, keeps one connection a primary, and follows when slots move.

A key's slot is that of its hash tag, so everything of a partition lies on one node. A call that meets a moved slot
fails like any other failed call; the map is asked for again each second, and sooner while a node is away.
"""

import asyncio
import binascii
import contextlib
import logging
from collections.abc import Sequence
from typing import Final

from api.adapters.address import StoreAddress
from api.adapters.commands import Reply, checked, pack
from api.adapters.flights import Node, Timing
from api.adapters.nodes import Nodes, SingleNode
from api.adapters.script import LOAD_ALL
from api.ports import PARTITIONS, StoreUnavailable

log = logging.getLogger(__name__)

SLOTS: Final = 16_384
MAP_EVERY_S: Final = 1.0
MAP_SOON_S: Final = 0.25
TOLD_WITHIN_S: Final = 0.5

Place = tuple[str, int]


def slot_of(key: str) -> int:
    """The slot of a key: of what stands between the first brace and the next closing one, if anything does."""
    begin = key.find("{")
    end = key.find("}", begin + 1)
    tag = key[begin + 1 : end] if begin >= 0 and end > begin + 1 else key
    return binascii.crc_hqx(tag.encode(), 0) % SLOTS


def nodes_at(url: str, timing: Timing | None = None) -> Nodes:
    """The servers behind an address: a cluster's if it says `cluster=true`, otherwise the one that it names."""
    return ClusterNodes(url, timing) if StoreAddress.parse(url).cluster else SingleNode(url, timing)


class ClusterNodes:
    """`Nodes` of a cluster, found from one of its servers."""

    spans_slots = False

    def __init__(self, url: str, timing: Timing | None = None) -> None:
        self._seed = StoreAddress.parse(url)
        self._timing = timing
        self._node_by_place: dict[Place, Node] = {}
        self._place_by_slot: list[Place | None] = [None] * SLOTS
        self._slot_by_partition = [slot_of(f"{{{partition}}}") for partition in range(PARTITIONS)]
        self._keeper: asyncio.Task[None] | None = None

    def of_partition(self, partition: int) -> Node:
        """The node of everything tagged with a partition.

        Raises:
            StoreUnavailable: no node is known to serve its slot.
        """
        return self._of_slot(self._slot_by_partition[partition])

    def of_key(self, key: str) -> Node:
        """The node of one key; raises as `of_partition` does."""
        return self._of_slot(slot_of(key))

    def _of_slot(self, slot: int) -> Node:
        place = self._place_by_slot[slot]
        if place is None:
            raise StoreUnavailable("no node of the cluster serves this slot")
        return self._node_by_place[place]

    def together(self, partitions: Sequence[int]) -> Sequence[tuple[Node, Sequence[int]]]:
        """One partition each: a command may not span slots."""
        return [(self.of_partition(partition), (partition,)) for partition in partitions]

    def by_node(self, partitions: Sequence[int]) -> Sequence[tuple[Node, Sequence[int]]]:
        """The partitions of each node; raises as `of_partition` does."""
        some_by_node: dict[Node, list[int]] = {}
        for partition in partitions:
            some_by_node.setdefault(self.of_partition(partition), []).append(partition)
        return list(some_by_node.items())

    async def waiting(self) -> Node | None:
        """None: a command that waits would have to name streams of several slots."""
        return None

    def everyone(self) -> tuple[Node, ...]:
        """Every node."""
        return tuple(self._node_by_place.values())

    async def start(self) -> None:
        """Find the nodes and connect; a cluster that is not there yet is looked for in the background."""
        await self._look()
        self._keeper = asyncio.get_running_loop().create_task(self._keep_looking())

    async def close(self) -> None:
        """End every connection."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        for node in self.everyone():
            await node.close()
        self._node_by_place.clear()

    async def _keep_looking(self) -> None:
        while True:
            complete = self._node_by_place and all(node.available for node in self.everyone())
            await asyncio.sleep(MAP_EVERY_S if complete else MAP_SOON_S)
            await self._look()

    async def _look(self) -> None:
        """Ask whoever answers first for the slot map, and use it."""
        for place, node in list(self._node_by_place.items()):
            if node.available and await self._ask(node, place):
                return
        node = Node(self._seed, greeting=LOAD_ALL, timing=self._timing)
        await node.start()
        try:
            await self._ask(node, (self._seed.host, self._seed.port))
        finally:
            await node.close()

    async def _ask(self, node: Node, place: Place) -> bool:
        deadline = asyncio.get_running_loop().time() + TOLD_WITHIN_S
        try:
            ranges = checked(await node.call(pack(b"CLUSTER", b"SLOTS"), 1, deadline))
        except StoreUnavailable:
            return False
        await self._use(ranges, asked=place)
        return True

    async def _use(self, ranges: Reply, asked: Place) -> None:
        place_by_slot: list[Place | None] = [None] * SLOTS
        for first, last, (host, port, *_), *_ in ranges:
            # A node that does not know its own name says nothing: it is the one that was asked.
            place = (host.decode() if host else asked[0], port)
            place_by_slot[first : last + 1] = [place] * (last + 1 - first)
        if place_by_slot == self._place_by_slot:
            return
        wanted = {place for place in place_by_slot if place is not None}
        new = {place: Node(self._seed.at(*place), greeting=LOAD_ALL, timing=self._timing) for place in wanted}
        new.update({place: node for place, node in self._node_by_place.items() if place in wanted})
        await asyncio.gather(*(node.start() for place, node in new.items() if place not in self._node_by_place))
        gone = [node for place, node in self._node_by_place.items() if place not in wanted]
        self._node_by_place = new
        self._place_by_slot = place_by_slot
        log.info("the cluster has %d primaries", len(wanted))
        for node in gone:
            await node.close()
