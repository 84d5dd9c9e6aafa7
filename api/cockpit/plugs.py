"""What a demonstration may unplug while it runs: the embedded store, and the model. Each comes back by itself."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from api.adapters.embedded import RunningServer
from api.forms import Plug
from engine.ports import Outlook, Scorer, ScoringContext

_log = logging.getLogger(__name__)

LONGEST_S: Final = 30.0
"""Whoever pulls a plug and leaves does not leave the bank without it."""


class Plugs:
    """Which plugs are out. The store is stopped as a process, whatever it was doing; nobody is told before."""

    def __init__(self, data_dir: Path, longest_s: float = LONGEST_S) -> None:
        self._data_dir = data_dir
        self._longest_s = longest_s
        self._stopped: RunningServer | None = None
        self._back: dict[Plug, asyncio.TimerHandle] = {}
        self.model_is_out = False

    @property
    def out(self) -> Mapping[Plug, bool]:
        """Each plug, and whether it is out."""
        return {Plug.STORE: self._stopped is not None, Plug.MODEL: self.model_is_out}

    def pull(self, plug: Plug) -> bool:
        """Take one out; says whether there was one to take out."""
        if plug is Plug.STORE and self._stopped is None and not self._stop_store():
            return False
        if plug is Plug.MODEL:
            self.model_is_out = True
        self._forget(plug)
        self._back[plug] = asyncio.get_running_loop().call_later(self._longest_s, self.put_back, plug)
        _log.warning("the demonstration's %s is unplugged", plug)
        return True

    def put_back(self, plug: Plug) -> None:
        """Put one in again; does nothing where it is in."""
        self._forget(plug)
        if plug is Plug.MODEL:
            self.model_is_out = False
        elif self._stopped is not None:
            with suppress(ProcessLookupError):
                os.kill(self._stopped.pid, signal.SIGCONT)
            self._stopped = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """For as long as the process serves: nothing stays out after it, nor what one that was killed left out."""
        if (left := self._own_store()) is not None:
            os.kill(left.pid, signal.SIGCONT)
        try:
            yield
        finally:
            for plug in Plug:
                self.put_back(plug)

    def scorer(self, scorer: Scorer) -> Scorer:
        """A scorer that has no scores while the model's plug is out."""
        return _Unpluggable(scorer, self)

    def _stop_store(self) -> bool:
        server = self._own_store()
        if server is None:
            return False
        os.kill(server.pid, signal.SIGSTOP)
        self._stopped = server
        return True

    def _own_store(self) -> RunningServer | None:
        """The demonstration's server, unless it has ended and its number may be another's."""
        server = RunningServer.of(self._data_dir)
        if server is None or not server.lives():
            return None
        command = Path(f"/proc/{server.pid}/cmdline")
        is_other = command.exists() and b"-server" not in command.read_bytes()
        return None if is_other else server

    def _forget(self, plug: Plug) -> None:
        timer = self._back.pop(plug, None)
        if timer is not None:
            timer.cancel()


class _Unpluggable:
    """A scorer and its plug."""

    def __init__(self, scorer: Scorer, plugs: Plugs) -> None:
        self._scorer = scorer
        self._plugs = plugs

    @property
    def version(self) -> str:
        """See `Scorer.version`."""
        return self._scorer.version

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        """See `Scorer.score`; too few for any candidates while it is out, so that the baseline scores."""
        return () if self._plugs.model_is_out else self._scorer.score(context, candidates)

    def positives(self, channel: int) -> Sequence[int]:
        """See `Scorer.positives`."""
        return self._scorer.positives(channel)

    def outlook(self) -> Outlook:
        """See `Scorer.outlook`."""
        return self._scorer.outlook()
