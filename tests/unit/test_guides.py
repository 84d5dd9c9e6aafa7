"""Guides tell of what is there: every address of the API, every code of a warning, and links that lead somewhere."""

import json
import re

import pytest

from engine.errors import Code
from tests.unit.api.shells import ROOT

GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
CONTRACT = ROOT / "tests" / "golden" / "openapi.json"


def test_every_address_of_the_contract_stands_in_its_guide() -> None:
    """With whatever it is asked by."""
    guide = (ROOT / "docs" / "guides" / "http-api.md").read_text(encoding="utf-8")
    assert [path for path in json.loads(CONTRACT.read_text(encoding="utf-8"))["paths"] if path not in guide] == []


def test_bodies_in_the_guide_of_the_api_are_json() -> None:
    """Whoever copies one sends something that can be read."""
    guide = (ROOT / "docs" / "guides" / "http-api.md").read_text(encoding="utf-8")
    bodies = [*re.findall(r"-d '(.*?)'", guide, re.DOTALL), *re.findall(r"```json\n(.*?)```", guide, re.DOTALL)]
    assert len(bodies) > 6
    for body in bodies:
        json.loads(body)


@pytest.mark.parametrize(
    "code",
    [Code.WITHOUT_EFFECT, Code.TEXT_TOO_LONG, Code.FIGURE_WITHOUT_TERMS, Code.MISNAMED_FILE, Code.INCOMPLETE_VALUES],
)
def test_codes_that_can_be_accepted_are_explained(code: Code) -> None:
    """Where the marketer looks."""
    assert f"`{code}`" in (ROOT / "docs" / "guides" / "marketer.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("guide", GUIDES, ids=[each.name for each in GUIDES])
def test_guides_that_a_guide_names_are_there(guide: object) -> None:
    """A file beside it, or a path from the root."""
    text = (ROOT / "docs" / "guides" / str(guide).rpartition("/")[2]).read_text(encoding="utf-8")
    beside = {each.name for each in GUIDES}
    assert [name for name in re.findall(r"`([a-z-]+\.md)`", text) if name not in beside] == []
