"""Which needs hold of a customer: asked of durable-rules where an input changed, and held against the generated code.

The generated evaluator is what decisions use. It stands in where durable-rules cannot be had, where it ended twice over
one customer, and where the two do not agree; each is counted and said.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from api.needs import Held
from api.telemetry import Metrics
from api.worker.inference.messages import Chain, Facts, frame
from api.worker.inference.process import Crashed, Inferring, Interrupted, NoEngine
from engine.compiler.need_program import NeedProgram, need_program
from engine.generated import Row
from engine.ids import FactName
from engine.plan import Plan

MOST_REMEMBERED: Final = 20_000
"""Customers whose last inference is remembered; a digest and a set of names each."""
MOST_CRASHES: Final = 2
"""So often it may end over one customer."""
FAILING: Final = (5, 60.0)
"""So many ends within so many seconds: it rests."""
REST_S: Final = 30.0
Start = Callable[[Chain], Awaitable[Inferring]]
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Remembered:
    digest: bytes
    held: Held


class Needs:
    """Infers under one plan at a time."""

    def __init__(self, metrics: Metrics, start: Start = Inferring.start) -> None:
        self._metrics = metrics
        self._start = start
        self._program: NeedProgram | None = None
        self._chain: Chain | None = None
        self._process: Inferring | None = None
        self._starting = asyncio.Lock()
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()
        self._crashes: dict[str, int] = {}
        self._ended_at: deque[float] = deque(maxlen=FAILING[0])
        self._rests_until = 0.0
        self._absent = False

    @property
    def infers(self) -> bool:
        """Whether there is anything to infer."""
        return self._program is not None

    async def take_up(self, plan: Plan) -> None:
        """Infer under another plan: rules are replaced with their process, never changed in it."""
        await self.close()
        self._program = need_program(plan) if plan.needs else None
        self._chain = None if self._program is None else chain_of(self._program)
        self._remembered.clear()
        self._crashes.clear()
        self._ended_at.clear()
        self._rests_until = 0.0

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            await process.end()

    async def held(self, record: str, plan: Plan, row: Row) -> Held | None:
        """The needs whose own blocks hold; None where the generated evaluator has to say so."""
        if self._program is None:
            return None
        facts: Facts = {}
        self._program.told(row, facts)
        digest = blake2b(frame(facts), digest_size=16).digest()
        remembered = self._remembered.get(record)
        if remembered is not None and remembered.digest == digest:
            self._remembered.move_to_end(record)
            self._count("unchanged")
            return remembered.held
        rules = await self._asked(record, facts)
        if rules is None:
            self._count("generated")
            return None
        self._count("durable_rules")
        held = self._agreed(plan, self._program, row, rules)
        if held is not None:
            self._remember(record, _Remembered(digest, held))
        return held

    def _remember(self, record: str, remembered: _Remembered) -> None:
        self._remembered[record] = remembered
        self._remembered.move_to_end(record)
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)

    def _agreed(self, plan: Plan, program: NeedProgram, row: Row, rules: Sequence[str]) -> Held | None:
        """What durable-rules concluded, if decisions conclude the same."""
        needs, themes = concluded(program, rules)
        today = row[plan.layout.today_slot]
        assert isinstance(today, int)
        counting = frozenset(at for at in themes if plan.themes[at].head.validity.covers(today))
        if (needs, counting) == generated(plan, row):
            return frozenset(
                conclusion.need
                for rule in rules
                if (conclusion := program.conclusions[rule]).need is not None and not conclusion.lasting
            )
        self._fault(
            "disagreed", "durable-rules and the generated code do not agree on a customer's needs; the latter counts"
        )
        return None

    async def _asked(self, record: str, facts: Facts) -> Sequence[str] | None:
        while self._crashes.get(record, 0) < MOST_CRASHES:
            process = await self._running()
            if process is None:
                return None
            try:
                return await process.ask(facts)
            except Interrupted:
                continue
            except Crashed:
                self._note_crash()
                self._note_culprit(record)
        return None

    def _note_culprit(self, record: str) -> None:
        if len(self._crashes) >= MOST_REMEMBERED:
            self._crashes.clear()
        self._crashes[record] = self._crashes.get(record, 0) + 1
        if self._crashes[record] >= MOST_CRASHES:
            self._fault("gave_up", "durable-rules ended twice over one customer; the generated code infers their needs")

    async def _running(self) -> Inferring | None:
        """The process, started where there is none that can be asked; None while it rests or cannot be had."""
        async with self._starting:
            loop = asyncio.get_running_loop()
            if self._absent or self._chain is None or loop.time() < self._rests_until:
                return None
            if self._process is not None and self._process.usable:
                return self._process
            await self.close()
            try:
                self._process = await self._start(self._chain)
            except NoEngine:
                self._absent = True
                self._fault("absent", "durable-rules cannot be imported here; the generated code infers needs")
            except (Crashed, OSError):
                self._fault(
                    "not_started", "the process that infers needs does not start; the generated code infers them"
                )
                self._rests_until = loop.time() + REST_S
            return self._process

    def _note_crash(self) -> None:
        self._fault("crashed", "the process that infers needs ended; it is started again")
        now = asyncio.get_running_loop().time()
        self._ended_at.append(now)
        if len(self._ended_at) == FAILING[0] and now - self._ended_at[0] < FAILING[1]:
            self._fault(
                "rests", "the process that infers needs keeps ending; the generated code infers them for a while"
            )
            self._rests_until = now + REST_S
            self._ended_at.clear()

    def _count(self, by: str) -> None:
        self._metrics.needs_inferred.add((by,))

    def _fault(self, fault: str, sentence: str) -> None:
        self._metrics.inference_faults.add((fault,))
        _log.warning("%s", sentence)


def chain_of(program: NeedProgram) -> Chain:
    """A program as the process is told it."""
    return Chain(
        strata=[[(dict(each.rules), list(each.reads)) for each in sets] for sets in program.strata],
        field_by_rule=dict(program.field_by_rule),
    )


def concluded(program: NeedProgram, rules: Sequence[str]) -> tuple[frozenset[FactName], frozenset[int]]:
    """The needs that are active, and the themes by position, by the rules that hold."""
    conclusions = [program.conclusions[rule] for rule in rules]
    return (
        frozenset(each.need for each in conclusions if each.need is not None),
        frozenset(each.theme for each in conclusions if each.theme is not None),
    )


def generated(plan: Plan, row: Row) -> tuple[frozenset[FactName], frozenset[int]]:
    """The same by the generated code, the themes of today alone."""
    needs = frozenset(each.name for each in plan.needs if row[plan.layout.slot_by_fact[each.name]] is True)
    return needs, frozenset(plan.generated.themes(row))
