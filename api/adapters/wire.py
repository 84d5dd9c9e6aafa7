"""One connection to a store node: matches replies, in order, to the calls in the air."""

import asyncio
import contextlib
import os
from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol, cast

import hiredis

from api.adapters.commands import Reply

Call = tuple[bytes, int, "asyncio.Future[Reply]", float]
"""Packed commands, how many they are, who waits, until when (the event loop's clock)."""

_MORE: Final = object()


@dataclass(slots=True)
class Flight:
    """Calls that left together."""

    unanswered: int
    fails_at: float


class Owner(Protocol):
    """Who is told what becomes of a connection."""

    def landed(self) -> None:
        """A flight has all its answers."""

    def lose(self, wire: "Wire") -> None:
        """The connection broke, or cannot be trusted any more."""


class Wire(asyncio.Protocol):
    """One connection: matches replies, in order, to the calls in the air."""

    __slots__ = ("_feed", "_gets", "_owner", "_partial", "_socket", "_transport", "air", "flights", "lost")

    def __init__(self, owner: Owner, lost: "asyncio.Future[None]") -> None:
        reader = hiredis.Reader(notEnoughData=_MORE)
        self._feed = reader.feed
        self._gets = reader.gets
        self._owner = owner
        self._partial: list[Reply] = []
        self.air: deque[Call] = deque()
        self.flights: deque[Flight] = deque()
        self.lost = lost
        self._transport: asyncio.Transport | None = None
        self._socket = -1
        """The connection's descriptor; -1 where what is sent is encrypted first."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._transport.get_extra_info("sslcontext") is None:
            self._socket = self._transport.get_extra_info("socket").fileno()

    def send(self, data: bytes) -> None:
        """Send now, where the transport would wait for the event loop's next turn: meanwhile the store can work."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        sent = 0
        if self._socket >= 0 and not transport.get_write_buffer_size():
            with contextlib.suppress(OSError):  # a full buffer; if the connection is gone, the transport finds out
                sent = os.write(self._socket, data)
        if sent < len(data):
            transport.write(data[sent:])

    def end(self) -> None:
        """Break the connection off."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        air = self.air
        answered = 0
        try:
            self._feed(data)
            gets = self._gets
            while (reply := gets()) is not _MORE:
                _, commands, future, _ = air[0]
                if commands > 1:
                    partial = self._partial
                    partial.append(reply)
                    if len(partial) < commands:
                        continue
                    reply = partial
                    self._partial = []
                del air[0]
                answered += 1
                if not future.done():
                    future.set_result(reply)
        except (hiredis.HiredisError, IndexError):
            # Bytes that no call asked for: from here on positions mean nothing.
            self._owner.lose(self)
            return
        if answered:
            self._land(answered)

    def _land(self, answered: int) -> None:
        flights = self.flights
        while answered:
            flight = flights[0]
            if flight.unanswered > answered:
                flight.unanswered -= answered
                return
            answered -= flight.unanswered
            del flights[0]
            self._owner.landed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.lose(self)
