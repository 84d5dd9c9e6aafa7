"""Processes of an installation that swap bundles at one instant."""

import asyncio
import fcntl
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest

from api.reloading.together import LEAD_S, Together

OLD, NEW = "sha256:0a", "sha256:0b"


async def swapped_at(one: Together, ready_at: asyncio.Event | None = None) -> float:
    """When a process swaps that is ready once it is told so."""
    if ready_at is not None:
        await ready_at.wait()
    await one.moment(NEW)
    return monotonic()


async def test_all_swap_at_the_instant_that_the_last_of_them_is_ready(tmp_path: Path) -> None:
    last = asyncio.Event()
    crowd = [Together(tmp_path) for _ in range(3)]
    with ExitStack() as stack:
        for each in crowd:
            stack.enter_context(each.serving(OLD))
        waiting = [asyncio.create_task(swapped_at(each)) for each in crowd[:2]]
        waiting.append(asyncio.create_task(swapped_at(crowd[2], last)))
        done, _ = await asyncio.wait(waiting, timeout=2 * LEAD_S)
        assert not done
        ready_at = monotonic()
        last.set()
        instants = await asyncio.gather(*waiting)
    assert min(instants) >= ready_at + LEAD_S / 2


async def test_process_alone_does_not_wait(tmp_path: Path) -> None:
    one = Together(tmp_path, patience_s=1e9)
    with one.serving(OLD):
        await one.moment(NEW)
    assert not (tmp_path / "ready" / "instant").exists()


async def test_process_that_was_killed_is_not_waited_for(tmp_path: Path) -> None:
    """What it leaves behind is a file that nobody holds."""
    one, other = Together(tmp_path, patience_s=1e9), Together(tmp_path, patience_s=1e9)
    with one.serving(OLD), other.serving(OLD):
        left = tmp_path / "ready" / ("f" * 16)
        left.write_text(OLD)
        await asyncio.gather(swapped_at(one), swapped_at(other))
        assert not left.exists()


async def test_process_that_never_gets_ready_keeps_nobody_for_ever(tmp_path: Path) -> None:
    """The others still swap together; it may follow by itself."""
    one, other, lame = (Together(tmp_path, patience_s=0.2) for _ in range(3))
    with one.serving(OLD), other.serving(OLD), lame.serving(OLD):
        await asyncio.gather(swapped_at(one), swapped_at(other))
        await lame.moment(NEW)


async def test_process_that_serves_it_already_is_ready(tmp_path: Path) -> None:
    one, other = Together(tmp_path, patience_s=1e9), Together(tmp_path, patience_s=1e9)
    with one.serving(OLD), other.serving(NEW):
        await one.moment(NEW)


async def test_instant_of_an_earlier_swap_counts_for_nothing(tmp_path: Path) -> None:
    """A bundle may come back."""
    one, other = Together(tmp_path, patience_s=1e9), Together(tmp_path, patience_s=1e9)
    with one.serving(OLD), other.serving(OLD):
        await asyncio.gather(one.moment(NEW), other.moment(NEW))
        await asyncio.gather(one.moment(OLD), other.moment(OLD))
        again = asyncio.create_task(one.moment(NEW))
        done, _ = await asyncio.wait([again], timeout=2 * LEAD_S)
        assert not done
        await other.moment(NEW)
        await again


async def test_folder_that_cannot_be_written_keeps_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Together(tmp_path, patience_s=1e9), Together(tmp_path, patience_s=1e9)
    with one.serving(OLD), other.serving(OLD):

        def full(_ruleset: str) -> None:
            raise OSError(28, "no space left on device")

        monkeypatch.setattr(one, "_say", full)
        await one.moment(NEW)


async def test_lock_that_is_never_let_go_keeps_nobody_for_ever(tmp_path: Path) -> None:
    """A process that is stopped in the middle holds it."""
    one, other = Together(tmp_path, patience_s=0.1), Together(tmp_path, patience_s=0.1)
    with one.serving(OLD), other.serving(OLD), (tmp_path / "ready" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        await one.moment(NEW)
