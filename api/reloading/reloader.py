"""Takes up changed rules and models while serving: judged elsewhere, prepared in a thread, swapped in one step.

Whatever goes wrong, what served before goes on serving; the log says why, and metrics and readiness say so too.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, Generic, Protocol, TypeVar

from api.adapters.bundle_files import BundleUnreadable, read_rules
from api.beside import beside
from api.faults import log_fault
from api.reloading.asking import Judge, JudgeFailed
from api.reloading.bundles import Bundles
from api.reloading.status import ReloadStatus, Result
from api.reloading.together import Together
from api.reloading.verdict import Question, Verdict
from api.reloading.watching import changes
from api.scorers import models_folder
from api.settings import Settings
from api.telemetry import Metrics
from engine.compiler.bundle import hash_of
from engine.compiler.carry import unpack_plan
from engine.plan import Plan
from models.registry import CURRENT

BETWEEN_PAUSES_S: Final = 0.005
"""How long a thread that unpacks a plan lets go of the interpreter, some hundred times."""
SWITCH_S: Final = 0.0001
"""While a bundle is prepared, a request waits no longer than this for the interpreter; else it may be 5 ms."""
AGAIN_AFTER_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
"""A judge that failed is asked again: nothing may be wrong with the rules."""
Prepared = TypeVar("Prepared")
_log = logging.getLogger(__name__)


class Served(Protocol):
    """What serves, as far as reloading is concerned."""

    @property
    def ruleset(self) -> str:
        """The bundle's hash."""

    @property
    def model(self) -> str | None:
        """The version of what scores; None: nothing does here."""


class Reloader(Generic[Prepared]):
    """Reloads for one process.

    `prepare` makes of a plan and the model that its bundle names what is to serve, in a thread; `take_up` swaps it in,
    on the event loop.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        bundles: Bundles,
        metrics: Metrics,
        served: Callable[[], Served],
        plan: Callable[[], Plan],
        prepare: Callable[[Plan, str | None], Prepared],
        take_up: Callable[[Prepared], Awaitable[None]],
        judge: Judge | None = None,
        challenge: Callable[[], str | None] = lambda: None,
        leads: bool = True,
        together: Together | None = None,
    ) -> None:
        """`challenge` says which one runs where decisions are made; `leads`: what this process takes up is what
        processes that are started again begin with; `together`: those who swap bundles at one instant with it."""
        self.status = ReloadStatus()
        self._settings = settings
        self._bundles = bundles
        self._metrics = metrics
        self._served = served
        self._plan = plan
        self._prepare = prepare
        self._take_up = take_up
        self._judge = judge or Judge(settings)
        self._challenge = challenge
        self._leads = leads
        self._together = together
        self._told: Verdict | None = None
        """What the log says already: a verdict that comes again is not told again."""
        self._asked = asyncio.Event()

    @asynccontextmanager
    async def running(self, *, at_once: bool) -> AsyncIterator[None]:
        """Reload on SIGHUP and on changes for as long as the context lasts; `at_once`: look for the first time now."""
        loop = asyncio.get_running_loop()
        if at_once:
            self._asked.set()
        async with contextlib.AsyncExitStack() as stack:
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                # Only a process's main thread hears signals; an application inside a test has no need to.
                loop.add_signal_handler(signal.SIGHUP, self._asked.set)
                stack.callback(loop.remove_signal_handler, signal.SIGHUP)
            if self._together is not None:
                stack.enter_context(self._together.serving(self._served().ruleset))
            if self._settings.watch_rules:
                await stack.enter_async_context(beside(self._watch()))
            await stack.enter_async_context(beside(self._reload_when_asked()))
            stack.callback(self._judge.close)
            yield

    async def _watch(self) -> None:
        async for changed in changes(self._settings.rules, models_folder(self._settings) / CURRENT):
            if changed or await asyncio.to_thread(self._lies_there) != self._served().ruleset:
                self._asked.set()

    def _lies_there(self) -> str | None:
        """The hash of the rules on disk; None if they cannot be read."""
        try:
            return hash_of(read_rules(self._settings.rules))
        except BundleUnreadable:
            return None

    async def _reload_when_asked(self) -> None:
        failures = 0
        while True:
            pause_s = AGAIN_AFTER_S[min(failures, len(AGAIN_AFTER_S)) - 1] if failures else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), pause_s)
            self._asked.clear()
            await self.reload()
            failures = failures + 1 if self.status.result == "failed" else 0

    async def reload(self) -> None:
        """Take up what lies on disk, if that is something else and nothing is wrong with it."""
        try:
            await self._reload()
        except JudgeFailed as failure:
            self._failed(str(failure))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with what is new, what serves goes on serving
            log_fault(_log, "taking up rules", error)
            self._failed("what was judged to be sound could not be taken up")

    async def _reload(self) -> None:
        served = self._served()
        question = Question(serving=served.ruleset, model=served.model, challenge=self._challenge())
        verdict = await asyncio.to_thread(self._judge.verdict, question)
        if verdict.result != "ready":
            self._note(verdict)
            return
        prepared = await self._prepared(verdict)
        if prepared is None:
            self._failed("the compiled rules were gone before they were taken up")
            return
        assert verdict.ruleset is not None
        if self._together is not None and verdict.ruleset != served.ruleset:
            await self._together.moment(verdict.ruleset)
        await self._take_up(prepared)
        if self._leads:
            self._bundles.make_current(verdict.ruleset)
        self._note(verdict)

    async def _prepared(self, verdict: Verdict) -> Prepared | None:
        """What is to serve, made in a thread while requests go on; the collector rests, see `bootstrap.py`."""
        gc.collect(1)
        with polite():
            return await asyncio.to_thread(self._prepare_here, verdict)

    def _prepare_here(self, verdict: Verdict) -> Prepared | None:
        if verdict.ruleset == self._served().ruleset:
            return self._prepare(self._plan(), verdict.model)
        packed = self._bundles.staged(verdict.ruleset or "")
        if packed is None:
            return None
        return self._prepare(unpack_plan(packed, lambda: time.sleep(BETWEEN_PAUSES_S)), verdict.model)

    def _note(self, verdict: Verdict) -> None:
        result: Result = "taken_up" if verdict.result == "ready" else verdict.result
        self._count(result, verdict.ruleset, verdict.errors)
        ruleset, serving = verdict.ruleset or "what lies there", self._served().ruleset
        if verdict == self._told:
            return
        self._told = verdict
        match result:
            case "taken_up":
                if self._bundles.first_to_tell("sound", verdict.ruleset, len(verdict.problems)):
                    for problem in verdict.problems:
                        _log.warning("%s", problem)
                _log.warning("%s", self._serving_now(ruleset))
            case "refused" if self._bundles.first_to_tell(verdict.result, verdict.ruleset, verdict.errors):
                for problem in verdict.problems:
                    _log.error("%s", problem)
                _log.error("%s: %s is refused, %s goes on serving", self._settings.rules, ruleset, serving)
            case _:
                pass

    def _serving_now(self, ruleset: str) -> str:
        if not self._leads:
            return f"events are folded under rules {ruleset} now"
        model = self._served().model
        return f"rules {ruleset} serve now, " + (f"with model {model}" if model is not None else "without a model")

    def _failed(self, why: str) -> None:
        self._count("failed", None, 1)
        _log.error("rules on disk were not taken up, %s goes on serving: %s", self._served().ruleset, why)

    def _count(self, result: Result, ruleset: str | None, errors: int) -> None:
        self.status.result, self.status.ruleset, self.status.errors = result, ruleset, errors
        self.status.at_s = time.time()
        self._metrics.reloads.add((result,))
        self._metrics.reload_behind.set((), float(self.status.behind))
        self._metrics.reload_at.set((), self.status.at_s)


@contextmanager
def polite() -> Iterator[None]:
    """Let threads change quickly, and keep the collector from walking what is being made, then and ever after."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        sys.setswitchinterval(before)
