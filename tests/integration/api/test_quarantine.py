"""`nextbest events quarantined` on a running installation."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from typer.testing import CliRunner

from api.cli import app
from tests.integration.api.installations import Installation
from tests.unit.api.shells import ROOT


async def quarantined(house: Installation, *words: str) -> tuple[int, Any]:
    """The command's exit code and what it printed."""
    more = ["--data-dir", str(house.settings.data_dir), "--json"]
    if words[0] == "retry":
        more += ["--rules", str(ROOT / "rules")]
    done = await asyncio.to_thread(CliRunner().invoke, app, ["events", "quarantined", *words, *more])
    return done.exit_code, json.loads(done.stdout)


async def test_what_was_put_aside_is_listed_shown_retried_and_dropped(house: Installation) -> None:
    """One of the future, and one too old: what is wrong with them does not go away by trying again."""
    now = datetime.now(UTC)
    await house.tell("mortgage_application", id="later", time=(now + timedelta(hours=1)).isoformat())
    await house.tell("mortgage_application", "C0000002", id="old", time=(now - timedelta(days=30)).isoformat())
    code, told = await quarantined(house, "list")
    assert (code, told["by_reason"]) == (0, {"in_the_future": 1, "too_old": 1})
    name_by_event = {each["event_id"]: each["id"] for each in told["events"]}
    code, shown = await quarantined(house, "show", name_by_event["old"])
    assert (code, shown["record"], shown["data"]) == (0, "C0000002", {})
    code, again = await quarantined(house, "retry", "--all")
    assert (code, again["results"]) == (1, {"refused": 2})
    assert {each["reason"] for each in again["refused"]} == {"in_the_future", "too_old"}
    assert await quarantined(house, "drop", "--reason", "too_old") == (0, {"dropped": 1})
    code, told = await quarantined(house, "list", "--reason", "too_old")
    assert (code, told["total"]) == (0, 0)
    assert (await quarantined(house, "show", name_by_event["old"]))[0] == 2
    assert (await quarantined(house, "show", "nothing"))[0] == 2
    assert (await quarantined(house, "drop"))[0] == 2
