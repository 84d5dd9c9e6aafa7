"""Levers and experiments judged by the command, from what a real store recorded of real decisions."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.installations import Installation, installed, options, until
from tests.unit.api.shells import ROOT, starter_plan

pytestmark = pytest.mark.asyncio
_HERO: dict[str, Any] = {"channel": "web", "moment": "session_started", "placements": [{"id": "hero"}]}


async def offered(house: Installation) -> bool:
    """Whether an ATM would show something."""
    return bool(options(await house.ask()))


def told(folder: Path, *words: str, rules: Path = ROOT / "rules") -> dict[str, Any]:
    """What a command prints as JSON about an installation."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEXTBEST_")}
    command = [sys.executable, "-m", "api.cli", *words, "--rules", str(rules), "--data-dir", str(folder), "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def laid_out(folder: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """What the command says that lays trials out."""
    command = [sys.executable, "-m", "api.cli", "models", "trials", "--data-dir", str(folder), "--out", str(out)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


async def test_levers_are_priced_from_decisions_made_again(house: Installation) -> None:
    """Each decision comes out as it was recorded, and every lever of the starter rules has its price."""
    async with house.working():
        await house.tell("mortgage_application", data={"amount": 240_000})
        await until(lambda: offered(house), "the event does not reach the decision")
    before = told(house.settings.data_dir, "levers")["decisions"]
    for customer in ("C0000001", "C0000002"):
        await house.ask(customer, **_HERO)
    found = told(house.settings.data_dir, "levers")
    assert (found["different"], found["missing"], found["unreadable"]) == (0, {"rules": 0, "model": 0}, 0)
    assert found["decisions"] == before + 2
    pushed = told(house.settings.data_dir, "triggers")
    assert (pushed["different"], pushed["unreadable"], pushed["decisions"]) == (0, 0, found["decisions"])
    by_trigger = {each["trigger"]: each for each in pushed["triggers"]}
    assert set(by_trigger) == {each.head.rule.partition("/")[2] for each in starter_plan().triggers if each.promotes}
    assert {each["verdict"] for each in by_trigger.values()} == {"not_enough_evidence"}
    assert all(f"customized/{name}.yaml:" in each["place"] for name, each in by_trigger.items())
    names = [each.head.rule.partition("/")[2] for each in starter_plan().levers]
    assert [each["lever"] for each in found["levers"]] == [*names, "all levers together"]
    assert next(each["decisions"] for each in found["levers"] if each["lever"] == "protect_the_home") > 0


async def test_levers_of_rules_that_served_before_keep_their_price(house: Installation, tmp_path: Path) -> None:
    """Decisions of both versions are made again, each by its own rules; the lever that changed has two prices."""
    data_dir, rules = house.settings.data_dir, tmp_path / "rules"
    shutil.copytree(ROOT / "rules", rules)
    policy = rules / "policy" / "arbitration.yaml"
    policy.write_text(policy.read_text().replace("protect_the_home, percent: 5", "protect_the_home, percent: 7"))
    await house.ask(**_HERO)
    async with installed(data_dir, rules=rules) as pushing:
        await pushing.ask(**_HERO)
    found = told(data_dir, "levers", rules=rules)
    assert (found["different"], found["missing"], found["unreadable"]) == (0, {"rules": 0, "model": 0}, 0)
    given, before = found["rules"]
    assert (given["given"], given["decisions"]) == (True, 1)
    assert (before["given"], before["decisions"] > 0) == (False, True)
    prices = {(each["lever"], each["percent"]): each["in_rules"] for each in found["levers"]}
    assert prices["protect_the_home", 7.0]
    assert not prices["protect_the_home", 5.0]
    assert prices["savings_push", 10.0]


async def test_report_without_experiments_says_so(house: Installation) -> None:
    """The starter rules run none."""
    await house.ask(**_HERO)
    assert told(house.settings.data_dir, "experiments", "report") == {"experiments": []}


async def test_customer_held_out_is_decided_recorded_and_shown_nothing(house: Installation, tmp_path: Path) -> None:
    """The fallback shows, staff see the arm, the same decision comes out again, and the report counts the customer."""
    data_dir, rules = house.settings.data_dir, tmp_path / "rules"
    shutil.copytree(ROOT / "rules", rules)
    everybody = "experiments:\n  - {experiment: e, of: all_offers, arms: {offers: 0.0001%, holdout: 99.9999%}}\n"
    (rules / "policy" / "experiments.yaml").write_text(everybody)
    async with house.working():
        await house.tell("mortgage_application", data={"amount": 240_000})
        await until(lambda: offered(house), "the event does not reach the decision")
    async with installed(data_dir, rules=rules) as experimenting:
        assert not await offered(experimenting)
        counter: dict[str, Any] = {"channel": "branch", "moment": "customer_at_counter", "placements": [{"id": "card"}]}
        decision = await experimenting.ask(**counter, detail="all")
        again = await experimenting.client.post("/v1/explanations", json={"decision_id": decision["decision_id"]})
    (proposition,) = decision["propositions"]
    assert proposition["fallback"]["treatment_id"] == "branch_card_default"
    for answer in (decision, again.json()):
        assert answer["arms"] == {"e": "holdout"}
        (held_out,) = [each for each in answer["rejected"] if each["stage"] == "holdout"]
        assert held_out["action"] == "home_insurance"
        assert held_out["reasons"][0]["detail"].endswith("it would have been shown at card, rank 1")
    (report,) = told(data_dir, "experiments", "report", rules=rules)["experiments"]
    arms = {each["arm"]: each for each in report["arms"]}
    assert (arms["holdout"]["customers"], arms["holdout"]["still_open"], arms["holdout"]["shown"]) == (1, 1, 1)
    done = laid_out(data_dir, tmp_path / "trial.parquet")
    assert done.returncode == 2
    assert "no decision of an experiment with an arm `holdout` is recorded whose window has passed" in done.stderr
