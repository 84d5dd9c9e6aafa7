"""Rule files made to be large, deep or slow to read, each with what has to be said of it."""

from collections.abc import Callable
from typing import Final

from engine import RuleErrors, compile_bundle
from engine.compiler.nodes import MAX_NODES
from engine.compiler.parse import MAX_BYTES, MAX_LINE
from engine.ruletests import check_rule_tests
from tests.builders import rule_files

ACTION: Final = b"action: x\nversion: 1\ngroup: savings\ntreatments: {web.hero: {headline: a}}\n"


def _bomb() -> bytes:
    """Each list holds the one before nine times over."""
    lists = [b"%c: &%c [%s]\n" % (at, at, b", ".join([b"*%c" % (at - 1)] * 9)) for at in range(ord("b"), ord("z"))]
    return b"a: &a [x]\n" + b"".join(lists)


def _repeated(line: bytes, *, first: bytes = b"") -> bytes:
    """An action with nearly as many lines as a file may hold."""
    return ACTION + first + line * ((MAX_BYTES - 100 - len(first) - len(ACTION)) // len(line))


HOSTILE: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    "bomb": (_bomb, ":1:4: anchors and aliases are not allowed"),
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
    "hidden characters": (lambda: _repeated("k: \u202e\n".encode()), "turns the direction of the text around"),
    "zeros": (lambda: b"\0" * 100_000, ":1:1: the hidden character U+0000"),
    "any bytes": (lambda: bytes(range(256)) * 400, "the file is not UTF-8 text"),
    "signs": (lambda: ACTION + b"".join(b"k%d: > 5\n" % at for at in range(9_000)), "`>` cannot start a value"),
    "tags": (lambda: _repeated(b"k: !a b\n"), "`!` cannot start a value"),
    "one key again and again": (lambda: _repeated(b"k: 1\n"), "`k` stands here twice"),
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
    "a quote opened early": (
        lambda: _repeated(b"group: savings\n", first=b'title: "x\n'),
        ":5:8: this quote is never closed",
    ),
    "a quote opened early, lines further right": (
        lambda: _repeated(b"  group: savings\n", first=b"title: 'x\n"),
        ":5:8: this quote is never closed",
    ),
    "a bracket opened early": (
        lambda: _repeated(b"  an_action_of_some_name,\n", first=b"never_with: [\n"),
        ":5:13: this `[` is never closed",
    ),
    "a tag at the end": (
        lambda: (
            _repeated(b"- {title: a title, owner: somebody}  # and a remark\n", first=b"k:\n")[:80_000] + b"\nz: !a b\n"
        ),
        "`!` cannot start a value",
    ),
    "a tag behind titles": (
        lambda: _repeated(b"# a remark that fills the file\n") + b"z: !a b\n",
        "`!` cannot start a value",
    ),
    "unknown keys": (lambda: ACTION + b"".join(b"key_%d: 1\n" % at for at in range(1_000)), "an action file `key_0`"),
    "names close to known ones": (
        lambda: ACTION + b"eligible:\n  when:\n" + b"".join(b"    age_%d: true\n" % at for at in range(4_000)),
        "unknown fact `age_0`; did you mean `age`?",
    ),
    "keys in quotes": (lambda: ACTION + b"".join(b'"k%d": 1\n' % at for at in range(4_000)), "too long to be read"),
    "escapes": (lambda: ACTION + b'title: "' + (b"\\x41" * 2_000 + b"\n  ") * 15 + b'"\n', "more than 20,000"),
    "lines of a text": (lambda: _repeated(b"  x y z\n", first=b"title: |\n"), ":5:8: a value has more than 20,000"),
    "empty lines": (lambda: ACTION + b"\n" * 120_000 + b"z: *a\n", "anchors and aliases are not allowed"),
    "spaces": (lambda: _repeated(b" " * 5_000 + b"\n") + b"z: *a\n", "anchors and aliases are not allowed"),
    "acceptances": (
        lambda: ACTION + b"".join(b"k%d: a  # accept shadowed: b\n" % at for at in range(4_000)),
        "unknown key in an action file `k0`",
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
