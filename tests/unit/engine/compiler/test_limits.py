"""Files that are large, deep or hostile are refused with a sentence, by bounded work and in little memory."""

import tracemalloc
from collections.abc import Callable

import pytest

from engine import RuleErrors, compile_bundle
from engine.compiler.form import MAX_PROBLEMS
from engine.compiler.nodes import MAX_NODES
from engine.compiler.parse import MAX_BYTES, MAX_FAULTS, MAX_LINE
from engine.ruletests import check_rule_tests
from tests.builders import rule_files

MOST_MEMORY = 50 * 2**20
ACTION = b"action: x\nversion: 1\ngroup: savings\ntreatments: {web.hero: {headline: a}}\n"


def bomb() -> bytes:
    """Each list holds the one before nine times over."""
    lists = [b"%c: &%c [%s]\n" % (at, at, b", ".join([b"*%c" % (at - 1)] * 9)) for at in range(ord("b"), ord("z"))]
    return b"a: &a [x]\n" + b"".join(lists)


def repeated(line: bytes, most: int = MAX_BYTES) -> bytes:
    """An action with as many lines as a file may hold."""
    return ACTION + line * ((most - len(ACTION)) // len(line))


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "bomb": (bomb, ":1:4: anchors and aliases are not allowed"),
    "ten megabytes": (lambda: ACTION + b"#" * 10_000_000, ":1:1: the file has more than"),
    "a million keys": (lambda: b"".join(b"k%d: 1\n" % at for at in range(1_000_000)), ":1:1: the file has more than"),
    "100,000 triggers": (lambda: b"".join(b"trigger: t%d\n---\n" % at for at in range(100_000)), ":1:1: the file has"),
    "flow lists 1,000 deep": (lambda: b"a: " + b"[" * 1_000 + b"]" * 1_000, ":1:94: the file nests deeper than"),
    "any 1,000 deep": (lambda: b"a: " + b"{any: [" * 1_000 + b"]}" * 1_000, "the file nests deeper than"),
    "blocks 400 deep": (lambda: b"".join(b" " * at + b"a:\n" for at in range(400)), ":31:31: the file nests deeper"),
    "many keys": (lambda: b"".join(b"key_%d: 1\n" % at for at in range(9_000)), f"more than {MAX_NODES:,} keys"),
    "many items": (lambda: ACTION + b"never_with:\n" + b"- a\n" * 30_000, f"more than {MAX_NODES:,} keys"),
    "one long line": (lambda: ACTION + b"title: " + b"x" * 100_000, f":5:{MAX_LINE + 1}: the line has more than"),
    "one long key": (lambda: b"x" * 100_000 + b": 1\n", f":1:{MAX_LINE + 1}: the line has more than"),
    "a huge text": (lambda: ACTION + b'title: "' + b"x\n " * 30_000 + b'"\n', ":5:8: a value has more than"),
    "an open quote": (lambda: ACTION + b'title: "' + b"x\n" * 60_000, ":5:8: this quote is never closed"),
    "an open bracket": (lambda: ACTION + b"never_with: [" + b"x,\n" * 3_000, ":5:13: this `[` is never closed"),
    "hidden characters": (lambda: repeated("k: \u202e\n".encode()), "turns the direction of the text around"),
    "zeros": (lambda: b"\0" * 100_000, ":1:1: the hidden character U+0000"),
    "any bytes": (lambda: bytes(range(256)) * 400, "the file is not UTF-8 text"),
    "signs": (lambda: ACTION + b"".join(b"k%d: > 5\n" % at for at in range(9_000)), "`>` cannot start a value"),
    "tags": (lambda: repeated(b"k: !a b\n"), "`!` cannot start a value"),
    "one key again and again": (lambda: repeated(b"k: 1\n"), "`k` stands here twice"),
    "signs of repetition": (
        lambda: ACTION + b'eligible: {when: {age: "> ' + b"1 * " * 2_000 + b'"}}\n',
        "the condition has more than 500 characters",
    ),
    "not not not": (
        lambda: ACTION + b'eligible: {when: {age: "' + b"not " * 2_000 + b'1"}}\n',
        "the condition has more than 500 characters",
    ),
    "digits": (lambda: ACTION + b"value: " + b"9" * 9_000 + b"\n", "cannot read the value"),
    "exponents": (
        lambda: ACTION + b"eligible: {when: {age: '> 1e999', rent: 1e999999999}}\n",
        "cannot read `1e999`",
    ),
    "unknown facts": (
        lambda: ACTION + b"eligible:\n  when:\n" + b"".join(b"    facts_%d: true\n" % at for at in range(4_000)),
        "unknown fact `facts_0`",
    ),
    "tests like tests": (
        lambda: (
            ACTION
            + b"tests:\n"
            + b"".join(b"  - {name: t%d, like: t%d, expect: {offer: x}}\n" % (at, at + 1) for at in range(900))
        ),
        "is like more than 20 others in a row",
    ),
}


def said_of(content: bytes) -> list[str]:
    """Everything that is said of a bundle with a file of such content."""
    files = {**rule_files(), "actions/x.yaml": content}
    try:
        bundle = compile_bundle(files)
    except RuleErrors as error:
        return [str(each) for each in error.diagnostics]
    return [str(each) for each in check_rule_tests(bundle)]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_refused_with_a_sentence_in_little_memory(name: str) -> None:
    """One of its faults is named where it stands, and nobody is told thousands."""
    make, sentence = HOSTILE[name]
    content = make()
    tracemalloc.start()
    try:
        said = said_of(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert any(each.startswith("rules/actions/x.yaml:") and sentence in each for each in said), said[:3]
    assert len(said) <= MAX_PROBLEMS + 1
    assert peak < MOST_MEMORY


def test_faults_of_the_yaml_are_told_up_to_a_number() -> None:
    """Whoever mends twenty of them is told of the next twenty."""
    said = said_of(b"action: x\n" + b"k: 1\n" * 1_000)
    assert len([each for each in said if "stands here twice" in each]) == MAX_FAULTS


def test_too_many_problems_are_counted_and_not_listed() -> None:
    """The last line says how many more there are."""
    *_, last = said_of(ACTION + b"".join(b"key_%d: 1\n" % at for at in range(1_500)))
    assert last.endswith("there are 500 more problems; mend the others first")
