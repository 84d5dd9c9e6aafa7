"""`nextbest groups` on a running store: from a file, by hand, and as a need holds."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.adapters.cluster import nodes_at
from api.adapters.customer_store import RedisCustomerStore
from api.adapters.embedded import EmbeddedServer
from api.adapters.record_store import RedisRecordStore
from api.adapters.records import encode_consent, encode_profile
from api.cli import app
from api.ports import LoadedRecord, key_of
from api.ties import decode_memberships
from engine.facts import Consent
from engine.ids import CustomerId
from tests.builders import a_plan, a_theme, an_action, rule_files

THEME = a_theme(
    "insiders",
    "needs: [{need: insider, when: {flagged: true}}]\nactive: {needs.insider: true}\njourney: [loan]\nweight: 1.1",
)
PARTS = (an_action("loan"), THEME)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The rules of a bank with a group and a need."""
    folder = tmp_path / "rules"
    for name, content in rule_files(*PARTS).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A store with two customers, of whom the first is flagged."""
    server = EmbeddedServer(tmp_path / "data")
    server.start()
    try:
        asyncio.run(know(server.url, {"C1": True, "C2": False}))
        yield server.url
    finally:
        server.stop()


async def know(url: str, flagged: dict[str, bool]) -> None:
    schema = a_plan(*PARTS).profile_schema
    consent = encode_consent(Consent(version=1, profiling_objection=False))
    nodes = nodes_at(url)
    await nodes.start()
    records = [
        LoadedRecord(CustomerId(name), encode_profile(schema, schema.encode({"flagged": is_so})), consent=consent)
        for name, is_so in flagged.items()
    ]
    await RedisRecordStore(nodes).load(records)
    await nodes.close()


def groups_of(url: str, customer: str) -> list[tuple[str, bool]]:
    """A customer's groups, and whether each is still open."""

    async def read() -> list[tuple[str, bool]]:
        nodes = nodes_at(url)
        await nodes.start()
        deadline = asyncio.get_running_loop().time() + 5
        gathered = await RedisCustomerStore(nodes).gather(key_of(customer), None, deadline=deadline)
        await nodes.close()
        return [(each.group, each.end_s is None) for each in decode_memberships(gathered.record.ties)]

    return asyncio.run(read())


def run(url: str, *words: str, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["groups", *words, "--redis-url", url, "--json"])
    assert result.exit_code == code, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_a_file_puts_customers_in_and_a_person_takes_them_out(url: str, rules: Path, tmp_path: Path) -> None:
    members = tmp_path / "members.csv"
    members.write_text("group,customer,start\nstaff,C1,2026-01-01\nstaff,C9,\n", encoding="utf-8")
    loaded = run(url, "load", "--file", str(members), "--rules", str(rules), code=1)
    assert loaded == {"memberships": 1, "unknown": ["C9"]}
    assert groups_of(url, "C1") == [("staff", True)]
    assert run(url, "end", "staff", "C1") == {"ended": 1, "unknown": []}
    assert groups_of(url, "C1") == [("staff", False)]


def test_a_group_follows_a_need_from_run_to_run(url: str, rules: Path) -> None:
    asked = ("infer", "staff", "--need", "insider", "--rules", str(rules))
    assert run(url, *asked) == {"seen": 2, "joined": 1, "left": 0, "unreadable": 0}
    assert run(url, *asked) == {"seen": 2, "joined": 0, "left": 0, "unreadable": 0}
    assert (groups_of(url, "C1"), groups_of(url, "C2")) == ([("staff", True)], [])
    asyncio.run(know(url, {"C1": False}))
    assert run(url, *asked) == {"seen": 2, "joined": 0, "left": 1, "unreadable": 0}
    assert groups_of(url, "C1") == [("staff", False)]


@pytest.mark.parametrize(
    ("group", "need", "said"),
    [("club", "insider", "the catalogue has no group `club`"), ("staff", "outsider", "no theme declares the need")],
)
def test_names_that_do_not_exist_are_told(url: str, rules: Path, group: str, need: str, said: str) -> None:
    answer = run(url, "infer", group, "--need", need, "--rules", str(rules), code=2)
    assert said in answer["error"]
