"""The store paused, killed, restarted and misconfigured: refused in time, found again, and no answer crossed."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
import redis

from api.adapters import keys
from api.adapters.commands import pack
from api.adapters.customer_store import RedisCustomerStore
from api.adapters.embedded import EmbeddedServer
from api.adapters.flights import Node, Timing
from api.adapters.nodes import SingleNode
from api.adapters.record_store import RedisHealth
from api.adapters.stream_reader import READ_MOST, READ_TOGETHER
from api.ports import FIRST, Arrival, CommitState, CustomerKey, FoldState, FoldWrite, Gathered, StoreUnavailable, Stream
from engine.contacts import ContactState
from tests.contract.worlds import ADA, a_claim, a_commit, a_contact, an_outcome, on_server, soon
from tests.integration.store.servers import BRISK, available, echo

BUDGET_S = 0.05
WELL_BEFORE_S = 2.0
"""A store that hangs answers never; that a refusal came within this says that nobody waited for it."""


@asynccontextmanager
async def _nodes(url: str, timing: Timing = BRISK) -> AsyncIterator[SingleNode]:
    nodes = SingleNode(url, timing)
    await nodes.start()
    try:
        yield nodes
    finally:
        await nodes.close()


@contextmanager
def _paused(server: EmbeddedServer) -> Iterator[None]:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def _node(nodes: SingleNode) -> Node:
    return nodes.everyone()[0]


def _brief() -> float:
    return asyncio.get_running_loop().time() + BUDGET_S


def _brief_ms() -> int:
    return int(1_000 * (time.time() + BUDGET_S))


def _kill(server: EmbeddedServer) -> None:
    assert server.child is not None
    server.child.kill()
    server.child.wait()


async def test_a_paused_server_is_not_waited_for(server: EmbeddedServer) -> None:
    """Every read and commit is refused in its own time; afterwards everything goes on by itself."""
    async with _nodes(server.url) as nodes:
        store = RedisCustomerStore(nodes)
        read = await store.gather(ADA, None, deadline=soon())
        with _paused(server):
            began = time.monotonic()
            for _ in range(5):
                with pytest.raises(StoreUnavailable):
                    await store.gather(ADA, a_claim(), deadline=_brief())
                commit = a_commit(read, a_contact(), deadline_ms=_brief_ms())
                with pytest.raises(StoreUnavailable):
                    await store.commit(ADA, commit, deadline=_brief())
            assert time.monotonic() - began < WELL_BEFORE_S
            await asyncio.sleep(BUDGET_S)
        await available(_node(nodes))
        assert (await store.gather(ADA, None, deadline=soon())).record == read.record


async def test_a_server_that_wakes_up_applies_nothing_late(server: EmbeddedServer) -> None:
    """The commit waited in its socket; its deadline has passed by the server's clock."""
    async with _nodes(server.url) as nodes:
        store = RedisCustomerStore(nodes)
        read = await store.gather(ADA, None, deadline=soon())
        with _paused(server):
            commit = a_commit(read, a_contact(), deadline_ms=_brief_ms())
            with pytest.raises(StoreUnavailable):
                await store.commit(ADA, commit, deadline=_brief())
            await asyncio.sleep(BUDGET_S)
        await available(_node(nodes))
        assert (await store.gather(ADA, None, deadline=soon())).record == read.record
        assert await store.decisions_between(ADA.partition, 0, 2 * commit.deadline_ms, deadline=soon()) == []


async def test_a_killed_server_is_found_again_without_a_restart_of_ours(server: EmbeddedServer) -> None:
    """And holds what it had acknowledged."""
    async with _nodes(server.url) as nodes:
        store = RedisCustomerStore(nodes)
        read = await store.gather(ADA, None, deadline=soon())
        assert (await store.commit(ADA, a_commit(read, a_contact()), deadline=soon())).state is CommitState.COMMITTED
        _kill(server)
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await store.gather(ADA, None, deadline=_brief())
        assert not (await RedisHealth(nodes, "always").status()).available
        server.restart_if_dead()
        await available(_node(nodes))
        assert (await store.gather(ADA, None, deadline=soon())).record.contacts_version == 1
        assert (await RedisHealth(nodes, "always").status()).available


async def test_commits_acknowledged_before_a_kill_are_all_there(server: EmbeddedServer) -> None:
    """Killed in the middle of a storm: what was answered is kept, once."""
    acknowledged: list[bytes] = []
    enough, killed = asyncio.Event(), asyncio.Event()

    async def storm(store: RedisCustomerStore, number: int) -> None:
        while True:
            decision = b"%d/%d" % (number, len(acknowledged))
            try:
                read: Gathered = await store.gather(ADA, None, deadline=soon())
                committed = await store.commit(ADA, a_commit(read, decision=decision), deadline=soon())
            except StoreUnavailable:
                if killed.is_set():
                    return
                await asyncio.sleep(0.01)  # the disk was slow for a moment; connections come back meanwhile
                continue
            if committed.state is CommitState.COMMITTED:
                acknowledged.append(decision)
            if len(acknowledged) >= 200:
                enough.set()

    async with _nodes(server.url) as nodes:
        store = RedisCustomerStore(nodes)
        storms = [asyncio.ensure_future(storm(store, number)) for number in range(8)]
        await enough.wait()
        killed.set()
        _kill(server)
        async with asyncio.timeout(30):
            await asyncio.gather(*storms)
        server.restart_if_dead()
        await available(_node(nodes))
        kept = await store.decisions_between(ADA.partition, 0, 2 * int(1_000 * time.time()), deadline=soon())
        assert set(acknowledged) <= set(kept)
        assert len(kept) == len(set(kept))


async def test_no_answer_reaches_another_question(server: EmbeddedServer) -> None:
    """Hundreds of tagged questions through pauses long enough to break connections."""
    answered = refused = 0
    over = False

    async def ask(node: Node, number: int) -> None:
        nonlocal answered, refused
        while not over:
            text = f"{number}/{answered}"
            try:
                assert await echo(node, text, within_s=0.02 if number % 2 else 0.5) == text.encode()
                answered += 1
            except StoreUnavailable:
                refused += 1
                await asyncio.sleep(0.001)

    async with _nodes(server.url) as nodes:
        asking = asyncio.gather(*(ask(_node(nodes), number) for number in range(20)))
        for pause_s in (0.03, 0.08, 0.2):
            with _paused(server):
                await asyncio.sleep(pause_s)
            await available(_node(nodes))
            await asyncio.sleep(0.02)
        over = True
        await asking
        assert _node(nodes).counters.failed_flights > 0
        assert min(answered, refused) > 100


async def test_a_script_that_was_flushed_is_told_again(server: EmbeddedServer) -> None:
    """Within the same call."""
    async with on_server(server.url) as world:
        with redis.Redis.from_url(server.url) as client:
            client.script_flush()
        committed = await world.customers.commit(ADA, a_commit(await world.read(), a_contact()), deadline=soon())
        assert committed.state is CommitState.COMMITTED


async def test_a_server_out_of_memory_refuses_writes_and_still_reads(server: EmbeddedServer) -> None:
    """The commit is refused; nothing was half written."""
    async with _nodes(server.url) as nodes:
        store = RedisCustomerStore(nodes)
        read = await store.gather(ADA, None, deadline=soon())
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory", 1)
            with pytest.raises(StoreUnavailable, match="OOM"):
                await store.commit(ADA, a_commit(read, a_contact()), deadline=soon())
            assert (await store.gather(ADA, None, deadline=soon())).record == read.record
            status = await RedisHealth(nodes, "always").status()
            assert status.memory_used_share is not None
            assert status.memory_used_share > 1
            client.config_set("maxmemory", 0)


async def test_a_password_is_given_and_a_wrong_one_is_no_connection(server: EmbeddedServer) -> None:
    """The address carries it."""
    with redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "secret")
    async with _nodes(server.url) as nodes:
        assert not _node(nodes).available
    async with _nodes(server.url.replace("unix://", "unix://:wrong@")) as nodes:
        assert not _node(nodes).available
    async with _nodes(server.url.replace("unix://", "unix://:secret@") + "?db=3") as nodes:
        assert await echo(_node(nodes), "in") == b"in"
        assert await _node(nodes).call(pack("DBSIZE"), 1, soon()) == 0
    with redis.Redis.from_url(server.url, password="secret") as client:
        client.config_set("requirepass", "")


async def test_somebody_unknown_is_forgotten_after_thirty_days_without_use(server: EmbeddedServer) -> None:
    """A customer never is, nor is a consent."""
    async with on_server(server.url) as world:
        await world.customers.commit(ADA, a_commit(await world.read(), a_contact()), deadline=soon())
        with redis.Redis.from_url(server.url) as client:
            (name,) = client.keys("c:*")
            assert 29 * 86_400 < client.ttl(name) <= 30 * 86_400
            client.hset(name, "id", ADA.record)
            client.persist(name)
            await world.customers.commit(ADA, a_commit(await world.read(), a_contact()), deadline=soon())
            assert client.ttl(name) == -1
            assert len(client.keys("*")) == 2
            assert client.xlen(f"{Stream.DECISIONS}:{{{ADA.partition}}}") == 2


async def test_outcomes_are_known_again_for_as_long_as_their_token_lives(server: EmbeddedServer) -> None:
    """Thirty days beyond the longest validity of that day's decisions."""
    async with on_server(server.url) as world:
        now_ms = int(1_000 * time.time())
        longest = an_outcome(ContactState.SHOWN, "o1", valid_until_ms=now_ms + 20 * 86_400_000)
        await world.outcomes.record_outcome(ADA, longest, deadline=soon())
        await world.outcomes.record_outcome(ADA, an_outcome(ContactState.SHOWN, "o2"), deadline=soon())
        with redis.Redis.from_url(server.url) as client:
            (name,) = client.keys("seen:*")
            assert client.ttl(name) > 50 * 86_400
            assert client.object("encoding", name) == b"intset"


async def test_a_long_backlog_is_read_in_parts(server: EmbeddedServer) -> None:
    """No reply is so large that decisions wait behind it; nobody is left out for long."""
    async with on_server(server.url) as world:
        partitions = range(40)
        arrivals = [Arrival("core_banking", str(number), b"event") for number in range(200)]
        for partition in partitions:
            await world.journal.append_once(
                Stream.EVENTS, partition, arrivals, deadline_ms=int(1_000 * (time.time() + 10)), deadline=soon()
            )
        positions = dict.fromkeys(partitions, FIRST)
        reads = 0
        while found := await world.journal.read(Stream.EVENTS, positions, count=200):
            assert sum(map(len, found.values())) <= READ_MOST + READ_TOGETHER * 200
            positions.update({partition: entries[-1].id for partition, entries in found.items()})
            reads += 1
        assert reads == 2
        assert FIRST not in positions.values()


async def test_a_record_that_names_another_customer_is_not_read(server: EmbeddedServer) -> None:
    """A misplaced copy must not decide for somebody."""
    async with on_server(server.url) as world:
        with redis.Redis.from_url(server.url) as client:
            client.hset(keys.record(ADA), "id", "C0000009")
        with pytest.raises(StoreUnavailable):
            await world.read(ADA)


async def test_folds_go_on_when_the_server_forgets_its_scripts(server: EmbeddedServer) -> None:
    """It is told them again, and only those are repeated that it did not know."""
    async with on_server(server.url) as world:
        owned = await world.events.own(ADA.partition, "w1", lease_ms=60_000, deadline=soon())
        assert owned is not None
        with redis.Redis.from_url(server.url) as client:
            client.script_flush()
        deadline_ms = int(1_000 * (time.time() + 10))
        writes = [
            (CustomerKey(ADA.partition, f"C{number}"), FoldWrite(deadline_ms, owned.epoch, FIRST, "7-0", b"e", b"n"))
            for number in range(100)
        ]
        assert set(await world.events.fold(writes, deadline=soon())) == {FoldState.APPLIED}
        assert set(await world.events.fold(writes, deadline=soon())) == {FoldState.STALE}


async def test_waiting_goes_on_when_its_connection_is_lost(server: EmbeddedServer) -> None:
    """It is a matter of speed alone: the event is read all the same."""
    async with on_server(server.url) as world:
        reading = asyncio.ensure_future(world.journal.read(Stream.EVENTS, {5: FIRST}, count=10, wait_s=20.0))
        with redis.Redis.from_url(server.url) as client:
            while not (blocked := [each for each in client.client_list() if "b" in each["flags"]]):  # noqa: ASYNC110 - only looked at
                await asyncio.sleep(0.01)
            for each in blocked:
                client.client_kill_filter(_id=each["id"])
        await world.journal.append_once(
            Stream.EVENTS,
            5,
            [Arrival("core_banking", "1", b"event")],
            deadline_ms=int(1_000 * (time.time() + 10)),
            deadline=soon(),
        )
        assert [entry.body for entry in (await reading)[5]] == [b"event"]
