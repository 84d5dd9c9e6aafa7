"""A cheap load generator in a process of its own: requests built beforehand, kept-alive connections, bare protocols.

Closed loop: every connection sends its next request when it has its answer. Open loop: requests are due at a constant
rate whatever the server does, and latency counts from the instant at which a request was due.
"""

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import time
from array import array
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Final, cast

import uvloop

from bench.measure import Spread, spread

_TICK_S: Final = 0.001
_DRAIN_S: Final = 2.0
_GOOD_STATUS: Final = "HTTP/1.1 200"
WARM_UP_S: Final = 0.5
KEY: Final = "nbk_" + "bench" * 8 + "key"
"""Every request carries it, also to servers that ask for none: all that are compared read the same headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to send, to whom, for how long; `per_second` None is a closed loop."""

    port: int
    connections: int
    seconds: float
    per_second: float | None
    wanted: str
    """What a good answer contains."""
    path: str
    bodies: tuple[str, ...]
    """Sent one after the other, again and again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What came back; a good answer has status 200 and contains what was wanted."""

    seconds: float
    answers: int
    """Those of the measured seconds."""
    sent: int
    """Requests in all, those of the warm-up included."""
    wrong: Mapping[str, int]
    """Answers that were not good, by what they said."""
    unanswered: int
    latency: Spread
    good_latency: Spread
    """Of the good answers alone."""
    cpu_share: float
    """Of one core, used by the generator."""

    @property
    def per_second(self) -> float:
        """Good answers a second."""
        return (self.answers - sum(self.wrong.values())) / self.seconds

    @property
    def wrong_share(self) -> float:
        """Of all answers."""
        return sum(self.wrong.values()) / self.answers


def send(load: Load, folder: Path) -> LoadResult:
    """Run the generator as a process and wait for it.

    Raises:
        RuntimeError: the generator failed, nothing was answered, or an answer had another status than 200.
    """
    file = folder / "load.json"
    file.write_text(json.dumps(asdict(load)), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "bench.load", str(file)],
        capture_output=True,
        text=True,
        timeout=load.seconds + 30,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(f"the load generator failed: {ran.stderr[-500:]}")
    found = json.loads(ran.stdout)
    result = LoadResult(
        **{**found, "latency": Spread(**found["latency"]), "good_latency": Spread(**found["good_latency"])}
    )
    refused = [what for what in result.wrong if not what.startswith(_GOOD_STATUS)]
    if refused or not result.answers:
        raise RuntimeError(f"of {result.answers} answers some were refused: {refused}")
    return result


class _Run:
    """The state that all connections share."""

    def __init__(self, load: Load) -> None:
        head = (
            f"POST {load.path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {KEY}\r\n"
            "content-type: application/json\r\ncontent-length: "
        )
        self.requests = cycle([f"{head}{len(body.encode())}\r\n\r\n{body}".encode() for body in load.bodies])
        self.wanted = load.wanted.encode()
        self.closed_loop = load.per_second is None
        self.drained = asyncio.Event()
        """All connections are idle."""
        self._connections = load.connections
        self.latencies_us = array("d")
        self.good_us = array("d")
        self.sent = 0
        self.wrong: Counter[str] = Counter()
        self.measure_from = time.perf_counter() + WARM_UP_S
        self.measure_to = self.measure_from + load.seconds
        self.idle: deque[_Connection] = deque()
        self.due: deque[float] = deque()
        """Requests of the open loop that wait for a free connection."""

    def answered(self, connection: "_Connection", due_at: float, head: bytes, body: bytes) -> None:
        now = time.perf_counter()
        if self.measure_from <= (due_at if not self.closed_loop else now) < self.measure_to:
            self.latencies_us.append(1e6 * (now - due_at))
            if self.wanted not in body or not head.startswith(_GOOD_STATUS.encode()):
                self.wrong[_said(head, body)] += 1
            else:
                self.good_us.append(self.latencies_us[-1])
        if self.closed_loop:
            if now < self.measure_to:
                connection.send(now)
        elif self.due:
            connection.send(self.due.popleft())
        else:
            self.idle.append(connection)
            if len(self.idle) == self._connections:
                self.drained.set()


class _Connection(asyncio.Protocol):
    """One kept-alive connection with one request under way."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._due_at = 0.0
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def send(self, due_at: float) -> None:
        self._due_at = due_at
        self._run.sent += 1
        assert self._transport is not None
        self._transport.write(next(self._run.requests))

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        head, end, body = received.partition(b"\r\n\r\n")
        if not end or len(body) < _content_length(head):
            self._received = received
            return
        self._received = b""
        self._run.answered(self, self._due_at, head, body)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _said(head: bytes, body: bytes) -> str:
    """Status and reasons of an answer, without what differs from one to the next."""
    status = head.partition(b"\r\n")[0].decode(errors="replace")[: len(_GOOD_STATUS)]
    reasons = body.partition(b'"degraded":[')[2].partition(b"]")[0].decode(errors="replace")
    return f"{status} {reasons}".strip()


def _content_length(head: bytes) -> int:
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return int(length) if length else 0


async def _generate(load: Load) -> LoadResult:
    loop = asyncio.get_running_loop()
    run = _Run(load)
    connections = [_Connection(run) for _ in range(load.connections)]
    for connection in connections:
        await loop.create_connection(lambda each=connection: each, "127.0.0.1", load.port)  # type: ignore[misc]
    run.measure_from = time.perf_counter() + WARM_UP_S
    run.measure_to = run.measure_from + load.seconds
    cpu = time.process_time()
    asked = 0
    if load.per_second is None:
        for connection in connections:
            connection.send(time.perf_counter())
        await asyncio.sleep(WARM_UP_S + load.seconds + 0.1)
    else:
        run.idle.extend(connections)
        asked = await _at_constant_rate(run, load)
    cpu_share = (time.process_time() - cpu) / (WARM_UP_S + load.seconds)
    for connection in connections:
        connection.close()
    return LoadResult(
        seconds=load.seconds,
        answers=len(run.latencies_us),
        sent=run.sent,
        wrong=dict(run.wrong),
        unanswered=max(0, asked - len(run.latencies_us)),
        latency=spread(run.latencies_us or [0.0]),
        good_latency=spread(run.good_us or [0.0]),
        cpu_share=round(cpu_share, 3),
    )


async def _at_constant_rate(run: _Run, load: Load) -> int:
    """Send what is due at every millisecond; returns how many requests were due while measuring."""
    assert load.per_second is not None
    loop = asyncio.get_running_loop()
    began, began_at = time.perf_counter(), loop.time()
    last = int((WARM_UP_S + load.seconds) / _TICK_S)
    sent = asked = 0
    for tick in range(last):
        pause = began_at + tick * _TICK_S - loop.time()
        if pause > 0:
            await asyncio.sleep(pause)
        due_at = began + tick * _TICK_S
        for _ in range(int((tick + 1) * _TICK_S * load.per_second) - sent):
            sent += 1
            asked += run.measure_from <= due_at < run.measure_to
            if run.idle:
                run.idle.popleft().send(due_at)
            else:
                run.due.append(due_at)
    run.drained.clear()
    if len(run.idle) < load.connections:
        with suppress(TimeoutError):
            await asyncio.wait_for(run.drained.wait(), _DRAIN_S)
    return asked


def main(arguments: Sequence[str]) -> None:
    """Read the load from a file, run it, print the result as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("file", type=Path, help="a load as JSON")
    given = json.loads(parser.parse_args(arguments).file.read_text(encoding="utf-8"))
    load = Load(**{**given, "bodies": tuple(given["bodies"])})
    gc.disable()  # a pause of the generator would count as one of the server
    print(json.dumps(asdict(uvloop.run(_generate(load)))))


if __name__ == "__main__":
    main(sys.argv[1:])
