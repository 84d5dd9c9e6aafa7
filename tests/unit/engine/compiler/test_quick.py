"""The quick reader and the parser read the same, to the column; what the quick reader does not know it leaves alone."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compiler.nodes import MAX_NODES
from engine.compiler.quick import TooManyNodes, read_quickly
from engine.compiler.yaml_parser import read_with_parser
from tests.golden.engine.wrong_rules import read_corpus

ROOT = Path(__file__).parents[4]
RULES = [path.read_text() for path in sorted((ROOT / "rules").rglob("*.yaml"))]
WRONG = [text for case in read_corpus() for text in case.files.values()]
PIECES = (
    *(
        "\n",
        " ",
        "\n  ",
        ": ",
        ":",
        "- ",
        "\n- ",
        "#",
        " # x",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "'",
        '"',
        "|",
        ">",
        "&a ",
        "*a",
    ),
    *("!", "? ", "%", "~", "a", "a: b", "[a, b]", "{a: b}", "\n---\n", "''", "\\", "..", "-5d", "é", "@", "<<: ", "\t"),
)


def agree(text: str) -> bool:
    """Whether the quick reader leaves a text alone, or reads what the parser reads without a fault."""
    quickly = read_quickly("x.yaml", text)
    return quickly is None or (quickly, ()) == read_with_parser("x.yaml", text)


def test_rule_files_are_read_quickly() -> None:
    """All of the starter rules; otherwise the reader would not be worth its lines."""
    assert [text for text in RULES if read_quickly("x.yaml", text) is None] == []


@pytest.mark.parametrize("texts", [RULES, WRONG], ids=["rules", "wrong"])
def test_both_read_the_same(texts: list[str]) -> None:
    """Right and wrong files alike."""
    assert [text for text in texts if not agree(text)] == []


def test_too_many_nodes_are_refused_where_the_parser_refuses_them() -> None:
    """It is found in a tenth of the time."""
    for line in ("k{}: 1\n", "k{}: [a, {{b: c}}]\n", "k{}:\n  - x: 'y'\n  - z\n"):
        text = "".join(line.format(number) for number in range(MAX_NODES))
        with pytest.raises(TooManyNodes) as refused:
            read_quickly("x.yaml", text)
        _, (fault,) = read_with_parser("x.yaml", text)
        assert refused.value.span == fault.span


@given(st.sampled_from(RULES + WRONG), st.data())
def test_both_read_the_same_of_files_with_something_in_them(text: str, data: st.DataObject) -> None:
    """Wherever something is put in."""
    lines = text.split("\n")[:30]
    at = data.draw(st.integers(0, len(lines) - 1))
    part = "\n".join(lines[at : at + 6])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(part)))
        part = part[:place] + data.draw(st.sampled_from(PIECES)) + part[place:]
    assert agree(part)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# a remark",
        "- a",
        "a",
        "a:",
        "a: b: c",
        "a: b\n  c",
        "a: 'it''s'",
        'a: "b\\n"',
        "a: |\n  b",
        "a: &b c",
        "a: !b c",
        "a: *b",
        "a: [b: c]",
        "a: {b}",
        "a: [b\nc]",
        "a: b\n---\nc: d",
        "%YAML 1.2\n---\na: b",
        "a: b\na: c",
        "a:\tb",
        "  a: b\nc: d",
        "a: [b]]",
        "a: [b] c",
        "a: > 5",
    ],
)
def test_everything_else_is_left_to_the_parser(text: str) -> None:
    """Wrong, or right in a way that rule files hardly use."""
    assert read_quickly("x.yaml", text) is None
