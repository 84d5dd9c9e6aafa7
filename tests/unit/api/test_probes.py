"""The probes: alive is alive, a store that is away is degraded and not dead."""

import pytest

from api.ports import StoreStatus
from api.routes.probes import reasons
from api.telemetry import Metrics
from tests.unit.api.shells import running, starter_plan


async def test_process_is_live() -> None:
    """Whatever else is wrong."""
    async with running() as house:
        house.state.available = False
        answer = await house.client.get("/livez")
    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_process_is_ready_and_says_with_what() -> None:
    """The bundle, and how soon the store keeps what it acknowledges."""
    async with running() as house:
        answer = await house.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "reasons": [],
        "ruleset": starter_plan().hash,
        "reload": {"result": "none", "errors": 0},
        "durability": "always",
    }


async def test_store_that_is_away_degrades_and_does_not_take_out_of_service() -> None:
    """A fallback is an answer; taking every process out would leave none."""
    async with running() as house:
        house.state.available = False
        answer = await house.client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert "the store does not answer" in answer.json()["reasons"][0]


@pytest.mark.parametrize(("share", "said"), [(0.79, 0), (0.85, 1)])
def test_memory_that_runs_full_is_said(share: float, said: int) -> None:
    """At 80 percent there is still time."""
    found = reasons(StoreStatus(available=True, durability="always", memory_used_share=share))
    assert len(found) == said
    assert all("85% full" in reason for reason in found)


async def test_metrics_are_in_prometheus_s_format() -> None:
    """And come from the whole installation."""
    async with running() as house:
        answer = await house.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")


def test_all_series_together_stay_within_a_thousand() -> None:
    """However many channels, events and needs a bank has."""
    assert Metrics().series_limit <= 1_000
