"""Processor time of a decision's two store calls: our shared flights beside redis-py's asyncio client, same server.

Every request in flight reads a record with a claim (two commands), then commits (one script), again and again;
processor time of this process is divided by the calls made. `commit` is the difference between whole decisions and
reads alone. Rounds alternate between the two clients, and medians are told.
"""

import asyncio
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import redis.asyncio as redis
import uvloop

from api.adapters import keys
from api.adapters.customer_store import FIELDS, RedisCustomerStore
from api.adapters.embedded import EmbeddedServer
from api.adapters.flights import Timing
from api.adapters.nodes import SingleNode
from api.adapters.script import SOURCES
from api.ports import Commit, CommitState, CustomerKey, RequestClaim, Stream, key_of

IN_FLIGHT: Final = (16, 32)
CUSTOMERS: Final = 1_000
DECISIONS: Final = 3_000
ROUNDS: Final = 3
DECISION: Final = bytes(1_000)
CONTACT: Final = bytes(16)
PATIENCE_S: Final = 30.0
REQUEST_IDS: Final = itertools.count()

Turn = Callable[[int], Awaitable[None]]
"""One request's work, by its number."""


def run(decisions: int = DECISIONS) -> dict[str, object]:
    """Measure everything; microseconds of processor time per call, and how many times ours redis-py takes."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder))
        server.start()
        try:
            return asyncio.Runner(loop_factory=uvloop.new_event_loop).run(_measure(server.url, decisions))
        finally:
            server.stop()


async def _measure(url: str, decisions: int) -> dict[str, object]:
    nodes = SingleNode(url, Timing(flight=PATIENCE_S))
    await nodes.start()
    peer = redis.Redis.from_url(url, max_connections=max(IN_FLIGHT))
    await _fill(peer)
    results: dict[str, object] = {"case": "gather + commit, 1 kB decisions", "decisions": decisions, "unit": "us CPU"}
    for in_flight in IN_FLIGHT:
        rounds = [
            (
                await _round(_our_reads(nodes), _our_decisions(nodes), in_flight, decisions),
                await _round(_peer_reads(peer), _peer_decisions(peer), in_flight, decisions),
            )
            for _ in range(ROUNDS)
        ]
        ours, peers = (_medians([each[client] for each in rounds]) for client in (0, 1))
        ratios = {call: round(peers[call] / ours[call], 1) for call in ours}
        results[f"{in_flight} in flight"] = {"ours": ours, "redis_py": peers, "ratio": ratios}
    await peer.aclose()
    await nodes.close()
    return results


async def _round(reads: Turn, decides: Turn, in_flight: int, decisions: int) -> tuple[float, float]:
    return await _cpu_us(reads, in_flight, decisions), await _cpu_us(decides, in_flight, decisions)


def _medians(rounds: Sequence[tuple[float, float]]) -> dict[str, float]:
    gather = statistics.median(reads for reads, _ in rounds)
    both = statistics.median(decides for _, decides in rounds)
    return {"gather": round(gather, 1), "commit": round(both - gather, 1), "both": round(both, 1)}


async def _cpu_us(turn: Turn, in_flight: int, turns: int) -> float:
    """Processor time per turn, after a tenth of them to warm up."""
    await _all_turns(turn, in_flight, turns // 10)
    before = time.process_time()
    await _all_turns(turn, in_flight, turns)
    return 1e6 * (time.process_time() - before) / turns


async def _all_turns(turn: Turn, in_flight: int, turns: int) -> None:
    numbers = iter(range(turns))

    async def one_after_another() -> None:
        for number in numbers:
            await turn(number)

    await asyncio.gather(*(one_after_another() for _ in range(in_flight)))


def _key(number: int) -> CustomerKey:
    return key_of(f"C{number % CUSTOMERS:07}")


async def _fill(peer: "redis.Redis") -> None:
    for number in range(CUSTOMERS):
        name = keys.record(_key(number))
        await peer.hset(name, mapping={"p": os.urandom(300), "e": os.urandom(200), "n": os.urandom(40)})
        await peer.hset(name, mapping={"k": os.urandom(60), "h": bytes(16 * 20), "id": f"C{number:07}"})


def _our_reads(nodes: SingleNode) -> Turn:
    store = RedisCustomerStore(nodes)
    loop = asyncio.get_running_loop()

    async def read(number: int) -> None:
        claim = RequestClaim(f"r{next(REQUEST_IDS)}", b"bodyhash", b"attempt1", 10)
        await store.gather(_key(number), claim, deadline=loop.time() + PATIENCE_S)

    return read


def _our_decisions(nodes: SingleNode) -> Turn:
    store = RedisCustomerStore(nodes)
    loop = asyncio.get_running_loop()

    async def decide(number: int) -> None:
        deadline = loop.time() + PATIENCE_S
        claim = RequestClaim(f"d{next(REQUEST_IDS)}", b"bodyhash", b"attempt1", 30_000)
        read = await store.gather(_key(number), claim, deadline=deadline)
        commit = Commit(
            deadline_ms=int(1000 * (time.time() + PATIENCE_S)),
            contacts_version=read.record.contacts_version,
            consent_version=read.record.consent_version,
            new_contacts=CONTACT,
            dropped_contacts=1,
            decision=DECISION,
            claim=claim,
            answer=bytes(60),
        )
        committed = await store.commit(read.key, commit, deadline=deadline)
        assert committed.state is CommitState.COMMITTED

    return decide


def _peer_reads(peer: "redis.Redis") -> Turn:

    async def read(number: int) -> None:
        await _peer_gather(peer, _key(number), f"pr{next(REQUEST_IDS)}")

    return read


async def _peer_gather(peer: "redis.Redis", key: CustomerKey, request_id: str) -> list[bytes | None]:
    pipeline = peer.pipeline(transaction=False)
    pipeline.set(
        keys.claim(key, RequestClaim(request_id, b"", b"", 0)), b"?bodyhashattempt1", nx=True, get=True, px=30_000
    )
    pipeline.hmget(keys.record(key), *FIELDS)
    _, fields = await pipeline.execute()
    return list(fields)


def _peer_decisions(peer: "redis.Redis") -> Turn:
    script = peer.register_script((SOURCES / "commit.lua").read_text())

    async def decide(number: int) -> None:
        key = _key(number)
        request_id = f"pd{next(REQUEST_IDS)}"
        fields = await _peer_gather(peer, key, request_id)
        names = [
            keys.record(key),
            keys.stream(Stream.DECISIONS, key.partition),
            keys.claim(key, RequestClaim(request_id, b"", b"", 0)),
        ]
        words = [int(1000 * (time.time() + PATIENCE_S)), fields[6] or 0, fields[5] or 0, CONTACT, 16, DECISION, b""]
        reply = await script(names, [*words, b"?bodyhashattempt1", b"=bodyhash0:" + bytes(60)])
        assert reply == 0

    return decide


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
