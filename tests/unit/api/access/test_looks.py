"""Looks at customers: noted before anything is shown, found again, and no line is changed without being seen."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from api.access.looks import LookLog, LooksUnwritable, looks_key, read_looks
from tests.unit.api.shells import KEYS, running

KEY = looks_key(KEYS.token)
QUESTION = {
    "identity": {"scheme": "customer_id", "value": "C0000007"},
    "channel": "branch",
    "placements": [{"id": "card"}],
}


async def noted(folder: Path, *customers: str) -> Path:
    """The only file, with a look at each customer."""
    log = LookLog(folder, KEY)
    async with log.writing():
        await asyncio.gather(*(log.note("person:tess", each, "GET /v1/customers/{id}") for each in customers))
    (file,) = files(folder)
    return file


def files(folder: Path) -> list[Path]:
    return list(folder.glob("day=*/*.jsonl"))


async def test_look_is_found_by_customer_and_by_caller(tmp_path: Path) -> None:
    await noted(tmp_path, "C1", "C2", "C1")
    assert [look["by"] for look in read_looks(tmp_path, KEY, customer="C1").found] == ["person:tess"] * 2
    assert len(read_looks(tmp_path, KEY, by="person:tess").found) == 3
    assert read_looks(tmp_path, KEY, by="key:other").found == []
    assert read_looks(tmp_path, KEY).broken == []


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda text: text.replace('"C2"', '"C9"'), 2),
        (lambda text: "".join(text.splitlines(keepends=True)[::2]), 2),
        (lambda text: "".join(text.splitlines(keepends=True)[1:]), 1),
        (lambda text: text + text.splitlines(keepends=True)[0], 4),
        (lambda text: text[:-20], 3),
    ],
    ids=["changed", "left out", "beginning gone", "put in", "cut off"],
)
async def test_touched_file_shows_where(tmp_path: Path, damage: Callable[[str], str], line: int) -> None:
    file = await noted(tmp_path, "C1", "C2", "C3")
    file.write_text(damage(file.read_text()))
    (broken,) = read_looks(tmp_path, KEY).broken
    assert f"{file}:{line}:" in broken


async def test_file_of_one_process_is_no_file_of_another(tmp_path: Path) -> None:
    file = await noted(tmp_path, "C1")
    file.rename(file.with_name("other.jsonl"))
    assert len(read_looks(tmp_path, KEY).broken) == 1


async def test_other_processes_and_days_have_files_of_their_own(tmp_path: Path) -> None:
    await noted(tmp_path, "C1")
    log = LookLog(tmp_path, KEY)
    async with log.writing():
        await log.note("key:any", "C1", "POST /v1/decisions")
    assert len(files(tmp_path)) == 2
    assert len(read_looks(tmp_path, KEY, customer="C1").found) == 2


async def test_nothing_is_shown_where_the_look_cannot_be_noted(tmp_path: Path) -> None:
    """The folder is a file: every write fails."""
    folder = tmp_path / "looks"
    folder.write_text("")
    log = LookLog(folder, KEY)
    async with log.writing():
        with pytest.raises(LooksUnwritable):
            await log.note("person:tess", "C1", "GET")
        with pytest.raises(LooksUnwritable):
            log.note("person:tess", "C1", "GET")
        folder.unlink()
    assert [look["customer"] for look in read_looks(folder, KEY).found] == ["C1"]


async def test_every_route_that_shows_a_customer_notes_it() -> None:
    async with running() as house:
        await house.client.get("/v1/customers/C0000001", headers={"x-purpose": "complaint 17"})
        await house.client.post("/v1/explanations", json=QUESTION)
        await house.client.post("/v1/explanations", json={"decision_id": "known"})
        await house.client.post("/v1/decisions", json=QUESTION)
        await house.client.get("/v1/customers/C0000001/merges")
        noted = read_looks(house.looks, KEY).found
    assert [(look["customer"], look["what"]) for look in noted] == [
        ("C0000001", "GET /v1/customers/{id}"),
        ("C0000007", "POST /v1/explanations"),
        ("decision:known", "POST /v1/explanations"),
        ("C0000007", "POST /v1/decisions"),
        ("C0000001", "GET /v1/customers/{id}/merges"),
    ]
    assert noted[0]["purpose"] == "complaint 17"


async def test_machine_that_asks_for_a_decision_looks_at_nobody() -> None:
    async with running() as house:
        await house.client.post("/v1/decisions", json=QUESTION, headers={"authorization": "Bearer nbk_touchpoint"})
        assert read_looks(house.looks, KEY).found == []


async def test_reasons_are_for_tellers_and_agents_alone() -> None:
    async with running() as house:
        for key, sees in (("nbk_touchpoint", False), ("nbk_teller", True), ("nbk_agent", True)):
            await house.client.post("/v1/decisions", json=QUESTION, headers={"authorization": f"Bearer {key}"})
            assert house.service.saw_reasons[-1] is sees


async def test_line_of_a_look_is_json_that_any_tool_reads(tmp_path: Path) -> None:
    file = await noted(tmp_path, "Zoë")
    look = json.loads(file.read_text(encoding="utf-8"))
    assert (look["customer"], set(look)) == ("Zoë", {"at", "by", "customer", "what", "chain"})


@pytest.mark.parametrize(("waits", "synced"), [(True, True), (False, False)])
async def test_look_that_somebody_waits_for_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: bool, synced: bool
) -> None:
    """When the waiting ends, the disk has been told to keep what the file has by then."""
    kept: list[tuple[int, int]] = []
    log = LookLog(tmp_path, KEY)
    async with log.writing():
        await log.note("person:tess", "C0", "GET /teller", waits=False)
        (file,) = files(tmp_path)
        status = file.stat().st_ino

        def note_sync(held: int) -> None:
            kept.append((os.fstat(held).st_ino, os.fstat(held).st_size))

        monkeypatch.setattr(os, "fsync", note_sync)
        await log.note("person:tess", "C1", "GET /teller/customers/{customer}", waits=waits)
        assert kept == ([(status, file.stat().st_size)] if synced else [])
