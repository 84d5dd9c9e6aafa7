"""A process that reads the archive is asked beside the requests: one at a time, not for ever, and not for nothing."""

import asyncio
import sys
from pathlib import Path

import pytest

from api.archiving.asking import MOST_WAITING, ArchiveDesk
from api.archiving.files import ARCHIVE, day_of, folder_of
from api.problems import Problem, ProblemType
from api.settings import Settings

DECISION = "0591c17119b980538492042c"
TELLS = 'import sys; sys.stdout.write(\'{"explanation": {"asked": "%s"}}\' % sys.stdin.readline().strip())'
HANGS = "import sys; sys.stdin.read(); import time; time.sleep(600)"


def a_desk(folder: Path, program: str, timeout_s: float = 30.0) -> ArchiveDesk:
    """A desk whose processes run a program, on an archive with one day."""
    (folder / ARCHIVE / folder_of(day_of(int(DECISION[3:14], 16)))).mkdir(parents=True, exist_ok=True)
    return ArchiveDesk(Settings(data_dir=folder), timeout_s=timeout_s, command=(sys.executable, "-c", program))


async def test_what_a_process_tells_is_answered(tmp_path: Path) -> None:
    desk = a_desk(tmp_path, TELLS)
    assert await desk.explained(DECISION) == b'{"asked": "%b"}' % DECISION.encode()


async def test_a_process_that_hangs_is_ended_and_the_caller_asked_to_come_back(tmp_path: Path) -> None:
    desk = a_desk(tmp_path, HANGS, timeout_s=0.5)
    with pytest.raises(Problem, match="takes too long") as told:
        await desk.explained(DECISION)
    assert told.value.kind is ProblemType.OVERLOADED


async def test_nothing_is_started_for_a_day_without_an_archive(tmp_path: Path) -> None:
    """Or for what is no id."""
    desk = a_desk(tmp_path, "raise SystemExit(1)")
    assert await desk.explained("000" + "0" * 21) is None
    assert await desk.explained("no id") is None


async def test_no_more_wait_than_can_be_told_soon(tmp_path: Path) -> None:
    """Those who wait at the end of the context are not kept waiting."""
    desk = a_desk(tmp_path, HANGS)
    async with desk.open():
        waiting = [asyncio.create_task(desk.explained(DECISION)) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(Problem, match="too many ask") as told:
            await desk.explained(DECISION)
        assert told.value.kind is ProblemType.OVERLOADED
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(each is None or isinstance(each, Problem | asyncio.CancelledError) for each in ended)
