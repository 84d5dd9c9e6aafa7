"""Wrong rule files with the places that a person marked in them, and what the compiler says of each.

A case is one text file. A line such as `#      ^ unknown fact` is a mark: it is no part of the rule file, and says that
something is wrong in the line above it at the column of its `^`, in a sentence that holds these words. A line
`#== customized/other.yaml` begins one more file. Whoever adds a case writes the marks; only the full sentences are
recorded.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine import RuleErrors, compile_bundle
from engine.errors import Diagnostic
from engine.ruletests import check_rule_tests
from tests.builders import a_theme, a_trigger, an_action, rule_files

CORPUS: Final = Path(__file__).parent / "wrong"
KINDS: Final = sorted(each.name for each in CORPUS.iterdir() if each.is_dir())
PATHS: Final = {
    "bank": "bank.yaml",
    "catalogue": "catalogue.yaml",
    "channels": "channels.yaml",
    "personas": "personas.yaml",
    "guards": "policy/guards.yaml",
    "contact": "policy/contact.yaml",
    "arbitration": "policy/arbitration.yaml",
    "experiments": "policy/experiments.yaml",
}
"""Kinds of which a bundle has one file; the others stand in folders, where all that they name exists."""
FOLDERS: Final = {"yaml": "actions", "tests": "actions", "folder": "actions"}
STEADY: Final = "needs: [{need: steady, when: {work: employed}}]\nactive: {needs.steady: true}"
AROUND: Final = (
    an_action("isa", gives="isa"),
    an_action("loan", group="loans"),
    a_theme("saving", f"{STEADY}\njourney: [isa]"),
    a_trigger("quoted", "history: [{seen: quote, in: 30d}]\npromote: {loan: 1.5}"),
)
_MARK: Final = re.compile(r"(#? *)\^ (.+)")
_NEXT_FILE: Final = re.compile(r"#== (\S+)")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place that a person called wrong, and words of what is to be said there."""

    place: str
    words: str


@dataclass(frozen=True, slots=True)
class Case:
    """Wrong rule files, by their path below the rules folder, without the marks."""

    kind: str
    name: str
    files: dict[str, str]
    marks: tuple[Mark, ...]

    @staticmethod
    def read(kind: str, name: str, text: str) -> "Case":
        """A case as it stands in its file."""
        path = PATHS.get(kind, f"{FOLDERS.get(kind, kind)}/{name}.yaml")
        lines_by_path: dict[str, list[str]] = {}
        marks = []
        for line in text.split("\n"):
            if match := _NEXT_FILE.fullmatch(line):
                lines_by_path.get(path, []).append("")
                path = match[1]
            elif match := _MARK.fullmatch(line):
                number = max(1, len(lines_by_path.get(path, ())))
                marks.append(Mark(f"rules/{path}:{number}:{len(match[1]) + 1}", match[2]))
            else:
                lines_by_path.setdefault(path, []).append(line)
        return Case(kind, name, {path: "\n".join(lines) for path, lines in lines_by_path.items()}, tuple(marks))

    def diagnostics(self) -> Sequence[Diagnostic]:
        """Everything that is said of a bundle with these files in it, its tests included."""
        if self.kind in PATHS:
            files = rule_files(an_action("isa", places=["web.hero"]), self.files)
        else:
            files = rule_files(*AROUND, self.files)
        try:
            bundle = compile_bundle(files)
        except RuleErrors as error:
            return error.diagnostics
        return (*bundle.plan.warnings, *check_rule_tests(bundle))

    def misplaced(self, found: Sequence[Diagnostic]) -> list[str]:
        """What differs between what was said and the marks: each mark wants one sentence, each sentence one mark."""
        left = list(found)
        differences = []
        for mark in self.marks:
            said = next((each for each in left if str(each.span) == mark.place and mark.words in str(each)), None)
            if said is None:
                differences.append(f"{mark.place} is marked `{mark.words}`, and nothing like that is said there")
            else:
                left.remove(said)
        return differences + [f"said without a mark: {each}" for each in left]


def read_corpus() -> tuple[Case, ...]:
    """All cases, by kind and name."""
    return tuple(
        Case.read(kind, each.stem, each.read_bytes().decode("utf-8"))
        for kind in KINDS
        for each in sorted((CORPUS / kind).glob("*.yaml"))
    )
