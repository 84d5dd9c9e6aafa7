"""A proxy between the product and its store that delays, refuses, swallows, cuts and spoils what passes, on demand."""

import asyncio
import random
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import hiredis

from api.adapters.commands import pack

_CHUNK: Final = 1 << 16
_UNKNOWN: Final = pack(b"FAULT")
"""What takes a command's place that is to fail: the server itself refuses it, so answers keep their order."""


class Kind(StrEnum):
    """What the proxy does to what passes."""

    NONE = "none"
    DELAY = "delay"
    """Answers come later."""
    ERROR = "error"
    """Commands are answered with an error."""
    SILENT = "silent"
    """Connections stand and new ones are taken, and nothing ever comes back."""
    REFUSE = "refuse"
    """Connections break, and new ones break at once."""
    CUT = "cut"
    """Every connection breaks in the middle of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way in which a store misbehaves."""

    kind: Kind = Kind.NONE
    delay_s: float = 0.0
    share: float = 1.0
    """Of the commands that fail."""


NO_FAULT: Final = Fault()


class FaultProxy:
    """Listens on a socket, passes everything on to the store's; runs in a thread of its own."""

    def __init__(self, listen: Path, store: Path, *, seed: int = 7) -> None:
        self.fault = NO_FAULT
        self._listen = listen
        self._store = store
        self._chance = random.Random(seed)
        self._passages: set[_Passage] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over = asyncio.Event()

    @property
    def url(self) -> str:
        """Where the product finds the store."""
        return f"unix://{self._listen}"

    def set(self, fault: Fault) -> None:
        """Misbehave so from now on."""
        was, self.fault = self.fault, fault
        if Kind.SILENT in {was.kind, fault.kind} or fault.kind is Kind.REFUSE:
            # An answer that was swallowed is missed for ever: what comes after it would be taken for it.
            self._loop.call_soon_threadsafe(self._break_all, fault.kind is Kind.SILENT)

    def fails_now(self) -> bool:
        """Whether the next command is one that fails."""
        return self.fault.kind is Kind.ERROR and self._chance.random() < self.fault.share

    def _break_all(self, spared: bool) -> None:
        for passage in () if spared else tuple(self._passages):
            passage.end()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Pass on, for as long as the context lasts."""
        thread = threading.Thread(target=self._run, name="fault proxy", daemon=True)
        thread.start()
        self._ready.wait()
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._over.set)
            thread.join()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_unix_server(self._pass, self._listen)
        self._ready.set()
        await self._over.wait()
        server.close()
        self._break_all(spared=False)
        everything = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.gather(*everything, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault.kind is Kind.REFUSE:
            writer.transport.abort()
            return
        try:
            store_reader, store_writer = await asyncio.open_unix_connection(self._store)
        except OSError:
            writer.transport.abort()
            return
        passage = _Passage(self, writer, store_writer)
        self._passages.add(passage)
        try:
            await asyncio.gather(passage.ask(reader), passage.answer(store_reader))
        finally:
            self._passages.discard(passage)
            passage.end()


class _Passage:
    """One connection of the product and its counterpart at the store."""

    def __init__(self, proxy: FaultProxy, client: asyncio.StreamWriter, store: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._store = store
        self._commands = hiredis.Reader()
        self._due: deque[tuple[float, bytes]] = deque()

    async def ask(self, reader: asyncio.StreamReader) -> None:
        """Pass commands on, or what fails in their place."""
        with suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                self._commands.feed(data)
                commands = list(iter(self._commands.gets, False))
                # Whole commands only: what fails and what passes must not be mixed in one.
                self._store.write(b"".join(_UNKNOWN if self._proxy.fails_now() else pack(*each) for each in commands))
        self.end()

    async def answer(self, reader: asyncio.StreamReader) -> None:
        """Pass answers back: later, in part, or not at all."""
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                fault = self._proxy.fault
                match fault.kind:
                    case Kind.SILENT:
                        continue
                    case Kind.CUT:
                        self._client.write(data[: len(data) // 2])
                        break
                    case Kind.DELAY:
                        due_at = loop.time() + fault.delay_s
                        self._due.append((due_at, data))
                        loop.call_at(due_at, self._deliver)
                    case _ if self._due:
                        self._due.append((self._due[-1][0], data))
                    case _:
                        self._client.write(data)
        self.end()

    def _deliver(self) -> None:
        now = asyncio.get_running_loop().time() + 0.001
        while self._due and self._due[0][0] <= now:
            data = self._due.popleft()[1]
            if not self._client.transport.is_closing():
                self._client.write(data)

    def end(self) -> None:
        """Break both connections."""
        for writer in (self._client, self._store):
            if not writer.transport.is_closing():
                writer.close()
