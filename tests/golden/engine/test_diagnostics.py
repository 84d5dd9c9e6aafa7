"""What people are told about wrong rule files: a corpus of them, and every diagnostic as it is rendered.

Each folder of `wrong/` holds files of one kind, each wrong in its own way; the folder's `.txt` holds what is said.
"""

from pathlib import Path

import pytest

from engine import RuleErrors, compile_bundle
from engine.ruletests import check_rule_tests
from tests.builders import a_theme, a_trigger, an_action, rule_files

HERE = Path(__file__).parent / "wrong"
KINDS = sorted(each.name for each in HERE.iterdir() if each.is_dir())
PATHS = {
    "bank": "bank.yaml",
    "catalogue": "catalogue.yaml",
    "channels": "channels.yaml",
    "guards": "policy/guards.yaml",
    "contact": "policy/contact.yaml",
    "arbitration": "policy/arbitration.yaml",
    "experiments": "policy/experiments.yaml",
}
"""Kinds of which a bundle has one file; the others stand in folders, where all that they name exists."""
FOLDERS = {"yaml": "actions", "tests": "actions"}
STEADY = "needs: [{need: steady, when: {work: employed}}]\nactive: {needs.steady: true}"
AROUND = (
    an_action("isa", gives="isa"),
    an_action("loan", group="loans"),
    a_theme("saving", f"{STEADY}\njourney: [isa]"),
    a_trigger("quoted", "history: [{seen: quote, in: 30d}]\npromote: {loan: 1.5}"),
)


def corpus(kind: str) -> list[Path]:
    """The wrong files of a kind; one that ends in `_again` belongs to the one before."""
    return [each for each in sorted((HERE / kind).glob("*.yaml")) if not each.stem.endswith("_again")]


def diagnostics(kind: str, wrong: Path) -> list[str]:
    """Everything said of a bundle with one wrong file in it, tests included."""
    if kind in PATHS:
        isa = an_action("isa", places=["web.hero"])
        files = rule_files(isa, {PATHS[kind]: wrong.read_text(encoding="utf-8")})
    else:
        folder = FOLDERS.get(kind, kind)
        names = sorted(wrong.parent.glob(f"{wrong.stem}*.yaml"))
        files = rule_files(*AROUND, {f"{folder}/{each.name}": each.read_text(encoding="utf-8") for each in names})
    try:
        bundle = compile_bundle(files)
    except RuleErrors as error:
        return [str(each) for each in error.diagnostics]
    return [str(each) for each in (*bundle.plan.warnings, *check_rule_tests(bundle))]


@pytest.mark.parametrize("kind", KINDS)
def test_diagnostics_are_the_golden_ones(kind: str, update_golden: bool) -> None:
    """Each names file, line and column, says in plain words what is wrong, and what would do instead."""
    rendered = "".join(
        f"## {wrong.name}\n" + "".join(f"{line}\n" for line in diagnostics(kind, wrong)) for wrong in corpus(kind)
    )
    golden = HERE / f"{kind}.txt"
    if update_golden:
        golden.write_text(rendered, encoding="utf-8")
    assert rendered == golden.read_text(encoding="utf-8")


def test_every_file_of_the_corpus_is_found_wrong() -> None:
    """A file about which nothing is said has no place here."""
    silent = [str(wrong.relative_to(HERE)) for kind in KINDS for wrong in corpus(kind) if not diagnostics(kind, wrong)]
    assert silent == []
