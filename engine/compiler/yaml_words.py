"""What is wrong with the YAML of a file, in the words of somebody who does not know the grammar."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Place = tuple[int, int]
"""Line and column, both from 0, as the parser counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What the parser says: what it was doing and since where, what it met and where."""

    context: str
    began: Place | None
    problem: str
    at: Place


@dataclass(frozen=True, slots=True)
class Told:
    """What people are told instead."""

    at: Place
    message: str
    hint: str = ""


_SIGNS: Final = frozenset(">|!&*%@`")
_SCANNED: Final = ("scanning a block scalar", "scanning a tag", "scanning an alias", "scanning an anchor")
_INDENTED: Final = "keys of one block start in the same column, further right than the key they belong to"
_BRACKETS: Final = re.compile(r"""[\[\]{}]|"(?:[^"\\]|\\.)*"|'[^']*'|(?:^|(?<=\s))#.*""")
_CLOSED: Final = re.compile(r"""(?:(?<=[:,-] )|(?<=[\[{]))(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')""")
_OPENED: Final = re.compile(r"""(?:(?<=[:,-] )|(?<=[\[{]))(["'])""")
LINES_BACK: Final = 100
"""So far above somebody still sees what belongs together."""
_AFTER_QUOTE: Final = re.compile(r"[\"']\s*$")


def sign_at(complaint: Complaint, lines: Sequence[str]) -> Place | None:
    """Where a sign stands that starts a value and cannot, None where the complaint is about something else."""
    place = complaint.began if any(each in complaint.context for each in _SCANNED) else None
    if "cannot start any token" in complaint.problem:
        place = complaint.at
    if place is None or _character(lines, place) not in _SIGNS or place[1] == 0:
        return None
    return place


def told(complaint: Complaint, lines: Sequence[str]) -> Told:
    """The complaint in plain words, with a hint."""
    both = f"{complaint.context}: {complaint.problem}"
    at, began = complaint.at, complaint.began or complaint.at
    if _indented_by_tab(lines, at) or _character(lines, at) == "\t":
        return Told((at[0], _first_tab(lines, at)), "a tab cannot indent", "use spaces")
    if "quoted scalar" in both and "escape" in both:
        return Told(
            at, "`\\` starts an escape in double quotes, and this is none", "write `\\\\`, or use single quotes"
        )
    if "quoted scalar" in both:
        return quote_never_closed(began)
    if (opened := _quote_open_above(at, lines)) is not None:
        return quote_never_closed(opened)
    if "mapping values are not allowed" in both:
        return _colon(at, lines)
    if "sequence entries are not allowed" in both:
        return Told(at, "a list cannot start here", "start it in a line of its own, below its key, or write `[a, b]`")
    if "flow mapping" in both or "flow sequence" in both:
        return bracket_never_closed(began, lines)
    if at[0] >= len(lines) - 1 and not _character(lines, at) and (open_at := unclosed(lines)) is not None:
        return bracket_never_closed(open_at, lines)
    if "<block end>" in both or "block sequence" in both or "node content" in both:
        return _stray(at, lines)
    if "<document start>" in both:
        return Told(at, "this line is indented less than the first one", _INDENTED)
    if "could not find expected ':'" in both:
        return Told(began, "this line is no `key: value`", "write a colon and a space after the key")
    if "directive" in both:
        return Told(began, "`%` cannot start a line", "put quotes around the text")
    return Told(at, "this is not YAML that a rule file can use", "compare it with a rule file that works")


def _colon(at: Place, lines: Sequence[str]) -> Told:
    before = lines[at[0]][: at[1]] if at[0] < len(lines) else ""
    if ":" in before or before.lstrip().startswith(("- ", "--- ")):
        return Told(at, "`: ` cannot stand inside a value", "put quotes around the text")
    start = len(before) - len(before.lstrip())
    return Told((at[0], start), "this key is indented as if it went on with the text above", _INDENTED)


def _quote_open_above(at: Place, lines: Sequence[str]) -> Place | None:
    """Where a quote opens in a line above that the quote before this place closes, though it was to open a text."""
    before = _AFTER_QUOTE.search(lines[at[0]][: at[1]]) if at[0] < len(lines) else None
    if before is None:
        return None
    quote, first = before[0].strip(), max(0, at[0] - LINES_BACK)
    if lines[at[0]][: before.start()].count(quote):
        return None
    number = next((each for each in range(at[0] - 1, first - 1, -1) if quote in lines[each]), None)
    if number is None:
        return None
    rest = _CLOSED.sub(lambda match: " " * len(match[0]), lines[number])
    opened = _OPENED.search(rest)
    return (number, opened.start(1)) if opened is not None and opened[1] == quote else None


def quote_never_closed(began: Place) -> Told:
    """What is said of a quote that opens there."""
    return Told(began, "this quote is never closed", "close it in the same line")


def bracket_never_closed(began: Place, lines: Sequence[str]) -> Told:
    """What is said of a bracket that opens there."""
    sign = _character(lines, began)
    return Told(began, f"this `{sign}` is never closed, or a comma is missing in it")


def unclosed(lines: Sequence[str]) -> Place | None:
    """The last bracket that is still open at the end, outside of quotes and remarks; None where there is none."""
    opened: list[Place] = []
    for number, line in enumerate(lines):
        for match in _BRACKETS.finditer(line):
            if match[0] in "[{":
                opened.append((number, match.start()))
            elif match[0] in "]}" and opened:
                opened.pop()
    return opened[-1] if opened else None


def _stray(at: Place, lines: Sequence[str]) -> Told:
    character = _character(lines, at)
    if character in ("]", "}"):
        return Told(at, f"this `{character}` closes nothing", "remove it, or open it earlier")
    if character == ",":
        return Told(at, "a comma cannot start a value", "put quotes around the text")
    before = lines[at[0]][: at[1]] if at[0] < len(lines) else ""
    if _AFTER_QUOTE.search(before):
        return Told(
            at, "text follows the closing quote", "put the whole value in quotes, of the other kind if it has some"
        )
    if character == "-":
        return Told(at, "a list item cannot stand here", "all items of a list start in the same column")
    return Told(at, "the indentation of this line fits no line above", _INDENTED)


def _indented_by_tab(lines: Sequence[str], at: Place) -> bool:
    line = lines[at[0]] if at[0] < len(lines) else ""
    return "\t" in line[: len(line) - len(line.lstrip())]


def _first_tab(lines: Sequence[str], at: Place) -> int:
    line = lines[at[0]]
    found = line.find("\t")
    return at[1] if found < 0 or line[at[1] : at[1] + 1] == "\t" else found


def _character(lines: Sequence[str], at: Place) -> str:
    line = lines[at[0]] if at[0] < len(lines) else ""
    return line[at[1]] if at[1] < len(line) else ""
