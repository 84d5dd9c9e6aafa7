"""Shared flights: few trips, every answer to its own question, and no waiting for a store that is away."""

import asyncio
import gc
from pathlib import Path

import hiredis
import pytest

from api.adapters.address import StoreAddress
from api.adapters.commands import pack
from api.adapters.flights import FULL, MAX_COMMANDS, MAX_FLIGHTS, Node, Timing
from api.ports import StoreUnavailable
from tests.integration.store.servers import BRISK, ScriptedServer, available, connected, echo, scripted, turns

PATIENT = Timing(flight=10.0, connect=1.0, probe=0.02)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the server listens."""
    return tmp_path / "server.sock"


def _texts(server: ScriptedServer) -> list[list[str]]:
    return [[command[1].decode() for command in trip] for trip in server.trips]


async def test_commands_of_requests_in_flight_share_a_trip(path: Path) -> None:
    """As many as have come when nothing else is ready to run."""
    async with scripted(path) as server, connected(path) as node:
        asked = [str(number) for number in range(FULL - 1)]
        assert await asyncio.gather(*(echo(node, text) for text in asked)) == [text.encode() for text in asked]
        assert _texts(server) == [asked]


async def test_a_full_flight_leaves_at_once(path: Path) -> None:
    """The store works while other requests are still being decided; what comes later shares the next flight."""
    async with scripted(path) as server, connected(path, PATIENT) as node:
        server.answering.clear()
        asked = [echo(node, str(number)) for number in range(3 * FULL + 1)]
        assert node.counters.flights == MAX_FLIGHTS == 2
        server.answering.set()
        assert await asyncio.gather(*asked) == [str(number).encode() for number in range(3 * FULL + 1)]
        assert node.counters.flights == 3


async def test_two_flights_are_in_the_air_and_the_rest_share_the_next(path: Path) -> None:
    """However many ask meanwhile."""
    async with scripted(path) as server, connected(path, PATIENT) as node:
        server.answering.clear()
        asked = []
        for number in range(9):
            asked.append(echo(node, str(number)))
            await turns()
        assert node.counters.flights == 2
        server.answering.set()
        await asyncio.gather(*asked)
        assert node.counters.flights == 3
        assert _texts(server)[-1] == [str(number) for number in range(2, 9)]


async def test_a_flight_takes_only_so_many_commands(path: Path) -> None:
    """The rest go with the next one; a call of several commands is never torn."""
    async with scripted(path), connected(path) as node:
        pairs = [node.call(pack("ECHO", "a") + pack("ECHO", str(number)), 2, 1e9) for number in range(MAX_COMMANDS)]
        assert await asyncio.gather(*pairs) == [[b"a", str(number).encode()] for number in range(MAX_COMMANDS)]
        assert node.counters.flights == 4  # two that were full and left at once, one of MAX_COMMANDS, and the rest


async def test_an_error_belongs_to_its_command(path: Path) -> None:
    """The others of the flight have their answers."""
    async with scripted(path), connected(path) as node:
        wrong = node.call(pack("NONSENSE"), 1, 1e9)
        both = node.call(pack("NONSENSE") + pack("ECHO", "b"), 2, 1e9)
        right = echo(node, "a")
        assert isinstance(await wrong, hiredis.ReplyError)
        failed, answered = await both
        assert isinstance(failed, hiredis.ReplyError)
        assert (answered, await right) == (b"b", b"a")


async def test_a_waiter_that_gives_up_disturbs_nobody(path: Path) -> None:
    """Whether its command has left or not; the connection stays."""
    async with scripted(path) as server, connected(path, PATIENT) as node:
        server.answering.clear()
        flying = [echo(node, text) for text in "abc"]
        await turns()
        flying[1].cancel()
        boarding = [echo(node, text) for text in "def"]
        boarding[1].cancel()
        server.answering.set()
        assert tuple(await asyncio.gather(flying[0], flying[2], boarding[0], boarding[2])) == (b"a", b"c", b"d", b"f")
        assert _texts(server) == [["a", "b", "c"], ["d", "f"]]
        assert len(server.connections) == 1


async def test_whoever_waits_too_long_is_refused_alone(path: Path) -> None:
    """A neighbour with more time gets its own answer on the same connection."""
    async with scripted(path) as server, connected(path, PATIENT) as node:
        server.answering.clear()
        patient = echo(node, "patient")
        hasty = echo(node, "hasty", within_s=0.01)
        also_patient = echo(node, "also patient")
        with pytest.raises(StoreUnavailable):
            await hasty
        server.answering.set()
        assert tuple(await asyncio.gather(patient, also_patient)) == (b"patient", b"also patient")
        assert len(server.connections) == 1


async def test_what_expires_before_it_left_is_never_sent(path: Path) -> None:
    """Nobody wants its answer any more."""
    async with scripted(path) as server, connected(path, PATIENT) as node:
        server.answering.clear()
        flying = []
        for text in "ab":
            flying.append(echo(node, text))
            await turns()
        with pytest.raises(StoreUnavailable):
            await echo(node, "late", within_s=0.01)
        server.answering.set()
        await asyncio.gather(*flying, echo(node, "c"))
        assert _texts(server) == [["a"], ["b"], ["c"]]


async def test_a_flight_that_takes_too_long_ends_its_connection(path: Path) -> None:
    """What the old connection says later reaches nobody."""
    async with scripted(path) as server, connected(path) as node:
        server.answering.clear()
        lost = [echo(node, f"old {number}") for number in range(3)]
        results = await asyncio.gather(*lost, return_exceptions=True)
        assert all(isinstance(result, StoreUnavailable) for result in results)
        server.answering.set()
        await available(node)
        asked = [str(number) for number in range(20)]
        assert await asyncio.gather(*(echo(node, text) for text in asked)) == [text.encode() for text in asked]
        assert len(server.connections) > 1


async def test_three_failed_flights_open_the_breaker(path: Path) -> None:
    """Then calls fail without waiting, until a probe in the background finds the node answering."""
    async with scripted(path) as server, connected(path) as node:
        server.answering.clear()
        async with asyncio.timeout(10):
            while not node.counters.openings:
                await turns()
                with pytest.raises(StoreUnavailable):
                    await echo(node, "lost", within_s=0.2)
        trips = len(server.trips)
        with pytest.raises(StoreUnavailable):
            echo(node, "refused at once")
        assert len(server.trips) == trips
        server.answering.set()
        await available(node)
        assert await echo(node, "back") == b"back"


async def test_an_absent_server_is_found_when_it_comes(path: Path) -> None:
    """Starting without it is no error."""
    async with connected(path) as node:
        assert not node.available
        with pytest.raises(StoreUnavailable):
            await echo(node, "nobody there", within_s=0.2)
        async with scripted(path):
            await available(node)
            assert await echo(node, "here") == b"here"


async def test_a_server_that_never_greets_is_tried_again_without_a_murmur(path: Path) -> None:
    """No attempt that was given up leaves a failure behind that nobody looks at."""
    murmurs: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: murmurs.append(context))
    async with scripted(path, answering=False) as server, connected(path, Timing(connect=0.02, probe=0.02)) as node:
        async with asyncio.timeout(10):
            while len(server.connections) < 3:  # noqa: ASYNC110 - a server tells nobody when
                await asyncio.sleep(0.005)
        assert not node.available
    gc.collect()
    assert murmurs == []


async def test_bytes_that_nobody_asked_for_end_the_connection(path: Path) -> None:
    """From there on positions would mean nothing."""
    async with scripted(path) as server, connected(path) as node:
        await echo(node, "a")
        server.connections[0].write(b"+surprise\r\n")
        await turns(20)
        await available(node)
        assert await echo(node, "b") == b"b"
        assert len(server.connections) == 2


async def test_a_server_that_speaks_otherwise_is_no_store(path: Path) -> None:
    """Its bytes are not taken for answers."""
    async with scripted(path) as server, connected(path) as node:
        server.answering.clear()
        asked = echo(node, "a")
        await turns()
        server.connections[0].write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with pytest.raises(StoreUnavailable):
            await asked


async def test_a_clock_that_is_ahead_is_noticed(path: Path) -> None:
    """Deadlines travel in the server's time."""
    async with scripted(path) as server:
        server.clock_ahead_s = 100
        async with connected(path) as node:
            assert 98_000 < node.clock_ahead_ms < 101_000


async def test_a_clock_that_is_set_while_the_connection_stands_is_noticed(path: Path) -> None:
    """Otherwise every write would come too late from then on."""
    async with scripted(path) as server, connected(path, Timing(clock=0.01)) as node:
        for ahead_s in (100, -100, 0):
            server.clock_ahead_s = ahead_s
            async with asyncio.timeout(10):
                while abs(node.clock_ahead_ms - 1_000 * ahead_s) > 2_000:  # noqa: ASYNC110 - a node tells nobody when
                    await asyncio.sleep(0.005)
        assert len(server.connections) == 1


async def test_closing_refuses_whoever_waits(path: Path) -> None:
    """Nobody hangs at the end."""
    async with scripted(path) as server:
        server.answering.clear()
        node = Node(StoreAddress(path=str(path)), timing=BRISK)
        starting = asyncio.ensure_future(node.start())
        server.answering.set()
        await starting
        server.answering.clear()
        asked = echo(node, "a")
        await turns()
        await node.close()
        with pytest.raises(StoreUnavailable):
            await asked
        with pytest.raises(StoreUnavailable):
            echo(node, "b")
