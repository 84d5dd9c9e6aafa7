"""Large files are read in pieces: what is read is what the parser reads, and what is wrong stays wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compiler.characters import hidden_characters
from engine.compiler.nodes import MAX_NODES, Mapping, Node, Scalar
from engine.compiler.parse import ParseError, parse
from engine.compiler.piecewise import read_in_pieces
from engine.compiler.quick import TooManyNodes
from engine.compiler.yaml_parser import MAX_FAULTS, MOST_WORK, read_with_parser, work_of
from tests.unit.engine.compiler.test_quick import PIECES, RULES, WRONG

REMARKS = "".join(f"key_{at}: a value\n" for at in range(600))
"""Enough plain lines to make a file a large one."""


def meant(node: Node | None) -> object:
    """What a node says, without the places."""
    if isinstance(node, Scalar):
        return node.text, node.quoted
    if isinstance(node, Mapping):
        return {entry.key.text: meant(entry.value) for entry in node.entries}
    return None if node is None else [meant(each) for each in node.items]


def faults_of(text: str) -> list[str]:
    """What is said of a file, without its path."""
    with pytest.raises(ParseError) as refused:
        parse("x.yaml", text.encode())
    return [str(each).removeprefix("x.yaml:") for each in refused.value.diagnostics]


def test_what_is_large_is_known_from_its_text() -> None:
    """The tests below read in pieces."""
    assert work_of(REMARKS) > MOST_WORK > work_of(RULES[0])


@pytest.mark.parametrize("text", RULES + WRONG)
def test_corpus_is_read_alike(text: str) -> None:
    """The same document and the same faults, save that more faults may be told at once."""
    root, faults = read_in_pieces("x.yaml", text)
    whole, told = read_with_parser("x.yaml", text)
    assert bool(faults) == bool(told)
    if not faults:
        assert root == whole
    elif "..." not in text:
        assert {each.span for each in told} <= {each.span for each in faults}


@given(st.sampled_from(RULES + WRONG), st.data())
def test_nothing_is_read_otherwise_than_by_the_parser(text: str, data: st.DataObject) -> None:
    """Wherever something is put in: what has no fault has none for the parser, and says the same."""
    lines = text.split("\n")[:30]
    at = data.draw(st.integers(0, len(lines) - 1))
    part = "\n".join(lines[at : at + 8])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(part)))
        part = part[:place] + data.draw(st.sampled_from(PIECES)) + part[place:]
    if next(hidden_characters("x.yaml", part), None) is not None:
        return
    root, faults = read_in_pieces("x.yaml", part)
    whole, told = read_with_parser("x.yaml", part)
    if not faults:
        assert (meant(root), ()) == (meant(whole), told)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ('note: "a \\"b\\""', 'a "b"'),
        ("note: |\n  one\n  # two\n\n  three", "one\n# two\n\nthree\n"),
        ("note: one\n  two", "one two"),
        ('note: "one\ntwo, and\n\nthree"', "one two, and\nthree"),
        ("note: 'one\nit''s two\n'   # so", "one it's two "),
        ("note: 'it''s'", "it's"),
        ('note: ["a\\tb", {"x y": z}]', ["a\tb", {"x y": "z"}]),
        ("note: {\n  x: 1\n}", {"x": "1"}),
        ("note:\n- a\n- 'b''c'\n-\n  d: 1", ["a", "b'c", {"d": "1"}]),
        ("note:\n  deep:\n    - x: 'a''b'\n      y: 2\n    - z", {"deep": [{"x": "a'b", "y": "2"}, "z"]}),
        ("note:", ""),
    ],
)
@pytest.mark.parametrize("before", ["", REMARKS], ids=["first", "last"])
def test_what_only_the_parser_knows_may_stand_in_a_large_file(entry: str, value: object, before: str) -> None:
    """In its place, wherever that is."""

    def plain(node: Node) -> object:
        if isinstance(node, Scalar):
            return node.text
        if isinstance(node, Mapping):
            return {each.key.text: plain(each.value) for each in node.entries}
        return [plain(each) for each in node.items]

    after = REMARKS.replace("key", "other")
    root = parse("x.yaml", f"---\n{before}{entry}\n{after}".encode())
    note = next(each for each in root.entries if each.key.text == "note")
    assert plain(note.value) == value
    assert note.key.span.line == (602 if before else 2)
    assert len(root.entries) == (1_201 if before else 601)


@pytest.mark.parametrize(
    ("lines", "faults"),
    [
        ("z: !a b", ["601:4: `!` cannot start a value; put quotes around it"]),
        ("z: > 5\ny: < 3\nx: [a", ["601:4: `>` cannot start a value; put quotes around it", "603:4: this `[` is"]),
        ("z: 'a", ["601:4: this quote is never closed"]),
        ("key_7: 2", ["601:1: `key_7` stands here twice; the first is in line 8"]),
        ("z:\n    a: 1\n  b: 2", ["603:3: the indentation of this line fits no line above"]),
        ("z:\n  - a\n  b: 1", ["603:3: "]),
        ("junk", ["601:1: this line is no `key: value`; write a colon and a space after the key"]),
        ("---\na: b", ["601:1: a rule file holds one document; remove the `---` or `...` line"]),
        ("%a", ["601:1: a line that starts with `%` is not allowed; remove it"]),
        ("z: &a b\ny: *a", ["601:4: anchors and aliases are not allowed", "602:4: anchors and aliases"]),
        ("\tz: 1", ["601:1: a tab cannot indent; use spaces"]),
        ("z: a\u00a0b", ["601:5: this space is not an ordinary one"]),
        ("z: a\u200bb\ny: !x c", ["601:5: the hidden character U+200B is not allowed", "602:4: `!` cannot start"]),
    ],
)
def test_faults_of_a_large_file_stand_where_they_are(lines: str, faults: list[str]) -> None:
    """As in a small one; what follows a fault that does not hide it is told as well."""
    said = faults_of(f"{REMARKS}{lines}\n")
    assert len(said) == len(faults)
    assert [each for each, start in zip(said, faults, strict=True) if not each.startswith(start)] == []


def test_as_many_faults_are_told_as_of_a_small_file() -> None:
    """The others wait until these are mended."""
    assert len(faults_of(REMARKS + "".join(f"z{at}: !a b\n" for at in range(50)))) == MAX_FAULTS


def test_too_many_nodes_are_counted_over_all_pieces() -> None:
    """Those that the parser reads among them."""
    line = "k{}: [a, 'it''s', b]\n"
    text = "".join(line.format(at) for at in range(100)) + "".join(f"m{at}: 1\n" for at in range(MAX_NODES))
    with pytest.raises(TooManyNodes) as refused:
        read_in_pieces("x.yaml", text)
    _, (fault,) = read_with_parser("x.yaml", text)
    assert refused.value.span == fault.span


def test_deep_pieces_are_as_deep_as_they_stand() -> None:
    """Levels above a piece count."""
    deep = "".join(" " * at + f"a{at}:\n" for at in range(28)) + " " * 28 + "b: [[['it''s']]]\n"
    (fault,) = faults_of(REMARKS + deep)
    assert "the file nests deeper than 30 levels" in fault
