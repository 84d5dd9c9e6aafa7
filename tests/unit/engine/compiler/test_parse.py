"""The YAML that rule files may use, read as it was written; everything else is refused with its place."""

from decimal import Decimal

import pytest

from engine.compiler.parse import MAX_BYTES, Mapping, ParseError, Scalar, Sequence, parse, read_number
from engine.errors import Span


def refusal(content: str | bytes) -> str:
    """What is said of a file that cannot be read."""
    with pytest.raises(ParseError) as refused:
        parse("rules/x.yaml", content.encode() if isinstance(content, str) else content)
    return str(refused.value)


def test_values_stay_as_they_are_written() -> None:
    """Nothing is guessed or rounded; quotes tell text from what could be something else."""
    root = parse("x.yaml", b'a: 0.10\nb: NO\nc: "true"\nd: true\ne: 010\nf:\n')
    values = {entry.key.text: entry.value for entry in root.entries}
    assert all(isinstance(value, Scalar) for value in values.values())
    a, b, c, d, e, f = (value for value in values.values() if isinstance(value, Scalar))
    assert (a.text, a.number) == ("0.10", Decimal("0.10"))
    assert (b.text, b.truth) == ("NO", None)
    assert (c.truth, d.truth) == (None, True)
    assert (e.text, e.number) == ("010", Decimal(10))
    assert f.is_null


def test_nodes_remember_where_they_stand() -> None:
    """Line and column count from 1."""
    root = parse("x.yaml", b"a:\n  - b\n  - {c: d}\n")
    (entry,) = root.entries
    assert isinstance(entry.value, Sequence)
    first, second = entry.value.items
    assert first.span == Span("x.yaml", 2, 5)
    assert isinstance(second, Mapping)
    assert second.entries[0].value.span == Span("x.yaml", 3, 9)
    assert str(second.span) == "x.yaml:3:5"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("50_000", "50000"),
        ("-0.5", "-0.5"),
        ("+3", "3"),
        ("1.", None),
        ("1e5", None),
        ("0x1F", None),
        ("", None),
        ("1,5", None),
    ],
)
def test_numbers_are_plain_decimals(text: str, number: str | None) -> None:
    """Underscores group digits; there are no exponents."""
    assert read_number(text) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("content", "diagnostic"),
    [
        ("when: {age: > 18}", "rules/x.yaml:1:13: `>` cannot start a value; put quotes around it"),
        ("age: > 18", "rules/x.yaml:1:6: `>` cannot start a value; put quotes around it"),
        ("age: >= 18", "rules/x.yaml:1:6: `>` cannot start a value; put quotes around it"),
        ("a: !old b", "rules/x.yaml:1:4: `!` cannot start a value; put quotes around it"),
        ("a: !!str b", "rules/x.yaml:1:4: tags are not allowed; remove it"),
        ("a: &x b", "rules/x.yaml:1:4: anchors and aliases are not allowed; write the value out"),
        ("a: b\na: c", "rules/x.yaml:2:1: `a` stands here twice; the first is in line 1"),
        ("a: b\n---\nc: d", "rules/x.yaml:2:1: a rule file holds one document; remove the `---` or `...` line"),
        ("? [a]\n: b", "rules/x.yaml:1:3: a key must be plain text; put quotes around it if it is text"),
        ("- a\n- b", "rules/x.yaml:1:1: the file must hold `key: value` lines"),
        ("", "rules/x.yaml:1:1: the file is empty"),
        ("# only a comment", "rules/x.yaml:1:1: the file is empty"),
        (b"a: b\nc: \xff", "rules/x.yaml:2:4: the file is not UTF-8 text; save it as UTF-8"),
        ("a: b\u200b", "rules/x.yaml:1:5: the hidden character U+200B is not allowed; delete it"),
        ("a: \x07b", "rules/x.yaml:1:4: the hidden character U+0007 is not allowed; delete it"),
        (b"a: " + b"x" * MAX_BYTES, "rules/x.yaml:1:1: the file has more than 128,000 bytes; split it"),
        ("a: \"" + "x\n " * 10_001 + "\"", "rules/x.yaml:1:4: a value has more than 20,000 characters; shorten it"),
        ("a: " + "[" * 40 + "]" * 40, "rules/x.yaml:1:34: the file nests deeper than 30 levels; write it flatter"),
    ],
)  # fmt: skip
def test_file_that_is_no_rule_file_is_refused(content: str | bytes, diagnostic: str) -> None:
    """One diagnostic, at the place that is wrong."""
    assert refusal(content) == diagnostic


@pytest.mark.parametrize(
    "content", ["a: [b", "a: {b: c", 'a: "b', "a: b: c", "a:\n\t- b", "a: 'b", "%YAML 9", "a: @b", "a: `b`"]
)
def test_broken_yaml_is_refused_with_a_place(content: str) -> None:
    """Whatever the parser stumbles over, a line and a column are said."""
    assert refusal(content).startswith("rules/x.yaml:1:") or refusal(content).startswith("rules/x.yaml:2:")


def test_byte_order_mark_and_windows_lines_are_read() -> None:
    """Files come from any editor."""
    root = parse("x.yaml", b"\xef\xbb\xbfa: b\r\nc: d\r\n")
    assert [entry.key.text for entry in root.entries] == ["a", "c"]
