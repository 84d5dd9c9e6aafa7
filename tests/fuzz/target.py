"""What must hold of any bytes that stand where a rule file should: a bundle, or problems with places that exist."""

from collections.abc import Iterable, Mapping
from typing import Final

from engine import RuleErrors, compile_bundle
from engine.compiler.characters import hidden_characters
from engine.compiler.piecewise import read_in_pieces
from engine.compiler.problem_list import MAX_PROBLEMS
from engine.compiler.quick import read_quickly
from engine.compiler.yaml_parser import read_with_parser
from engine.errors import Diagnostic
from engine.ruletests import check_rule_tests, run_rule_tests
from tests.builders import rule_files

PLACES: Final = (
    "actions/x.yaml",
    "thematic/x.yaml",
    "customized/x.yaml",
    "catalogue.yaml",
    "channels.yaml",
    "bank.yaml",
    "personas.yaml",
    "policy/guards.yaml",
    "policy/contact.yaml",
    "policy/arbitration.yaml",
    "policy/experiments.yaml",
)
"""Where the bytes may stand; their first byte chooses."""
MOST_CHARACTERS: Final = 2_000
"""Of one diagnostic."""
BASE: Final = rule_files(
    {
        "catalogue.yaml": (
            "attributes:\n"
            "  age: {type: integer, unit: years, range: 0..120}\n"
            "  rent: {type: money, private: true}\n"
            "  work: {type: category, values: [employed, student]}\n"
            "  verified: {type: boolean}\n"
            "  nickname: {type: text}\n"
            "  renews_on: {type: date}\n"
            "products: {isa: {}}\n"
            "events: {quote: {keep: 400d, fields: {amount: {type: money}}}}\n"
            "purposes: [marketing]\n"
        ),
        "channels.yaml": (
            "channels:\n"
            "  web:\n"
            "    moments: {page_viewed: {initiated_by: customer}}\n"
            "    placements: {hero: {fallback: {id: a, headline: b}}}\n"
        ),
        "actions/isa.yaml": "action: isa\ngroup: savings\ngives: isa\ntreatments: {web.hero: {headline: x}}\n",
    }
)
"""A small bank: it is compiled anew around every input."""


class Broken(Exception):
    """Something that must hold of every input does not."""


def run(content: bytes) -> None:
    """Compile what the bytes say, and run the tests that it holds.

    Raises:
        Broken: a diagnostic has no place, no words, or too many; anything else raised is a fault as well.
    """
    place = PLACES[content[0] % len(PLACES)] if content else PLACES[0]
    files = {**BASE, place: content[1:]}
    _compare(content[1:])
    try:
        bundle = compile_bundle(files)
    except RuleErrors as error:
        _see(error.diagnostics, files)
        return
    _see((*bundle.plan.warnings, *check_rule_tests(bundle)), files)
    run_rule_tests(bundle)


def _compare(content: bytes) -> None:
    """The quick reader reads what the parser reads, or leaves the text to it; in pieces nothing wrong becomes right."""
    try:
        text = content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        return
    if next(hidden_characters("x", text), None) is not None:
        return
    quickly, parsed = read_quickly("x", text), read_with_parser("x", text)
    if quickly is not None and (quickly, ()) != parsed:
        raise Broken("the quick reader and the parser disagree")
    _, faults = read_in_pieces("x", text)
    if parsed[1] and not faults:
        raise Broken("what the parser refuses is read in pieces")


def _see(found: Iterable[Diagnostic], files: Mapping[str, bytes]) -> None:
    diagnostics = tuple(found)
    if len(diagnostics) > MAX_PROBLEMS + 1:
        raise Broken(f"{len(diagnostics)} problems")
    for each in diagnostics:
        text = str(each)
        text.encode()
        if not each.message or "\n" in text or len(text) > MOST_CHARACTERS:
            raise Broken(f"no sentence: {text!r}")
        if not _exists(each, files):
            raise Broken(f"no such place: {text}")


def _exists(diagnostic: Diagnostic, files: Mapping[str, bytes]) -> bool:
    """Whether the place lies in the file, its end included."""
    span = diagnostic.span
    content = files.get(span.path.removeprefix("rules/"))
    if content is None or (span.line, span.column) == (1, 1):
        return content is not None
    lines = content.decode("utf-8-sig", "replace").split("\n")
    return 1 <= span.line <= len(lines) and 1 <= span.column <= len(lines[span.line - 1]) + 1
