"""What is told of files that change."""

import asyncio
from pathlib import Path

from api.reloading.watching import changes


async def test_beginning_and_every_change_are_told_apart(tmp_path: Path) -> None:
    """Whoever hears False looks for himself."""
    rules = tmp_path / "rules"
    rules.mkdir()
    told = changes(rules, tmp_path / "current")
    async with asyncio.timeout(30):
        assert await anext(told) is False
        (rules / "bank.yaml").write_text("bank: one\n")
        assert await anext(told) is True
        (tmp_path / "current").write_text("model")
        assert await anext(told) is True
    await told.aclose()  # type: ignore[attr-defined]  # it is a generator


async def test_folder_that_comes_later_is_watched(tmp_path: Path) -> None:
    """From the moment at which it is there."""
    rules = tmp_path / "rules"
    told = changes(rules, tmp_path / "current")
    async with asyncio.timeout(30):
        first = asyncio.ensure_future(anext(told))
        await asyncio.sleep(0)
        rules.mkdir()
        assert await first is True
    await told.aclose()  # type: ignore[attr-defined]  # it is a generator
