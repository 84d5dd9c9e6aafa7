"""Serves the whole application on its fakes to a browser, and can take it away while pages are open."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from tests.unit.api.shells import running


@dataclass(slots=True)
class Served:
    """An application that listens."""

    origin: str
    server: uvicorn.Server
    thread: threading.Thread

    def go_away(self) -> None:
        """Stop listening: whoever asks is refused."""
        self.server.should_exit = True
        self.thread.join()


@contextmanager
def serving(data_dir: Path, *, access: str = "open") -> Iterator[Served]:
    """The application with the starter rules and the demonstration's pages; no engine decides behind it."""
    listening = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(_absent, port=0, log_level="error", lifespan="off"))

    async def serve() -> None:
        async with running(demonstration=True, access=access, public_url=origin, data_dir=data_dir) as house:
            server.config.app = house.app
            await server.serve(sockets=[listening])

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive(), "the application did not start"
    served = Served(origin, server, thread)
    try:
        yield served
    finally:
        served.go_away()


async def _absent(*_: object) -> None:
    """Stands where the application will be."""
