"""A budget over HTTP, on a real store: offers end with it, lapsed ones come back, the command tells how it stands."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from typer.testing import CliRunner

from api.adapters import keys
from api.adapters.commands import pack
from api.adapters.records import encode_consent, encode_profile
from api.bootstrap import Stores, compile_rules, open_stores
from api.cli import app as command
from api.main import create_app
from api.ports import LoadedRecord, key_of
from api.security import open_secrets
from api.telemetry import Metrics
from api.worker.budgets import ROUND_S, BudgetKeeper
from api.worker.partitions import Partitions
from engine.ids import CustomerId
from tests.builders import CONSENTING, an_action, rule_files, the_contact_policy
from tests.integration.api.installations import Installation, options, settings_of
from tests.unit.api.budgeted import PATIENT

CUSTOMERS = [f"B{number:07}" for number in range(1, 6)]
HERO: dict[str, Any] = {"channel": "web", "placements": [{"id": "hero"}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """A bank whose card has a budget of two."""

    client: httpx.AsyncClient
    stores: Stores
    rules: Path
    data_dir: Path

    async def ask(self, customer: str, path: str = "decisions", **changes: object) -> dict[str, Any]:
        """What the web page shows."""
        asked = {"identity": {"scheme": "customer_id", "value": customer}, **HERO, **changes}
        answer = await self.client.post(f"/v1/{path}", json=asked)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def standing(self) -> dict[str, Any]:
        """What the command says."""
        words = ["budgets", "--rules", str(self.rules), "--data-dir", str(self.data_dir), "--json"]
        said = await asyncio.to_thread(CliRunner().invoke, command, words)
        assert said.exit_code == 0, said.output
        (line,) = json.loads(said.stdout)["budgets"]
        return {name: line[name] for name in ("total", "spent", "open", "leased", "left", "today")}


@pytest_asyncio.fixture
async def bank(house: Installation, tmp_path: Path) -> AsyncIterator[Bank]:
    """An application with budgets on the emptied store."""
    budget = "budgets: [{budget: spring, total: 2, actions: [card]}]\n"
    files = rule_files(PATIENT, the_contact_policy(budget), an_action("card", value=300), an_action("loan"))
    rules = tmp_path / "rules"
    for name, content in files.items():
        (rules / name).parent.mkdir(parents=True, exist_ok=True)
        (rules / name).write_bytes(content)
    data_dir = house.settings.data_dir
    settings = settings_of(data_dir, rules=rules, watch_rules=False)
    plan = compile_rules(rules)
    profile = encode_profile(
        plan.profile_schema, plan.profile_schema.encode({"holds": [], "groups": [], "segments": []})
    )
    consent = encode_consent(CONSENTING)
    application = create_app(settings)
    async with (
        application.router.lifespan_context(application),
        open_stores(settings, open_secrets(settings), patient=True) as stores,
        httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://nextbest") as client,
    ):
        await stores.records.load(
            [LoadedRecord(customer=CustomerId(name), profile=profile, consent=consent) for name in CUSTOMERS]
        )
        yield Bank(client=client, stores=stores, rules=rules, data_dir=data_dir)


async def test_offers_end_with_the_budget_and_what_was_not_shown_comes_back(bank: Bank) -> None:
    """Two customers get the card, one sees it; the other's lapses, and somebody else gets it."""
    first, second, third = [await bank.ask(customer) for customer in CUSTOMERS[:3]]
    assert [options(each) for each in (first, second, third)] == [["card"], ["card"], ["loan"]]
    explained = await bank.ask(CUSTOMERS[3], "explanations")
    (card,) = (each for each in explained["rejected"] if each["action"] == "card")
    assert (card["stage"], card["reasons"][0]["rule"]) == ("budget_spent", "budget/spring")
    shown = {
        "outcome_id": "o1",
        "tracking_token": first["propositions"][0]["options"][0]["tracking_token"],
        "outcome": "impression",
        "occurred_at": first["decided_at"],
    }
    assert (await bank.client.post("/v1/outcomes", json=shown)).status_code == 202
    assert await bank.standing() == {"total": 2, "spent": 1, "open": 1, "leased": 0, "left": 0, "today": 2}
    await _let_time_pass(bank)
    assert await bank.standing() == {"total": 2, "spent": 1, "open": 0, "leased": 0, "left": 1, "today": 1}
    give_up_at = time.monotonic() + 20.0
    while options(await bank.ask(CUSTOMERS[4])) != ["card"]:
        assert time.monotonic() < give_up_at, "the unit does not come back"
        await asyncio.sleep(0.1)


async def _let_time_pass(bank: Bank) -> None:
    """Half an hour later the event worker has looked at every unit."""
    plan = compile_rules(bank.rules)
    nodes = bank.stores.budgets._nodes
    for customer in CUSTOMERS:
        node, held = nodes.of_partition(key_of(customer).partition), keys.held(key_of(customer).partition)
        for unit in await node.call(pack("ZRANGE", held, 0, -1), 1, time.monotonic() + 5):
            await node.call(pack("ZADD", held, 1, unit), 1, time.monotonic() + 5)
    partitions = Partitions(bank.stores.events, "test")
    now_s = time.time()
    keeper = BudgetKeeper(bank.stores.budgets, partitions, Metrics(), lambda: now_s)
    await partitions.renew()
    await keeper.step(plan)
    now_s += ROUND_S
    await keeper.step(plan)
    await partitions.release()


def test_command_says_where_there_is_no_store(tmp_path: Path) -> None:
    """Instead of starting one."""
    said = CliRunner().invoke(command, ["budgets", "--rules", "rules", "--data-dir", str(tmp_path)])
    assert said.exit_code == 2
    assert "no store runs on" in said.output
