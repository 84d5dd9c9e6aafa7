"""POST /v1/explanations with a decision's id: from the store's record, else from the archive, else a plain problem."""

import pytest

from api.decision_log import DecisionIds
from api.decision_record import place_of
from api.ports import PARTITIONS
from api.problems import TYPE_PREFIX
from tests.unit.api.shells import running


@pytest.mark.parametrize(
    ("decision_id", "status", "told"),
    [
        ("known", 200, {"replayed": "known"}),
        ("archived", 200, {"archived": "archived"}),
        ("gone", 404, f"{TYPE_PREFIX}unknown_decision"),
        ("unreadable", 409, f"{TYPE_PREFIX}other_bundle"),
    ],
)
async def test_past_decision_is_told_from_where_it_is_kept(decision_id: str, status: int, told: object) -> None:
    async with running() as house:
        answer = await house.client.post("/v1/explanations", json={"decision_id": decision_id})
    body = answer.json()
    assert (answer.status_code, body if status == 200 else body["type"]) == (status, told)


def test_id_tells_partition_and_instant() -> None:
    assert place_of(DecisionIds().mint(PARTITIONS - 1, 1_790_000_000_123)) == (PARTITIONS - 1, 1_790_000_000_123)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "06a1c16e892e8",
        "-6a01c16e892e80f8819",
        " 6a01c16e892e80",
        "0_a01c16e892e80",
        "0x501c16e892e80",
        "400" + "0" * 21,
    ],
)
def test_what_no_installation_minted_is_no_id(text: str) -> None:
    """Too short, signed, spaced, prefixed, or of a partition that does not exist."""
    assert place_of(text) is None
