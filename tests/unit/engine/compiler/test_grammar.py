"""The grammar is whole: every shape is declared, reachable and used by the compiler under its name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import engine.compiler
from engine.compiler.form import Form
from engine.compiler.grammar import FILES, SHAPES
from engine.compiler.grammar.kinds import ByName, Either, Kind, Listed, Part, Parts, Text
from engine.compiler.parse import parse
from engine.compiler.problem_list import Problems

_READERS = ("Form", "form", "forms")


def _kinds(kind: Kind) -> Iterator[Kind]:
    yield kind
    match kind:
        case Listed(of):
            yield from _kinds(of)
        case Either(kinds):
            for each in kinds:
                yield from _kinds(each)
        case ByName(name, value):
            yield from _kinds(name)
            yield from _kinds(value)
        case _:
            return


def _parts(shape: str) -> set[str]:
    kinds = [kind for key in SHAPES[shape].keys for kind in _kinds(key.kind)]
    return {kind.shape for kind in kinds if isinstance(kind, Part | Parts)}


def _labels() -> set[str]:
    """The names, as plain text, that the compiler gives to the mappings that it reads."""
    found = set()
    for file in Path(engine.compiler.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called in _READERS:
                    found |= {str(arg.value) for arg in node.args[1:] if isinstance(arg, ast.Constant)}
    return found


def test_every_shape_is_reached_from_some_file() -> None:
    reached: set[str] = set()
    waiting = {*FILES.values(), "a history condition"}
    while waiting:
        shape = waiting.pop()
        reached.add(shape)
        waiting |= _parts(shape) - reached
    assert reached == set(SHAPES)


def test_every_mapping_that_the_compiler_reads_is_a_shape() -> None:
    labels = _labels()
    assert len(labels) > 30
    assert labels - set(SHAPES) == set()


def test_no_shape_lists_a_key_twice_and_every_key_says_what_it_is_for() -> None:
    for shape in SHAPES.values():
        names = [key.name for key in shape.keys]
        assert len(names) == len(set(names)), shape.name
        assert all(key.doc.endswith(".") or key.doc.endswith("`") or key.doc.endswith("?") for key in shape.keys)


def test_every_example_of_a_text_looks_as_its_pattern_says() -> None:
    texts = [kind for shape in SHAPES.values() for key in shape.keys for kind in _kinds(key.kind)]
    examples = [text for text in texts if isinstance(text, Text) and text.example and text.pattern]
    assert examples
    assert all(re.fullmatch(text.pattern, text.example) for text in examples)


def test_a_key_that_the_grammar_does_not_list_cannot_be_read() -> None:
    form = Form(parse("x.yaml", b"limit: 3\n"), Problems(), "a cap")
    assert form.integer("limit") == 3
    with pytest.raises(AssertionError, match="declare `limits` of a cap"):
        form.integer("limits")


def test_bounds_and_words_come_from_the_grammar() -> None:
    problems = Problems()
    form = Form(parse("x.yaml", b"limit: 100_001\neach: fortnight\n"), problems, "a cap")
    assert form.integer("limit") is None
    assert form.choice("each") == ""
    assert form.choice("per") == "customer"
    assert [each.message for each in problems.sorted()] == [
        "`limit` must lie in 0..100000",
        "`each` must be one of day, week, month",
    ]
