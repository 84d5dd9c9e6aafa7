"""A connection to one store node that the requests in flight share: many commands, few trips.

Commands queue up while the event loop runs other tasks; one flight takes all of them at once, when enough have come
together or nothing else is ready to run, and at most two flights are in the air.

Measured beside redis-py in bench/store_calls.py.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import hiredis

from api.adapters.address import StoreAddress
from api.adapters.commands import Reply, error_code, pack
from api.adapters.wire import Call, Flight, Wire
from api.ports import StoreUnavailable

log = logging.getLogger(__name__)

MAX_FLIGHTS: Final = 2
FULL: Final = 4
"""So many calls leave at once, while the tasks that are ready go on; fewer wait for what those will add."""
MAX_COMMANDS: Final = 64
MAX_QUEUED: Final = 4096
FAILURES_TO_OPEN: Final = 3
GRAIN_S: Final = 0.001
"""Timers of the event loop may fire so much early."""
_TIME: Final = pack(b"TIME")


@dataclass(slots=True)
class Counters:
    """What happened on a node since it was started."""

    flights: int = 0
    commands: int = 0
    failed_flights: int = 0
    openings: int = 0
    expired: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The times that a node keeps to, in seconds."""

    flight: float = 0.25
    """A flight that takes longer is a failed one, and its connection ends. Decisions give up far sooner, each by its
    own deadline; a disk that takes 100 ms for one sync is slow, not away, and outcomes wait for it."""
    connect: float = 0.25
    probe: float = 0.25
    """Between two attempts to reach a node that is away."""
    clock: float = 1.0
    """Between two looks at the server's clock: one of the two may be set while the connection stands."""


class Node:
    """One store server. `call` is all that the hot path uses; the rest starts, stops and tells how it stands."""

    def __init__(self, address: StoreAddress, *, greeting: Sequence[bytes] = (), timing: Timing | None = None) -> None:
        """`greeting`: packed commands sent on every new connection, such as SCRIPT LOAD."""
        self.address = address
        self.counters = Counters()
        self.clock_ahead_ms = 0
        """How far the server's clock is ahead of ours."""
        self._greeting = (*address.greeting(), *greeting, pack(b"PING"), _TIME)
        self._timing = timing or Timing()
        self._queue: deque[Call] = deque()
        self._wire: Wire | None = None
        self._connecting = False
        self._failures = 0
        self._open = False
        self._boarding = False
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = math.inf
        self._keeper: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop

    @property
    def available(self) -> bool:
        """Whether calls are taken and a connection stands."""
        return self._wire is not None and not self._open

    async def start(self) -> None:
        """Connect, and stay connected from now on; a server that is not there yet is no error."""
        self._loop = asyncio.get_running_loop()
        first_attempt = self._loop.create_future()
        self._connecting = True
        self._keeper = self._loop.create_task(self._keep_connected(first_attempt))
        await first_attempt

    async def close(self) -> None:
        """End the connection; whoever still waits is refused."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        self._keeper = None
        if self._alarm is not None:
            self._alarm.cancel()

    def call(self, packed: bytes, commands: int, deadline: float) -> "asyncio.Future[Reply]":
        """Send packed commands on the next flight.

        The future gives the reply of one command, or the list of the replies of several; errors of commands are
        `hiredis.ReplyError` values among them. Cancelling it does not disturb the flight.

        Raises:
            StoreUnavailable: here, when the node is known to be away; from the future, when `deadline` has passed or
                the connection broke.
        """
        if (self._wire is None and not self._connecting) or self._open or len(self._queue) >= MAX_QUEUED:
            raise StoreUnavailable("the store does not answer")
        future = self._loop.create_future()
        self._queue.append((packed, commands, future, deadline))
        if deadline < self._alarm_at:
            self._set_alarm(deadline)
        if len(self._queue) >= FULL and self._wire is not None and len(self._wire.flights) < MAX_FLIGHTS:
            self._take_off()
        elif not self._boarding:
            # The flight leaves once the tasks that are ready now have added their commands to it.
            self._boarding = True
            self._loop.call_soon(self._take_off)
        return future

    def landed(self) -> None:
        """A flight has all its answers."""
        if self._wire is None:
            return  # that was the greeting
        self._failures = 0
        if self._queue and not self._boarding:
            self._boarding = True
            self._loop.call_soon(self._take_off)

    def _take_off(self) -> None:
        self._boarding = False
        wire = self._wire
        queue = self._queue
        while wire is not None and queue and len(wire.flights) < MAX_FLIGHTS:
            packed: list[bytes] = []
            commands = 0
            while queue and (commands + queue[0][1] <= MAX_COMMANDS or not commands):
                call = queue.popleft()
                if not call[2].done():
                    packed.append(call[0])
                    commands += call[1]
                    wire.air.append(call)
            if packed:
                fails_at = self._loop.time() + self._timing.flight
                wire.flights.append(Flight(len(packed), fails_at))
                if fails_at < self._alarm_at:
                    self._set_alarm(fails_at)
                self.counters.flights += 1
                self.counters.commands += commands
                wire.send(packed[0] if len(packed) == 1 else b"".join(packed))

    def _set_alarm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        """Refuse whoever has waited long enough, and end the connection when its oldest flight has failed."""
        self._alarm = None
        self._alarm_at = math.inf
        now = self._loop.time() + GRAIN_S
        wire = self._wire
        if wire is not None and wire.flights and wire.flights[0].fails_at <= now:
            # After a long step of our own the answer may be there, unread: let the loop read once before judging.
            self._loop.call_later(GRAIN_S, self._judge, wire, wire.flights[0])
        next_at = math.inf
        waiting = [*self._queue, *wire.air] if wire is not None else list(self._queue)
        for _, _, future, deadline in waiting:
            if future.done():
                continue
            if deadline <= now:
                self.counters.expired += 1
                future.set_exception(StoreUnavailable("the store did not answer in time"))
            elif deadline < next_at:
                next_at = deadline
        self._queue = deque(call for call in self._queue if not call[2].done())
        if wire is not None:
            next_at = min([next_at, *(flight.fails_at for flight in wire.flights if flight.fails_at > now)])
        if next_at < math.inf:
            self._set_alarm(next_at)

    def _judge(self, wire: Wire, flight: Flight) -> None:
        if any(flight is late for late in wire.flights):
            self.lose(wire)

    def lose(self, wire: Wire) -> None:
        """A connection is of no use any more: nothing is sent on it from now on, and whoever waits is refused."""
        if wire is self._wire:
            self._wire = None
            if wire.flights:
                self._failed(len(wire.flights))
        self._refuse(wire.air)
        if not wire.lost.done():
            wire.lost.set_result(None)
        wire.end()

    async def _keep_connected(self, first_attempt: "asyncio.Future[None]") -> None:
        try:
            while True:
                self._connecting = True
                next_attempt_at = self._loop.time() + self._timing.probe
                wire = await self._connect()
                self._connecting = False
                if not first_attempt.done():
                    first_attempt.set_result(None)
                if wire is None:
                    self._failed(1)
                else:
                    await self._serve(wire)
                await asyncio.sleep(max(0.0, next_attempt_at - self._loop.time()))
        finally:
            self._connecting = False
            self._refuse(self._queue)
            if not first_attempt.done():
                first_attempt.set_result(None)

    async def _serve(self, wire: Wire) -> None:
        """Let calls use a connection until it is lost."""
        if self._failures:
            log.info("store connected")
        if self._open:
            self._open = False
            self._failures = 0
        self._wire = wire
        self._take_off()
        try:
            while not wire.lost.done():
                await asyncio.wait((wire.lost,), timeout=self._timing.clock)
                await self._compare_clocks()
        finally:
            self.lose(wire)

    async def _compare_clocks(self) -> None:
        sent_at = time.time()
        try:
            reply = await self.call(_TIME, 1, self._loop.time() + self._timing.flight)
            self.clock_ahead_ms = _ahead_ms(_instant(reply), sent_at, time.time())
        except (StoreUnavailable, TypeError, ValueError):
            return  # it is away, or refuses to tell; what was known of its clock stands

    async def _connect(self) -> Wire | None:
        wire = Wire(self, self._loop.create_future())
        try:
            async with asyncio.timeout(self._timing.connect):
                await self.address.connect(self._loop, wire)
                await self._greet(wire)
        except (OSError, TimeoutError, StoreUnavailable) as error:
            if not self._failures:
                log.warning("store unavailable: %s", str(error) or type(error).__name__)
            wire.end()
            return None
        return wire

    async def _greet(self, wire: Wire) -> None:
        greeted = self._loop.create_future()
        wire.air.append((b"", len(self._greeting), greeted, math.inf))
        wire.flights.append(Flight(1, math.inf))
        sent_at = time.time()
        wire.send(b"".join(self._greeting))
        try:
            replies = await _first_of(greeted, wire.lost)
        finally:
            greeted.cancel()  # where nobody waits for it any more, nobody is to be refused
        received_at = time.time()
        refused = next((reply for reply in replies if isinstance(reply, hiredis.ReplyError)), None)
        if refused is not None:
            raise StoreUnavailable(f"refused with {error_code(refused)}")
        try:
            self.clock_ahead_ms = _ahead_ms(_instant(replies[-1]), sent_at, received_at)
        except (TypeError, ValueError) as error:
            raise StoreUnavailable("what answers is no store") from error

    def _failed(self, flights: int) -> None:
        self.counters.failed_flights += flights
        self._failures += flights
        if self._failures >= FAILURES_TO_OPEN and not self._open:
            self._open = True
            self.counters.openings += 1
            log.warning("store breaker open after %d failed flights", self._failures)
        self._refuse(self._queue)

    @staticmethod
    def _refuse(calls: deque[Call]) -> None:
        for _, _, future, _ in calls:
            if not future.done():
                future.set_exception(StoreUnavailable("the connection to the store broke"))
        calls.clear()


async def _first_of(answer: "asyncio.Future[Reply]", lost: "asyncio.Future[None]") -> Reply:
    await asyncio.wait((answer, lost), return_when=asyncio.FIRST_COMPLETED)
    if not answer.done():
        raise StoreUnavailable("the connection to the store broke")
    return answer.result()


def _instant(told: Reply) -> float:
    """What TIME answers, as seconds since the epoch."""
    seconds, microseconds = told
    return int(seconds) + int(microseconds) / 1e6


def _ahead_ms(server_at: float, sent_at: float, received_at: float) -> int:
    """How far a clock is ahead that was read between two of our instants; 0 when it lies between them."""
    if server_at > received_at:
        return int(1000 * (server_at - received_at))
    if server_at < sent_at:
        return -int(1000 * (sent_at - server_at))
    return 0
