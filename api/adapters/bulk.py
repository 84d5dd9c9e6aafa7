"""Many commands at once: those of one node travel together, some dozens a flight, in any number of flights."""

import asyncio
from collections.abc import Sequence

from api.adapters.commands import Reply
from api.adapters.flights import MAX_COMMANDS, Node


async def send_all(commands: Sequence[tuple[Node, bytes]], deadline: float) -> list[Reply]:
    """The replies of single packed commands, in their order; errors of commands are values among them.

    Raises:
        StoreUnavailable: a node is away or did not answer in time; other commands may have been carried out.
    """
    positions_by_node: dict[Node, list[int]] = {}
    for position, (node, _) in enumerate(commands):
        positions_by_node.setdefault(node, []).append(position)
    flights = [
        (node, positions[at : at + MAX_COMMANDS])
        for node, positions in positions_by_node.items()
        for at in range(0, len(positions), MAX_COMMANDS)
    ]
    calls = [
        node.call(b"".join([commands[position][1] for position in positions]), len(positions), deadline)
        for node, positions in flights
    ]
    replies: list[Reply] = [None] * len(commands)
    for (_, positions), told in zip(flights, await asyncio.gather(*calls), strict=True):
        for position, reply in zip(positions, told if len(positions) > 1 else [told], strict=True):
            replies[position] = reply
    return replies
