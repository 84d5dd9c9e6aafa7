"""Groups on the demonstration bank while it serves: by hand over HTTP and from a file, by rule, with start and end."""

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.demo.processes import Running, ask, in_session, start, words

GROUP = "student_union"
MEMBERS = f"/v1/groups/{GROUP}/members"
CUSTOMER = "C0000001"


@pytest.fixture(scope="module")
def demo(data_dir: Path) -> Iterator[Running]:
    """Running until the last test of the module."""
    with in_session(*words(data_dir)) as demo:
        yield demo


@pytest.fixture(scope="module")
def keys(demo: Running, data_dir: Path) -> dict[str, str]:
    """A key of each role."""
    found: dict[str, str] = json.loads((data_dir / "demo-keys.json").read_text())
    return found


def view(demo: Running, keys: dict[str, str], customer: str) -> dict[str, Any]:
    request = urllib.request.Request(f"{demo.url}/v1/customers/{customer}")
    request.add_header("authorization", f"Bearer {keys['teller']}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        seen: dict[str, Any] = json.loads(answer.read())
    return seen


def groups_of(demo: Running, keys: dict[str, str], customer: str) -> list[str]:
    return list(view(demo, keys, customer)["profile"].get("groups", []))


def leave(demo: Running, keys: dict[str, str], customer: str) -> None:
    request = urllib.request.Request(f"{demo.url}{MEMBERS}/{customer}", method="DELETE")
    request.add_header("authorization", f"Bearer {keys['marketer']}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.loads(answer.read())["status"] == "ended"


def command(*words: str) -> dict[str, Any]:
    process = start(*words)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    told: dict[str, Any] = json.loads(out)
    return told


def test_by_hand_over_http_it_holds_at_once_and_until_somebody_ends_it(demo: Running, keys: dict[str, str]) -> None:
    """The view's profile is what rules read."""
    assert ask(demo.url, MEMBERS, {"customer": CUSTOMER}, keys["marketer"])["status"] == "stored"
    assert GROUP in groups_of(demo, keys, CUSTOMER)
    leave(demo, keys, CUSTOMER)
    assert GROUP not in groups_of(demo, keys, CUSTOMER)


def test_a_membership_to_come_or_over_is_shown_and_holds_not(
    demo: Running, keys: dict[str, str], data_dir: Path, tmp_path: Path
) -> None:
    today = datetime.now(UTC).date()
    tomorrow, long_ago = today + timedelta(days=2), today - timedelta(days=30)
    members = tmp_path / "members.csv"
    rows = [f"{GROUP},{CUSTOMER},{tomorrow},", f"{GROUP},{CUSTOMER},{long_ago},{long_ago + timedelta(days=1)}"]
    members.write_text("\n".join(["group,customer,start,end", *rows]) + "\n", encoding="utf-8")
    told = command("groups", "load", "--file", str(members), "--data-dir", str(data_dir))
    assert told == {"memberships": 2, "unknown": []}
    assert GROUP not in groups_of(demo, keys, CUSTOMER)
    shown = [each for each in view(demo, keys, CUSTOMER)["groups"] if each["group"] == GROUP]
    assert len(shown) >= len(rows)


def test_by_rule_it_holds_whom_the_need_holds_of(demo: Running, keys: dict[str, str], data_dir: Path) -> None:
    told = command("groups", "infer", "staff", "--need", "saving_for_deposit", "--data-dir", str(data_dir))
    assert told["joined"] > 0
    again = command("groups", "infer", "staff", "--need", "saving_for_deposit", "--data-dir", str(data_dir))
    assert (again["joined"], again["left"]) == (0, 0)
    members = [
        customer
        for customer in (f"C{number:07d}" for number in range(1, 301))
        if any(each.get("by") == "needs.saving_for_deposit" for each in view(demo, keys, customer)["groups"])
    ]
    assert len(members) == told["joined"]
    assert all("staff" in groups_of(demo, keys, member) for member in members)


def test_a_teller_may_put_nobody_into_a_group(demo: Running, keys: dict[str, str]) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(demo.url, MEMBERS, {"customer": CUSTOMER}, keys["teller"])
    with refused.value:
        assert refused.value.code == 403
