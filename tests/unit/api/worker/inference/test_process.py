"""The process that infers needs: it answers in order, and its end is told to whom it concerns."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from api.worker.inference import process as process_module
from api.worker.inference.messages import Chain, frame
from api.worker.inference.process import Crashed, Inferring, Interrupted, NoEngine

CHAIN = Chain(
    strata=[
        [({"saves": {"all": [{"m": {"$gt": {"f0": 15}}}]}}, ["f0"])],
        [({"home": {"all": [{"m": {"$and": [{"n0": 1}, {"$gte": {"f1": 23}}, {"$lte": {"f1": 45}}]}}]}}, ["f1", "n0"])],
        [({"theme": {"all": [{"m": {"n1": 1}}]}, "none": {"all": [{"m": {"n1": 0}}]}}, ["n1"])],
    ],
    field_by_rule={"saves": "n0", "home": "n1"},
)
READY = repr(frame([]))


@asynccontextmanager
async def inferring(*command: str) -> AsyncIterator[Inferring]:
    """The process with the rules above."""
    started = await (Inferring.start(CHAIN, command) if command else Inferring.start(CHAIN))
    try:
        yield started
    finally:
        await started.end()


def script(body: str) -> tuple[str, ...]:
    """A process that says it is ready and then does something else."""
    start = f"import os, sys, time; out = sys.stdout.buffer; out.write({READY}); out.flush(); {body}"
    return (sys.executable, "-c", start)


async def test_needs_lead_to_further_needs_and_to_a_theme() -> None:
    """What no rule concluded is false, so rules may ask for that as well; what is not told passes no test."""
    async with inferring() as process:
        assert await process.ask({"f0": 16, "f1": 30}) == ["saves", "home", "theme"]
        assert await process.ask({"f0": 16, "f1": 50}) == ["saves", "none"]
        assert await process.ask({"f1": 30}) == ["none"]
        assert await process.ask({}) == ["none"]


async def test_answers_come_in_the_order_of_the_questions() -> None:
    """However many are asked at once; nothing of one customer is left for the next."""
    async with inferring() as process:
        asked = [{"f0": number % 31, "f1": 30} for number in range(500)]
        answers = await asyncio.gather(*map(process.ask, asked))
        assert [("saves" in rules) for rules in answers] == [facts["f0"] > 15 for facts in asked]


async def test_its_end_is_due_to_the_first_question_without_an_answer() -> None:
    """The others may be asked again elsewhere; and so may whatever is asked later."""
    async with inferring(*script("sys.stdin.buffer.read(40); os._exit(1)")) as process:
        answers = await asyncio.gather(*(process.ask({"f0": 1}) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in answers] == [Crashed, Interrupted, Interrupted]
        with pytest.raises(Interrupted):
            await process.ask({"f0": 1})
        assert not process.usable


async def test_killed_process_is_no_longer_usable() -> None:
    """Whoever kills it."""
    async with inferring() as process:
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises((Crashed, Interrupted)):
            await process.ask({"f0": 1})
        assert not process.usable


async def test_signals_for_the_whole_session_do_not_end_it() -> None:
    """A worker that drains after Ctrl-C still infers; SIGHUP means a reload to others."""
    async with inferring() as process:
        for meant_for_others in (signal.SIGINT, signal.SIGHUP):
            os.kill(process.pid, meant_for_others)
        assert await process.ask({"f0": 16, "f1": 50}) == ["saves", "none"]


async def test_process_that_falls_silent_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as ended over what it was asked."""
    monkeypatch.setattr(process_module, "SILENT_S", 0.05)
    async with inferring(*script("sys.stdin.buffer.read()")) as process:
        with pytest.raises(Crashed):
            await process.ask({"f0": 1})


async def test_what_is_no_whole_number_ends_it() -> None:
    """durable-rules would compare it all the same, and be wrong."""
    async with inferring() as process:
        with pytest.raises(Crashed):
            await process.ask({"f0": "abc"})  # type: ignore[dict-item]  # what must never be told


async def test_rules_that_it_cannot_read_keep_it_from_starting() -> None:
    """Nothing hangs."""
    with pytest.raises(Crashed):
        await Inferring.start(Chain(strata=[[({"bad": {"all": "nonsense"}}, ["f0"])]], field_by_rule={}))


async def test_missing_package_is_told_apart() -> None:
    """It is no crash, and starting again would not help."""
    without = (
        "import sys; sys.modules['durable_rules_engine'] = None; from api.worker.inference.child import main; main()"
    )
    with pytest.raises(NoEngine):
        await Inferring.start(CHAIN, (sys.executable, "-c", without))


async def test_it_is_replaced_after_many_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it may have kept goes with it."""
    monkeypatch.setattr(process_module, "MOST_ANSWERS", 2)
    async with inferring() as process:
        await process.ask({"f0": 1})
        assert process.usable
        await process.ask({"f0": 1})
        assert not process.usable
