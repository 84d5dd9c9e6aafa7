"""The OpenAPI document: the whole wire contract, kept as a golden file."""

import json
from collections.abc import Iterator

from api.main import create_app
from api.settings import Settings
from tests.unit.api.shells import ROOT, running

GOLDEN = ROOT / "tests" / "golden" / "openapi.json"


def test_contract_is_the_golden_one(update_golden: bool) -> None:
    """A change of the wire is seen in review; `--update-golden` writes it."""
    document = create_app(Settings()).openapi()
    document["info"]["version"] = "golden"
    said = json.dumps(document, indent=1, sort_keys=True) + "\n"
    if update_golden:
        GOLDEN.write_text(said, encoding="utf-8")
    assert said == GOLDEN.read_text(encoding="utf-8")


def test_every_reference_leads_somewhere() -> None:
    """The parts come from FastAPI, pydantic and msgspec; they have to fit."""
    document = create_app(Settings()).openapi()
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert document["openapi"].startswith("3.1")
    assert set(references(document)) <= known
    assert known - set(references(document)) == set()


async def test_document_is_served() -> None:
    """At the address where tools look for it."""
    async with running() as house:
        answer = await house.client.get("/openapi.json")
    assert set(answer.json()["paths"]) == {
        "/v1/decisions",
        "/v1/explanations",
        "/v1/outcomes",
        "/v1/events",
        "/v1/customers/{id}",
        "/v1/customers/{id}/consent",
        "/v1/customers/{id}/merges",
        "/v1/customers/{id}/separation",
        "/v1/customers/{id}/relations",
        "/v1/groups/{group}/members",
        "/v1/groups/{group}/members/{id}",
        "/v1/callbacks",
        "/v1/appointments",
        "/v1/orders",
        "/v1/orders/status",
        "/livez",
        "/readyz",
        "/metrics",
    }


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)
