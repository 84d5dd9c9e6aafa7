"""A server that answers when a test says so, and takes note of every trip."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import hiredis

from api.adapters.address import StoreAddress
from api.adapters.commands import pack
from api.adapters.flights import Node, Timing

BRISK = Timing(flight=0.05, connect=0.1, probe=0.02)
"""Times short enough to wait for."""

Command = list[bytes]


@dataclass(slots=True)
class ScriptedServer:
    """Echoes the argument of ECHO, and knows TIME; other commands are errors."""

    path: str
    trips: list[list[Command]] = field(default_factory=list)
    """The commands of each trip, greetings apart."""
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    connections: list[asyncio.StreamWriter] = field(default_factory=list)
    clock_ahead_s: float = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        self.connections.append(writer)
        commands = hiredis.Reader()
        while data := await reader.read(1 << 20):
            commands.feed(data)
            trip = list(iter(commands.gets, False))
            if [b"TIME"] not in trip:
                self.trips.append(trip)
            await self.answering.wait()
            writer.write(b"".join(map(self._answer, trip)))
        writer.close()

    def _answer(self, command: Command) -> bytes:
        match command:
            case [b"ECHO", text]:
                return b"$%d\r\n%b\r\n" % (len(text), text)
            case [b"PING"]:
                return b"+PONG\r\n"
            case [b"TIME"]:
                seconds = str(int(time.time() + self.clock_ahead_s)).encode()
                return b"*2\r\n$%d\r\n%b\r\n$1\r\n0\r\n" % (len(seconds), seconds)
            case _:
                return b"-ERR unknown command\r\n"


@asynccontextmanager
async def scripted(path: Path, *, answering: bool = True) -> AsyncIterator[ScriptedServer]:
    """A scripted server on a socket."""
    server = ScriptedServer(str(path))
    if answering:
        server.answering.set()
    listening = await asyncio.start_unix_server(server.serve, path)
    try:
        yield server
    finally:
        server.answering.set()
        for writer in server.connections:
            writer.close()
        listening.close()
        await turns()


@asynccontextmanager
async def connected(path: str | Path, timing: Timing = BRISK) -> AsyncIterator[Node]:
    """A node that keeps to brisk times."""
    node = Node(StoreAddress(path=str(path)), timing=timing)
    await node.start()
    try:
        yield node
    finally:
        await node.close()


def echo(node: Node, text: str, *, within_s: float = 5.0) -> "asyncio.Future[bytes]":
    """Ask for a text to come back."""
    return node.call(pack("ECHO", text), 1, asyncio.get_running_loop().time() + within_s)


async def turns(count: int = 5) -> None:
    """Let everything that is ready run."""
    for _ in range(count):
        await asyncio.sleep(0)


async def available(node: Node) -> None:
    """Wait until a node takes calls."""
    async with asyncio.timeout(10):
        while not node.available:  # noqa: ASYNC110 - a node tells nobody when, so that calls stay cheap
            await asyncio.sleep(0.005)
