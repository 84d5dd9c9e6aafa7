"""The tutorial does what it says: its files are written, its commands are run, and what they print is compared."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from api.cli import app

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "guides" / "first-theme.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (rules/\S+\.yaml)(?: \((.+)\))?")


class _Block(NamedTuple):
    """A block of the page: a file to write, or a command with what it prints."""

    kind: str
    text: str


def _blocks() -> Iterator[_Block]:
    for found in _BLOCK.finditer(TUTORIAL.read_text(encoding="utf-8")):
        yield _Block(found[1], found[2])


def _write(folder: Path, text: str) -> None:
    first, _, content = text.partition("\n")
    named = _FILE.fullmatch(first)
    assert named is not None, first
    file = folder / named[1]
    match named[2]:
        case None:
            file.write_text(text, encoding="utf-8")
        case "at the end":
            file.write_text(file.read_text(encoding="utf-8") + content, encoding="utf-8")
        case "in place of the last line":
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            file.write_text("".join(lines[:-1]) + content, encoding="utf-8")
        case other:
            pytest.fail(f"the page does not say what becomes of {named[1]}: {other}")


def _prints(text: str) -> None:
    """Run a command; `...` in what the page shows stands for anything."""
    command, _, shown = text.partition("\n")
    words = shlex.split(command.removeprefix("$ "))
    assert words[0] == "nextbest"
    printed = CliRunner().invoke(app, words[1:]).stdout
    pattern = re.escape(shown.rstrip("\n")).replace(r"\.\.\.", "(?s:.*)")
    assert re.fullmatch(pattern, printed.rstrip("\n")), printed


def test_whoever_follows_the_page_sees_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    monkeypatch.chdir(tmp_path)
    kinds = []
    for block in _blocks():
        kinds.append(block.kind)
        match block.kind:
            case "yaml":
                _write(tmp_path, block.text)
            case "console":
                _prints(block.text)
    assert kinds.count("yaml") == 4
    assert kinds.count("console") == 5


def test_commands_that_need_a_running_bank_exist() -> None:
    shown = [block.text.split()[2] for block in _blocks() if block.kind == "text"]
    assert shown == ["explain", "why-never"]
    for command in shown:
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_links_of_the_page_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", TUTORIAL.read_text(encoding="utf-8")):
        assert (TUTORIAL.parent / link).exists(), link
