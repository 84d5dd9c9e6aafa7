"""What people are told about wrong rule files: where, in which words, and with which hint.

`pytest tests/golden/engine/test_diagnostics.py --update-golden` records the sentences; the places are never recorded,
they are marked by hand in the wrong files.
"""

from collections.abc import Sequence

import pytest

from engine.errors import Diagnostic
from tests.golden.engine.wrong_rules import CORPUS, KINDS, Case, read_corpus

CASES = read_corpus()
AT_LEAST = 150
"""Wrong files that the corpus holds at the least."""


SAID: dict[tuple[str, str], Sequence[Diagnostic]] = {}


def said_of(case: Case) -> Sequence[Diagnostic]:
    """What is said of a case, found out once."""
    if (case.kind, case.name) not in SAID:
        SAID[case.kind, case.name] = case.diagnostics()
    return SAID[case.kind, case.name]


@pytest.mark.parametrize("case", CASES, ids=[f"{each.kind}/{each.name}" for each in CASES])
def test_everything_said_stands_where_somebody_marked_it(case: Case) -> None:
    """File, line and column are those of the mark, nothing marked stays unsaid, and nothing is said without a mark."""
    assert case.misplaced(said_of(case)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_diagnostics_are_the_golden_ones(kind: str, update_golden: bool) -> None:
    """Code, place, sentence and hint, as they are rendered."""
    rendered = "".join(told(case) for case in CASES if case.kind == kind)
    golden = CORPUS / f"{kind}.txt"
    if update_golden:
        golden.write_text(rendered, encoding="utf-8")
    assert rendered == golden.read_text(encoding="utf-8")


def told(case: Case) -> str:
    """What is said of a case, a line each."""
    return f"## {case.name}\n" + "".join(f"{each.code}: {each}\n" for each in said_of(case))


def test_corpus_is_large_and_every_file_in_it_is_wrong() -> None:
    """A file without a mark has no place here."""
    assert len(CASES) >= AT_LEAST
    assert [f"{each.kind}/{each.name}" for each in CASES if not each.marks] == []
