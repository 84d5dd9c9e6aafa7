"""One server and one browser for this folder, since its loop would stand in the way of others; a bank for each test."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser
from starlette.responses import StreamingResponse

from api.routes import shop, web
from api.settings import Settings
from tests.browser.bank import Bank, a_decision, an_option
from tests.browser.chromium import launched
from tests.browser.counter import Counter, opened
from tests.browser.machine import Kiosk
from tests.browser.serving import serving
from tests.unit.api.shells import AUTHORIZED, Running


async def half_an_answer() -> StreamingResponse:
    """A whole offer, whose second half comes after everybody's patience."""
    body = json.dumps(a_decision(an_option())).encode()

    async def parts() -> AsyncIterator[bytes]:
        yield body[:100]
        await asyncio.sleep(0.8)
        yield body[100:]

    return StreamingResponse(parts(), media_type="application/json")


@pytest.fixture(scope="package")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the product's own route serves the banner's files, and an engine stalls in the middle of its answers."""
    started, nowhere = threading.Event(), tmp_path_factory.mktemp("nobody")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.shell = SimpleNamespace(settings=Settings(data_dir=nowhere))
        started.set()
        yield

    app = FastAPI(lifespan=lifespan)
    app.include_router(web.router)
    app.add_api_route("/stalling/v1/decisions", half_an_answer, methods=["POST"])
    app.include_router(shop.router)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert started.wait(10)
    while not server.started:
        thread.join(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="package")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the whole application serves its pages, on fakes."""
    with serving(tmp_path_factory.mktemp("whole")) as served:
        yield served.origin


@pytest.fixture
def kiosk(browser: Browser, whole: str) -> Iterator[Kiosk]:
    """A cash machine in a fresh profile that keeps nothing; its console complains of nothing but what a test allows."""
    context = browser.new_context(viewport={"width": 800, "height": 600}, service_workers="block")
    context.set_default_timeout(10_000)
    made = Kiosk(context, whole)
    yield made
    context.close()
    assert made.said == []


@pytest.fixture
def bank(browser: Browser, origin: str) -> Iterator[Bank]:
    """A bank's site in a fresh profile; nothing may complain in its console but what a test allows."""
    context = browser.new_context(viewport={"width": 1024, "height": 768})
    context.set_default_timeout(10_000)
    made = Bank(context, origin)
    yield made
    context.close()
    assert made.said == []


@pytest.fixture(scope="package")
def branch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Running]]:
    """The product with screens for staff, and what stands behind it."""
    with opened(tmp_path_factory.mktemp("branch")) as served:
        yield served


@pytest.fixture
def counter(browser: Browser, branch: tuple[str, Running]) -> Iterator[Counter]:
    """A counter in a fresh profile; nothing may complain in its console but what a test allows."""
    origin, house = branch
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, locale="en-GB", extra_http_headers=AUTHORIZED
    )
    context.set_default_timeout(10_000)
    made = Counter(context, origin, house.state)
    yield made
    context.close()
    assert made.said == []
