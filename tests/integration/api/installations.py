"""Whole installations: a real store, the API on top of it, in this process or in processes of its own, and a worker."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from api.adapters.records import encode_consent, encode_events, encode_profile
from api.bootstrap import Stores, open_stores
from api.main import create_app
from api.ports import Identity, LoadedRecord
from api.security import open_secrets
from api.settings import Settings
from api.worker.run import work
from engine.facts import Consent
from engine.ids import CustomerId
from tests.unit.api.shells import ROOT, starter_plan

PATIENCE_S = 90.0
ADA: Mapping[str, Any] = {
    "age": 41,
    "country": "GB",
    "employment": "employed",
    "housing": "mortgaged",
    "income.monthly": 2_900,
    "savings.trend_90d": 0.02,
    "tenure.months": 86,
    "customer.since": "2018-11-01",
    "arrears.days": 0,
    "insolvency": False,
    "vulnerable": False,
    "deceased": False,
    "staff_suppressed": False,
    "holds": ["current_account"],
    "groups": [],
    "segments": ["mass"],
}
EVERYWHERE = {"marketing": dict.fromkeys(("atm", "web", "branch", "phone", "pc"), True)}


def settings_of(data_dir: Path, **changes: object) -> Settings:
    """An installation's settings."""
    usual = {"data_dir": data_dir, "rules": ROOT / "rules", "port": 0, "access": "open"}
    return Settings.model_validate(usual | changes)


async def load(stores: Stores, *customers: str) -> None:
    """Load customers like Ada, known by a card too."""
    plan = starter_plan()
    profile = encode_profile(plan.profile_schema, plan.profile_schema.encode(ADA))
    events = encode_events((plan.event_layout, plan.event_layout.empty(0)))
    consent = encode_consent(Consent(version=1, allowed_by_purpose=EVERYWHERE, profiling_objection=False))
    await stores.records.load(
        [LoadedRecord(customer=CustomerId(name), profile=profile, events=events, consent=consent) for name in customers]
    )
    await stores.records.identify({Identity("card_token", f"tok_{name}"): [CustomerId(name)] for name in customers})


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """An application in this process on a real store."""

    client: httpx.AsyncClient
    stores: Stores
    settings: Settings

    async def ask(self, customer: str = "C0000001", **changes: Any) -> dict[str, Any]:
        """What an ATM would show, asked again while a busy machine answers with a fallback."""
        question = {
            "identity": {"scheme": "card_token", "value": f"tok_{customer}"},
            "channel": "atm",
            "moment": "card_inserted",
            "placements": [{"id": "idle_screen"}],
            "only": {"actions": ["home_insurance"]},
        }
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            answer = await self.client.post("/v1/decisions", json=question | changes)
            assert answer.status_code == 200, answer.text
            decision: dict[str, Any] = answer.json()
            if not decision["degraded"]:
                return decision
            assert time.monotonic() < give_up_at, decision["degraded"]

    async def tell(self, kind: str, customer: str = "C0000001", **changes: object) -> httpx.Response:
        """An event of a customer."""
        event = {
            "specversion": "1.0",
            "id": f"{kind}-{customer}",
            "source": "core_banking",
            "type": kind,
            "subject": f"card_token:tok_{customer}",
        }
        return await self.client.post("/v1/events", json=event | changes)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """A worker beside the application, for as long as the context lasts."""
        stop = asyncio.Event()
        working = asyncio.create_task(work(self.settings, starter_plan(), self.stores, stop))
        try:
            yield
        finally:
            stop.set()
            await working


@asynccontextmanager
async def installed(data_dir: Path, **changes: object) -> AsyncIterator[Installation]:
    """An application on the store that runs in a data folder."""
    settings = settings_of(data_dir, **changes)
    app = create_app(settings)
    async with app.router.lifespan_context(app), open_stores(settings, open_secrets(settings), patient=True) as stores:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://nextbest") as client:
            yield Installation(client=client, stores=stores, settings=settings)


def options(decision: Mapping[str, Any]) -> list[str]:
    """The actions that a decision shows."""
    return [option["action"] for proposition in decision["propositions"] for option in proposition["options"]]


@contextmanager
def process(data_dir: Path, module: str, **settings: object) -> Iterator[subprocess.Popen[str]]:
    """A process of the product, ended at the latest with the context."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEXTBEST_")}
    environment |= {"NEXTBEST_DATA_DIR": str(data_dir), "NEXTBEST_RULES": str(ROOT / "rules")}
    environment |= {"NEXTBEST_ACCESS": "open"}
    environment |= {f"NEXTBEST_{name.upper()}": str(value) for name, value in settings.items()}
    running = subprocess.Popen(
        [sys.executable, "-m", module], env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        yield running
    finally:
        if running.poll() is None:
            running.kill()
        running.wait()
        assert running.stderr is not None
        running.stderr.close()


def port_of(server: "subprocess.Popen[str]") -> int:
    """The port that a server says it listens on."""
    assert server.stderr is not None
    said = server.stderr.readline()
    return int(said.split("127.0.0.1:")[1].split(",")[0])


def until_ready(client: httpx.Client) -> dict[str, Any]:
    """Wait for the first answer to /readyz."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            ready: dict[str, Any] = client.get("/readyz").json()
            return ready
        except httpx.TransportError:
            assert time.monotonic() < give_up_at, "the server does not come up"
            time.sleep(0.05)


async def until(check: Callable[[], Awaitable[bool]], said: str) -> None:
    """Wait until an asynchronous check holds."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not await check():
        assert time.monotonic() < give_up_at, said
        await asyncio.sleep(0.02)
