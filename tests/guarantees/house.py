"""A bank of a few hundred customers on a store and server processes of its own, for proofs that stop, kill and cut."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

from api.adapters.embedded import EmbeddedServer
from api.bootstrap import Stores, open_stores
from api.security import open_secrets
from api.settings import Settings
from bench.load import KEY
from bench.processes import Server, free_port, serving
from tests.guarantees.proxy import FaultProxy
from tests.integration.api.installations import load, settings_of

PATIENCE_S: Final = 30.0
CUSTOMERS: Final = tuple(f"C{number:07}" for number in range(1, 301))
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A running store with customers in it, a proxy that may stand before it, and where everything lies."""

    folder: Path
    store: EmbeddedServer
    proxy: FaultProxy
    settings: Settings
    """Of the installation, on the store itself."""

    def server(self, **settings: object) -> AbstractContextManager[Server]:
        """The product's server on the store, as a process of its own."""
        port = free_port()
        return serving(
            [sys.executable, "-m", "api.server"],
            port,
            self.folder / f"server-{port}.log",
            self.environment({"port": port} | settings),
        )

    def behind_proxy(self) -> Mapping[str, object]:
        """The settings of a server that reaches its store through the proxy alone."""
        return {"redis_url": self.proxy.url, "secrets": self.settings.secrets_path}

    def environment(self, settings: Mapping[str, object]) -> dict[str, str]:
        """The environment of a process of this installation."""
        common = {
            "data_dir": self.settings.data_dir,
            "rules": self.settings.rules,
            "watch_rules": False,
            "access": "open",
        }
        return {f"NEXTBEST_{name.upper()}": str(value) for name, value in {**common, **settings}.items()}

    def with_stores(self, use: Callable[[Stores], Awaitable[Found]]) -> Found:
        """Look into the store itself, past every proxy."""

        async def opened() -> Found:
            async with open_stores(self.settings, open_secrets(self.settings), patient=True) as stores:
                return await use(stores)

        return asyncio.run(opened())

    @contextmanager
    def killed(self) -> Iterator[None]:
        """The store's process is killed, and started again at the end."""
        kill(self.store)
        try:
            yield
        finally:
            self.store.restart_if_dead()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The store's process stands still, and goes on at the end."""
        os.kill(self.store.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.store.pid, signal.SIGCONT)


@contextmanager
def house(folder: Path, customers: Sequence[str] = CUSTOMERS) -> Iterator[House]:
    """A store with customers, for as long as the context lasts."""
    settings = settings_of(folder / "data", watch_rules=False)
    store = EmbeddedServer(settings.data_dir)
    store.start()
    proxy = FaultProxy(folder / "proxy.sock", Path(store.url.removeprefix("unix://")))
    built = House(folder=folder, store=store, proxy=proxy, settings=settings)
    try:
        built.with_stores(lambda stores: load(stores, *customers))
        with proxy.running():
            yield built
    finally:
        store.stop()


def kill(store: EmbeddedServer) -> None:
    """End the store's process without a word."""
    assert store.child is not None
    store.child.kill()
    store.child.wait()


def client_of(server: Server) -> httpx.Client:
    """A client of a server, patient with a machine that is busy."""
    return httpx.Client(
        base_url=f"http://127.0.0.1:{server.port}",
        timeout=PATIENCE_S,
        headers={"authorization": f"Bearer {KEY}"},
    )


def until(check: Callable[[], bool], said: str) -> float:
    """Wait until something holds; how many seconds that took."""
    began = time.monotonic()
    while not check():
        assert time.monotonic() < began + PATIENCE_S, said
        time.sleep(0.02)
    return time.monotonic() - began


def question(customer: str, **changes: Any) -> dict[str, Any]:
    """What an ATM asks about a customer, as a card names them."""
    asked = {
        "identity": {"scheme": "card_token", "value": f"tok_{customer}"},
        "channel": "atm",
        "moment": "card_inserted",
        "placements": [{"id": "idle_screen"}],
    }
    return asked | changes


def metrics(client: httpx.Client) -> dict[str, float]:
    """What the server counts, by series."""
    lines = (line.rpartition(" ") for line in client.get("/metrics").text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}
