"""A reload that changes what is kept of events: what was kept goes on, what is new begins, nothing counts twice."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from api.adapters.records import decode_events
from api.bootstrap import compile_rules, open_stores
from api.ports import key_of
from api.security import open_secrets
from engine.events import EventLayout
from tests.integration.api.installations import PATIENCE_S, load, process, settings_of
from tests.integration.reloading.servers import Server

ADA = "C0000001"
TRIGGER = """
trigger: visits_often
title: Visits often
owner: service@bank.example
version: 1
history: [{seen: branch_visit, in: 20d, at_least: 4}]
promote: {update_contact_details: 1.5}
"""
QUESTION = {
    "identity": {"scheme": "customer_id", "value": ADA},
    "channel": "atm",
    "moment": "card_inserted",
    "placements": [{"id": "idle_screen"}],
    "only": {"actions": ["home_insurance"]},
}


def test_history_survives_a_reload_that_asks_for_more(
    serve: Callable[..., AbstractContextManager[Server]], store_dir: Path, rules: Path
) -> None:
    """The mortgage application of before is known at once and ever after; visits count from now on."""
    asyncio.run(_loaded(store_dir))
    with serve() as server, process(store_dir, "api.worker", rules=rules) as worker:
        taken_up = server.reloads("taken_up")
        _tell(server, "mortgage_application", 1)
        _until(lambda: _offered(server), "the event does not reach the decision")
        before = compile_rules(rules).event_layout
        (rules / "customized" / "visits_often.yaml").write_text(TRIGGER)
        after = compile_rules(rules).event_layout
        assert after.hash != before.hash
        _until(lambda: server.reloads("taken_up") == taken_up + 2, "server and worker do not take it up")
        assert _offered(server)
        assert asyncio.run(_instants(store_dir, before, "mortgage_application")) != []
        for number in (2, 3):
            _tell(server, "branch_visit", number)
        visits = next(kept.text for kept in after.filters if kept.event == "branch_visit" and kept.depth == 4)
        _until(lambda: len(asyncio.run(_instants(store_dir, after, visits))) == 2, "visits are not folded")
        assert len(asyncio.run(_instants(store_dir, after, "mortgage_application"))) == 1
        assert _offered(server)
        worker.terminate()
        assert worker.wait(PATIENCE_S) == 0


async def _loaded(data_dir: Path) -> None:
    settings = settings_of(data_dir)
    async with open_stores(settings, open_secrets(settings), patient=True) as stores:
        await load(stores, ADA)


async def _instants(data_dir: Path, layout: EventLayout, text: str) -> list[int]:
    """What is kept of a filter in a state of this very layout."""
    settings = settings_of(data_dir)
    async with open_stores(settings, open_secrets(settings), patient=True) as stores:
        deadline = asyncio.get_running_loop().time() + 5
        (held,) = await stores.events.records([key_of(ADA)], deadline=deadline)
    state = decode_events(held.record.events or b"", layout)
    if state is None:
        return []
    at = next(at for at, kept in enumerate(layout.filters) if kept.text == text)
    return [each for each in state[layout.offsets[at] : layout.offsets[at] + layout.filters[at].depth] if each]


def _tell(server: Server, kind: str, number: int) -> None:
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"{kind}-{number}-{time.time_ns()}",
        "source": "core_banking",
        "type": kind,
        "subject": f"customer_id:{ADA}",
    }
    answer = server.client.post("/v1/events", json=event | ({"data": {"amount": 240_000}} if number == 1 else {}))
    assert answer.status_code == 202, answer.text


def _offered(server: Server) -> bool:
    decision = server.client.post("/v1/explanations", json=QUESTION).json()
    return any(option["action"] == "home_insurance" for option in decision["propositions"][0]["options"])


def _until(check: Callable[[], bool], said: str) -> None:
    give_up_at = time.monotonic() + 2 * PATIENCE_S
    while not check():
        assert time.monotonic() < give_up_at, said
        time.sleep(0.1)
