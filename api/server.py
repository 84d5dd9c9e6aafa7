"""Runs the application under uvicorn: uvloop, httptools, no access log, and a lane of its own for the hot route."""

import os
import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType

import uvicorn
from uvicorn.supervisors import Multiprocess

from api.access.key_file import KeysUnusable
from api.access.opening import AccessUnusable, first_key_sentence
from api.adapters.bundle_files import BundleUnreadable
from api.adapters.server_checks import UnsuitableStore
from api.bootstrap import see_that_it_can_start
from api.compiled import ModulesOutOfDate
from api.lane import LaneProtocol
from api.security import SecretsUnusable, binding_sentence
from api.settings import Settings
from engine.errors import RuleErrors


class Workers(Multiprocess):
    """Several processes on one port; each reloads for itself, so none is replaced for that."""

    def handle_hup(self) -> None:
        for process in self.processes:
            # One that is still starting looks at the rules by itself, and would not survive the signal.
            if process.pid is not None and process.is_ready():
                os.kill(process.pid, signal.SIGHUP)


def server_config(settings: Settings) -> uvicorn.Config:
    """How uvicorn serves the application; each process reads its settings from the environment."""
    return uvicorn.Config(
        "api.main:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        loop="uvloop",
        http=LaneProtocol,
        ws="none",
        lifespan="on",
        interface="asgi3",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=settings.drain_s,
        backlog=2_048,
    )


def run(settings: Settings, sockets: Sequence[socket.socket] | None = None) -> None:
    """Serve until a signal says stop: no new connections, what is in flight gets `drain_s`, then the end.

    Raises:
        SystemExit: the rules or the keys keep it from starting; the reasons are on standard error.
    """
    # Until somebody listens to it, the signal that asks to look at the rules again must not end anything.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        see_that_it_can_start(settings)
        keys_sentence = first_key_sentence(settings)
    except (
        AccessUnusable,
        BundleUnreadable,
        KeysUnusable,
        ModulesOutOfDate,
        RuleErrors,
        SecretsUnusable,
        UnsuitableStore,
    ) as error:
        sys.exit(str(error))
    os.environ.update(settings.model_copy(update={"resume": True}).as_environment())
    config = server_config(settings)
    # uvicorn raises the signal again once it has drained; the end that was asked for is no failure.
    for stopping in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stopping, _end)
    bound = list(sockets) if sockets else [listen(settings.host, settings.port)]
    port = bound[0].getsockname()[1]
    for sentence in filter(None, (binding_sentence(settings.host, port), keys_sentence)):
        print(sentence, file=sys.stderr)  # noqa: T201 - for the person at the terminal
    if settings.workers > 1:
        Workers(config, sockets=bound).run()
    else:
        uvicorn.Server(config).run(sockets=bound)


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket that several processes may share.

    Raises:
        OSError: the address is taken, or is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    bound.set_inheritable(True)
    return bound


if __name__ == "__main__":
    run(Settings())
