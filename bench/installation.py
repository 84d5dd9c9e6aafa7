"""A whole installation for benchmarks: embedded store with the bank loaded, one worker process, and what to ask it."""

import asyncio
import json
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import api.loading
from api.access.key_file import KeyFile, Scope, utc_now
from api.access.roles import Role
from api.adapters.embedded import EmbeddedServer
from api.bootstrap import open_stores
from api.loading.loader import Load
from api.loading.mapping_file import read_mapping
from api.loading.target import Target
from api.ports import StoreUnavailable
from api.routes.decisions import PATH
from api.security import open_secrets
from api.settings import Settings
from bench.customers import customer_id
from bench.load import KEY
from bench.processes import Server, free_port, serving
from bench.workshop import CUSTOMERS, Workshop

DECISIONS = PATH
GOOD = '"degraded":[]'
"""What every answer under test must contain."""
_ATTEMPTS = 3
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_UVICORN = [
    "--loop",
    "uvloop",
    "--http",
    "httptools",
    "--no-access-log",
    "--no-server-header",
    "--log-level",
    "warning",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A loaded store and the worker on it."""

    worker: Server
    store_pid: int
    store_url: str


@contextmanager
def installed(workshop: Workshop) -> Iterator[Installation]:
    """Start everything, load the bank, and stop everything again."""
    settings = worker_settings(workshop)
    port = free_port()
    environment = {
        "NEXTBEST_RULES": str(settings.rules),
        "NEXTBEST_MODEL": str(settings.model),
        "NEXTBEST_DATA_DIR": str(settings.data_dir),
        "NEXTBEST_PORT": str(port),
        **_ONE_THREAD,
    }
    shutil.rmtree(settings.data_dir, ignore_errors=True)
    settings.data_dir.mkdir()
    KeyFile(settings.keys_path).add("bench", Scope(role=Role.TOUCHPOINT, channels=("atm",)), utc_now(), key=KEY)
    store = EmbeddedServer(settings.data_dir)
    store.start()
    try:
        _load_patiently(workshop, settings)
        command = [sys.executable, "-m", "api.server"]
        with serving(command, port, workshop.folder / "worker.log", environment) as worker:
            yield Installation(worker=worker, store_pid=store.pid, store_url=store.url)
    finally:
        store.stop()


def worker_settings(workshop: Workshop) -> Settings:
    """The settings of the worker, whatever its port."""
    return Settings(rules=workshop.rules_dir, model=workshop.trained.folder, data_dir=workshop.folder / "data")


def _load_patiently(workshop: Workshop, settings: Settings) -> None:
    """Load the bank; where the disk is slow for a moment, load again, which completes it."""
    for attempt in range(_ATTEMPTS):
        try:
            asyncio.run(_load(workshop, settings))
            return
        except StoreUnavailable:
            if attempt == _ATTEMPTS - 1:
                raise


async def _load(workshop: Workshop, settings: Settings) -> None:
    mapping = Path(api.loading.__file__).with_name("bank_files.yaml")
    load = Load(
        mapping=read_mapping(mapping.name, mapping.read_bytes()),
        folder=workshop.bank_dir,
        target=Target.of(workshop.plan),
        ruleset=workshop.plan.hash,
        staging=workshop.folder / "staging",
        now=datetime.now(UTC),
        progress=lambda _what, _count: None,
    )
    async with open_stores(settings, open_secrets(settings)) as stores:
        report = await load.run(stores.records)
    if report.customers != CUSTOMERS:
        raise RuntimeError(f"{report.customers} customers were loaded, not {CUSTOMERS}")


@contextmanager
def uvicorn_app(name: str, log: Path, environment: dict[str, str] | None = None) -> Iterator[Server]:
    """Another application under the same server with the same loop and parser, on a port of its own."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", name, "--port", str(port), *_UVICORN]
    with serving(command, port, log, environment) as server:
        yield server


def short_questions(count: int, seed: int) -> tuple[str, ...]:
    """Decision requests by customer number, each in a session of its own."""
    return tuple(
        json.dumps(
            {
                "identity": {"scheme": "customer_id", "value": customer},
                "channel": "atm",
                "moment": "arrived",
                "placements": [{"id": "idle_screen"}],
                "session_id": session,
            }
        )
        for customer, session in _asked(count, seed)
    )


def full_questions(count: int, seed: int) -> tuple[str, ...]:
    """Decision requests as a cash machine sends them: a card, the cash asked for, an id against repetition."""
    return tuple(
        json.dumps(
            {
                "identity": {"scheme": "card_token", "value": f"tok_{customer}"},
                "channel": "atm",
                "moment": "arrived",
                "placements": [{"id": "idle_screen", "item_count": 1}],
                "context": {"cash_requested": 200},
                "session_id": session,
                "request_id": f"request-{session}",
                "budget_ms": 1000,
            }
        )
        for customer, session in _asked(count, seed)
    )


def empty_questions(count: int) -> tuple[str, ...]:
    """Requests for the empty endpoint and for the one that only reads and appends."""
    return tuple(json.dumps({"customer": customer_id(at % CUSTOMERS), "channel": "atm"}) for at in range(count))


def _asked(count: int, seed: int) -> Iterator[tuple[str, str]]:
    chance = random.Random(seed)
    for number in range(count):
        yield customer_id(chance.randrange(CUSTOMERS)), f"{seed}-{number}"
