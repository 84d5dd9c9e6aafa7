"""What a part of a rule file looks like in a cell, and what a cell's text says: plain words, few brackets."""

import re
from decimal import Decimal
from enum import StrEnum
from typing import Final

from api.sheets.yaml_nodes import ANY_STYLE, QUOTED, Map, Node, Scalar, Seq, flow, flow_entry, read_value
from engine.compiler.parse import ParseError, read_number

LONGEST: Final = 32_000
"""A cell takes 32,767 characters."""
TOO_LONG: Final = "(too long for a cell: edit it in the rule file)"
_DECORATION: Final = re.compile(r"[\s,]+\Z")


class Form(StrEnum):
    """How a cell is written."""

    TEXT = "text"
    """Free text."""
    WORD = "word"
    """A name, a choice, a duration or a date."""
    NUMBER = "number"
    """A number, or what the language allows in its place."""
    CELL = "cell"
    """A condition in the rule language."""
    LIST = "list"
    """Words between commas, no brackets around them."""
    WORDS = "words"
    """As a list, of which a single word stands alone in the rule file."""
    PAIRS = "pairs"
    """`key: value`, a line each."""
    LINES = "lines"
    """A list of mappings, a line each, no braces around them."""


class CellProblem(Exception):
    """A cell's text cannot be read; says why."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


def show(form: Form, node: Node | None) -> str:
    """The text of a cell, empty where nothing stands."""
    if node is None:
        return ""
    shown = _show(form, node)
    return shown if len(shown) <= LONGEST else TOO_LONG


def _show(form: Form, node: Node) -> str:
    if isinstance(node, Scalar):
        if node.is_null:
            return ""
        spelt = form in (Form.LIST, Form.WORDS, Form.PAIRS, Form.LINES) and (node.is_quoted and not node.is_word)
        return flow(node) if spelt else node.text
    match form, node:
        case ((Form.LIST | Form.WORDS), Seq(items=items)) if items and all(isinstance(item, Scalar) for item in items):
            inner = ", ".join(map(flow, items))
            return inner if inner[0] not in "[{" else flow(node)
        case Form.PAIRS, Map(entries=entries) if entries:
            return "\n".join(map(flow_entry, entries))
        case Form.LINES, Seq(items=items) if items and all(isinstance(item, Map) and item.entries for item in items):
            return "\n".join(flow(item)[1:-1] for item in items)
        case _:
            return flow(node)


def read(form: Form, text: str, *, quoted: bool = False) -> Node:
    """What a cell's text says; `quoted` makes a new text stand in quotes.

    Raises:
        CellProblem: it cannot be read.
    """
    if text == TOO_LONG:
        raise CellProblem("this part is too long for a cell", "edit it in the rule file")
    if len(text) > LONGEST:
        raise CellProblem(f"the text has more than {LONGEST:,} characters")
    stripped = text.strip()
    bracketed = (stripped[0], stripped[-1]) in (("[", "]"), ("{", "}")) if stripped else False
    match form:
        case Form.TEXT:
            return Scalar(text, QUOTED if quoted else ANY_STYLE)
        case Form.WORD | Form.CELL | Form.NUMBER:
            if bracketed:
                return _value(stripped)
            if form is Form.NUMBER and read_number(stripped) is not None:
                return Scalar(stripped, "", stripped)
            return Scalar(stripped)
        case Form.LIST | Form.WORDS:
            if bracketed or stripped.startswith("- "):
                return _value(stripped)
            words = _joined(stripped, "[", "]", "write words with commas between them")
            alone = form is Form.WORDS and isinstance(words, Seq) and len(words.items) == 1
            return words.items[0] if alone and isinstance(words, Seq) else words
        case Form.PAIRS:
            if bracketed:
                return _value(stripped)
            return _joined(stripped, "{", "}", "write `key: value`, a line each")
        case Form.LINES:
            if bracketed or stripped.startswith("- "):
                return _value(stripped)
            return _lines(stripped)


def _lines(text: str) -> Node:
    items: list[Node] = []
    for line in text.split("\n"):
        bare = _DECORATION.sub("", line).strip()
        if bare:
            items.append(_value(bare if bare.startswith("{") else f"{{{bare}}}", "write `key: value, key: value`"))
    return Seq(tuple(items), flow=len(items) < 2)


def _joined(text: str, opening: str, closing: str, hint: str) -> Node:
    lines = (_DECORATION.sub("", line).strip() for line in text.split("\n"))
    return _value(f"{opening}{', '.join(line for line in lines if line)}{closing}", hint)


def _value(text: str, hint: str = "") -> Node:
    try:
        return read_value(text)
    except ParseError as error:
        problem = error.diagnostics[0]
        raise CellProblem(problem.message, problem.hint or hint) from error


# --- comparing -------------------------------------------------------------------------------------------------------


def canonical(form: Form, text: str) -> str:
    """A cell's text as it is shown after it has been written to a file and read back."""
    return show(form, read(form, text)) if text.strip() else ""


def same(form: Form, one: str, other: str) -> bool:
    """Whether two cells say the same: numbers count by value, since spreadsheets do not keep how they are written."""
    if one == other:
        return True
    left, right = read_number(one.strip()), read_number(other.strip())
    return form is not Form.TEXT and left is not None and left == right


def written_number(text: str, like: str) -> str:
    """A number as its predecessor was written: as many decimals, digits grouped or not."""
    number, old = read_number(text), read_number(like)
    if number is None or old is None:
        return text
    decimals = max(_decimals(old), _decimals(number.normalize()))
    grouped = "_" in like or ("_" not in like and abs(old) < 1_000 <= abs(number) and abs(number) >= 10_000)
    plain = f"{number:,.{decimals}f}" if grouped else f"{number:.{decimals}f}"
    return plain.replace(",", "_")


def _decimals(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
