"""A counter in a bank: the teller's screen as the product serves it, with a store in memory behind it."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import BrowserContext, Locator, Page

from api.adapters.memory import MemoryState
from tests.unit.api.shells import Running
from tests.unit.api.staff import has, staffed


@dataclass(slots=True)
class Counter:
    """A browser at the counter; `state` is what the bank knows."""

    context: BrowserContext
    origin: str
    state: MemoryState
    said: list[str] = field(default_factory=list)
    """What the console complained about."""

    def customer(self, customer: str, **known: Any) -> str:
        """Somebody whom the bank knows; their id."""
        has(self.state, customer, **known)
        return customer

    def page(self, path: str = "/teller") -> Page:
        """The screen."""
        page = self.context.new_page()
        page.on("console", lambda message: self.said.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.goto(self.origin + path)
        return page

    def visit(self, customer: str) -> Page:
        """The screen with a customer opened, and their first card on it."""
        page = self.page(f"/teller/customers/{customer}")
        offers(page).first.wait_for()
        return page


def offers(page: Page) -> Locator:
    """The cards."""
    return page.locator("article.offer")


def titles(page: Page) -> list[str]:
    """Their titles."""
    return offers(page).locator("h3").all_inner_texts()


@contextmanager
def opened(data_dir: Path) -> Iterator[tuple[str, Running]]:
    """The product in a thread of its own: where it answers, and what stands behind it."""
    ready, found, ending = threading.Event(), list[tuple[str, Running]](), threading.Event()

    async def serve() -> None:
        async with staffed(data_dir) as house:
            config = uvicorn.Config(house.app, port=0, log_level="error", lifespan="off")
            server, listening = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
            running = asyncio.create_task(server.serve(sockets=[listening]))
            found.append((f"http://127.0.0.1:{listening.getsockname()[1]}", house))
            ready.set()
            await asyncio.to_thread(ending.wait)
            server.should_exit = True
            await running

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(60)
    yield found[0]
    ending.set()
    thread.join()
