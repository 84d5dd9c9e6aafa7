"""The corpus of bad requests: each is refused with a stable type that names the place, and none of them breaks us."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from api.problems import KINDS, MEDIA_TYPE, TYPE_PREFIX, ProblemType
from api.tokens import TokenCodec
from tests.unit.api.shells import KEYS, ROOT, an_offer, running

CASES = json.loads((ROOT / "tests" / "golden" / "bad_requests.json").read_text(encoding="utf-8"))
ASK = {
    "identity": {"scheme": "card_token", "value": "tok_9f2"},
    "channel": "atm",
    "moment": "card_inserted",
    "placements": [{"id": "idle_screen", "item_count": 1}],
    "context": {"cash_requested": 200, "locale": "en-GB"},
}
GOOD: Mapping[str, Mapping[str, object]] = {
    "/v1/decisions": ASK,
    "/v1/explanations": ASK,
    "/v1/outcomes": {
        "outcome_id": "o1",
        "tracking_token": TokenCodec(KEYS).mint(an_offer()),
        "outcome": "decline",
        "occurred_at": "2026-11-21T10:00:00Z",
    },
    "/v1/events": {
        "specversion": "1.0",
        "id": "e1",
        "source": "core_banking",
        "type": "mortgage_application",
        "subject": "customer_id:C0000001",
        "data": {"amount": 240_000},
    },
    "/v1/customers/C0000001/consent": {"version": 3, "purposes": {"marketing": {"atm": True}}},
    "/v1/callbacks": {
        "callback_id": "b1",
        "identity": {"scheme": "customer_id", "value": "C0000001"},
        "channel": "web",
    },
}


def body_of(case: Mapping[str, Any]) -> bytes:
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    if "text" in case:
        text: str = case["text"] + case.get("pad", "") * case.get("times", 0)
        return text.encode()
    kept = {name: value for name, value in GOOD.get(case["path"], ASK).items() if name not in case.get("without", ())}
    return json.dumps(kept | case.get("change", {})).encode()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
async def test_bad_request_is_refused_by_type_and_place(case: dict[str, Any]) -> None:
    """The caller learns what is wrong and where; the service is never asked."""
    content_type = case.get("content_type", "application/json")
    headers = {} if content_type is None else {"content-type": content_type}
    async with running() as house:
        answer = await house.client.request(
            case.get("method", "POST"), case["path"], content=body_of(case), headers=headers
        )
        assert house.service.decided == []
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (case["status"], TYPE_PREFIX + case["type"])
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert problem["status"] == answer.status_code
    assert ("allow" in answer.headers) == (answer.status_code == 405)
    if "pointer" in case:
        assert case["pointer"] in [error["pointer"] for error in problem["errors"]]


@pytest.mark.parametrize("path", GOOD)
async def test_the_same_requests_without_their_faults_are_taken(path: str) -> None:
    """The corpus proves something only because each base request is good."""
    method = "PUT" if path.endswith("consent") else "POST"
    async with running() as house:
        answer = await house.client.request(method, path, json=GOOD[path])
    assert answer.status_code in {200, 202}, answer.text


def test_corpus_reaches_every_fault_of_a_caller() -> None:
    """A problem type without a bad request that shows it would be a promise nobody checked."""
    shown = {case["type"] for case in CASES}
    only_from_the_store = {
        ProblemType.REQUEST_ID_REUSED,
        ProblemType.OTHER_BUNDLE,
        ProblemType.CONSENT_VERSION,
        ProblemType.UNKNOWN_CUSTOMER,
        ProblemType.EXPIRED_TRACKING_TOKEN,
        ProblemType.INVALID_REQUEST,
        ProblemType.ORDER_CLOSED,
        ProblemType.APPOINTMENT_TAKEN,
        ProblemType.MERGE_REFUSED,
        ProblemType.UNKNOWN_CUSTOMER_GROUP,
    }
    of_whom_calls = {ProblemType.UNAUTHENTICATED, ProblemType.FORBIDDEN, ProblemType.RATE_LIMITED}
    caller = {kind for kind in ProblemType if KINDS[kind].status < 500}
    assert caller - shown == only_from_the_store | of_whom_calls
