"""Levers and experiments judged by the command, from what a real store recorded of real decisions."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.installations import Installation, options, until
from tests.unit.api.shells import ROOT, starter_plan

pytestmark = pytest.mark.asyncio
_HERO: dict[str, Any] = {"channel": "web", "moment": "session_started", "placements": [{"id": "hero"}]}


async def offered(house: Installation) -> bool:
    """Whether an ATM would show something."""
    return bool(options(await house.ask()))


def told(folder: Path, *words: str) -> dict[str, Any]:
    """What a command prints as JSON about an installation."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEXTBEST_")}
    command = [sys.executable, "-m", "api.cli", *words, "--rules", "rules", "--data-dir", str(folder), "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def test_levers_are_priced_from_decisions_made_again(house: Installation) -> None:
    """Each decision comes out as it was recorded, and every lever of the starter rules has its price."""
    async with house.working():
        await house.tell("mortgage_application", data={"amount": 240_000})
        await until(lambda: offered(house), "the event does not reach the decision")
    before = told(house.settings.data_dir, "levers")["decisions"]
    for customer in ("C0000001", "C0000002"):
        await house.ask(customer, **_HERO)
    found = told(house.settings.data_dir, "levers")
    assert (found["different"], found["other_rules"], found["unreadable"]) == (0, 0, 0)
    assert found["decisions"] == before + 2
    names = [each.head.rule.partition("/")[2] for each in starter_plan().levers]
    assert [each["lever"] for each in found["levers"]] == [*names, "all levers together"]
    assert next(each["decisions"] for each in found["levers"] if each["lever"] == "protect_the_home") > 0


async def test_report_without_experiments_says_so(house: Installation) -> None:
    """The starter rules run none."""
    await house.ask(**_HERO)
    assert told(house.settings.data_dir, "experiments", "report") == {"experiments": []}
