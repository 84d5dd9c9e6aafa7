"""The Berka bank: seven tables of a Czech bank become unified customers who get decisions."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.demo.processes import Running, ask, in_session

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "berka"
BUSY = {"overload", "late", "identity", "record", "commit"}
pytestmark = pytest.mark.public_data


def nextbest(*words: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run([sys.executable, "-m", "api.cli", *words], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def loaded(public_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A data folder with the bank in it, and the report."""
    folder = tmp_path_factory.mktemp("berka")
    done = nextbest(
        "load",
        *("--mapping", str(EXAMPLE / "mapping.yaml"), "--source", str(public_data / "berka")),
        *("--rules", str(EXAMPLE / "rules"), "--data-dir", str(folder), "--json"),
    )
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_every_client_is_loaded_and_no_row_is_refused(loaded: tuple[Path, dict[str, Any]]) -> None:
    _, report = loaded
    assert (report["customers"], report["problems"]) == (5369, 0)
    assert report["identities"] == 4500 + 892
    assert report["shared_identities"] == 869


def test_its_customers_get_decisions(loaded: tuple[Path, dict[str, Any]]) -> None:
    """B2 owns account 2 and B3 may use it: the account alone is ambiguous, the customer is not."""
    folder, _ = loaded
    with in_session("serve", "--rules", str(EXAMPLE / "rules"), "--data-dir", str(folder), "--port", "0") as bank:
        offered = _offered(bank, "customer_id", "B2", "branch", "card")
        assert offered["degraded"] == []
        assert offered["propositions"][0]["options"]
        shared = _offered(bank, "account_number", "2", "web", "hero")
        assert shared["degraded"] == ["identity_ambiguous"]
        assert shared["propositions"][0]["fallback"]["treatment_id"] == "web_default"
        with_card = _offered(bank, "card_token", "card_1005", "atm", "idle_screen")
        assert with_card["propositions"][0]["options"][0]["treatment"]["headline"]


def _offered(bank: Running, scheme: str, value: str, channel: str, placement: str) -> dict[str, Any]:
    question = {
        "identity": {"scheme": scheme, "value": value},
        "channel": channel,
        "placements": [{"id": placement}],
        "budget_ms": 1000,
    }
    # On a busy machine an answer may come without a decision; whoever asks again gets one.
    answer = ask(bank.url, "/v1/decisions", question)
    give_up_at = time.monotonic() + 20
    while BUSY.intersection(answer["degraded"]) and time.monotonic() < give_up_at:
        time.sleep(0.25)
        answer = ask(bank.url, "/v1/decisions", question)
    return answer


def test_rules_of_the_example_pass_their_own_tests() -> None:
    checked = nextbest("check", str(EXAMPLE / "rules"))
    assert (checked.returncode, checked.stdout) == (0, "no errors, no warnings\n")
    tested = nextbest("test", str(EXAMPLE / "rules"))
    assert tested.returncode == 0
    assert re.match(r"\d+ tests, 0 failed\n", tested.stdout)
