"""The load test with a demonstration bank of its own."""

import json
import sys
from pathlib import Path

import pytest

from tests.integration.demo.processes import processes_on
from tests.integration.loadtest.test_loadtest import run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


def test_load_test_works_from_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    """Starts a bank, every journey keeps its promises, and no process of it is left."""
    result = tmp_path / "result.json"
    ran = run("--customers", "300", "--seconds", "4", "--mix", "2/2/1", "--json", str(result), TMPDIR=tmp_path)
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr  # 1: a busy machine may miss the limits of latency
    found = json.loads(result.read_text())
    assert found["totals"]["errors"] == []
    assert {decisions["channel"] for decisions in found["totals"]["decisions"]} == {"atm", "branch", "web", "all"}
    assert processes_on(tmp_path) == {}
