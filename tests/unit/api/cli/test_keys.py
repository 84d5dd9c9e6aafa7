"""`nextbest keys` and `nextbest audit looks` on the command line."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.access.looks import FOLDER, LookLog, looks_key
from api.cli import app
from api.security import read_or_mint_secrets


def nextbest(folder: Path, *words: str) -> tuple[int, str]:
    """The exit code of a command, and what it printed."""
    result = CliRunner().invoke(app, [*words, "--data-dir", str(folder)], catch_exceptions=False)
    return result.exit_code, result.output


def test_key_is_printed_once_and_listed_without_itself(tmp_path: Path) -> None:
    scope = ("--channel", "atm", "--placement", "idle_screen", "--scheme", "card_token", "--expires", "90d")
    code, printed = nextbest(tmp_path, "keys", "add", "atm-north", *scope)
    key = printed.strip().splitlines()[-1]
    assert (code, key[:4]) == (0, "nbk_")
    _, listed = nextbest(tmp_path, "keys", "list")
    assert "atm-north" in listed
    assert "channel atm; placement idle_screen; scheme card_token, until" in listed
    _, as_json = nextbest(tmp_path, "keys", "list", "--json")
    assert key not in listed + as_json
    assert "digest" not in as_json
    assert json.loads(as_json)["keys"][0]["good"] is True


def test_nobody_has_a_key_at_first(tmp_path: Path) -> None:
    assert "every caller is refused" in nextbest(tmp_path, "keys", "list")[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "Big"), "is no name"),
        (("add", "atm", "--expires", "soon"), "is no length of time"),
        (("add", "atm", "--role", "boss"), "Invalid value"),
        (("rotate", "gone"), "no good key is named"),
        (("revoke", "gone"), "no key is named"),
    ],
)
def test_mistake_is_a_sentence(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    code, printed = nextbest(tmp_path, "keys", *words)
    assert code == 2
    assert said in printed


def test_looks_are_told_and_a_touched_file_is_a_finding(tmp_path: Path) -> None:
    key = looks_key(read_or_mint_secrets(tmp_path / "secrets.json").token)

    async def look() -> None:
        log = LookLog(tmp_path / FOLDER, key)
        async with log.writing():
            await log.note("person:ada", "C1", "GET /v1/customers/{id}", "complaint")

    asyncio.run(look())
    code, printed = nextbest(tmp_path, "audit", "looks", "--customer", "C1")
    assert (code, "person:ada" in printed, "(complaint)" in printed) == (0, True, True)
    assert nextbest(tmp_path, "audit", "looks", "--customer", "C2") == (0, "nobody looked\n")
    (file,) = (tmp_path / FOLDER).glob("day=*/*.jsonl")
    file.write_text(file.read_text().replace("person:ada", "person:bob"))
    code, printed = nextbest(tmp_path, "audit", "looks")
    assert code == 1
    assert "changed, or something before it is missing" in printed
