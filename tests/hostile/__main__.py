"""Prints what refusing each hostile file, workbook and wrong file of the corpus takes, in milliseconds and megabytes.

Ends with 1 if one of them takes more than 100 ms of the processor or 50 MB.
"""

import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from api.adapters.bundle_files import read_rules
from api.sheets.problems import WorkbookRefused
from api.sheets.workbook_in import import_workbook
from api.sheets.workbook_out import export_workbook
from tests.golden.engine.wrong_rules import read_corpus
from tests.hostile.files import ACTION, HOSTILE, said_of
from tests.unit.api.sheets.test_refusals import bomb, formula, many_cells, merge
from tests.unit.api.sheets.workbooks import edited

ROOT: Final = Path(__file__).parents[2]
MOST_MS: Final = 100.0
MOST_MB: Final = 50.0
_RUNS: Final = 3


def refusals() -> Iterator[tuple[str, Callable[[], object]]]:
    """Every file by name, and what compiles it."""
    for name, (make, _) in HOSTILE.items():
        content = make()
        yield name, partial(said_of, content)
    for case in read_corpus():
        yield f"wrong/{case.kind}/{case.name}", case.diagnostics
    starter = export_workbook(read_rules(ROOT / "rules"))
    for hand in (merge, formula):
        yield f"workbook/{hand.__name__}", partial(refusal_of, edited(hand, content=starter))
    for make in (bomb, many_cells):
        yield f"workbook/{make.__name__}", partial(refusal_of, make())


def refusal_of(workbook: bytes) -> str:
    """What is said of a workbook.

    Raises:
        AssertionError: it is taken.
    """
    try:
        import_workbook("rules.xlsx", workbook)
    except WorkbookRefused as refused:
        return str(refused)
    raise AssertionError("a wrong workbook is taken")


def cpu_ms(refuse: Callable[[], object]) -> float:
    """Processor time of the quickest of a few runs: what others do on the machine counts for little."""
    times = []
    for _ in range(_RUNS):
        before = time.process_time_ns()
        refuse()
        times.append((time.process_time_ns() - before) / 1e6)
    return min(times)


def peak_mb(refuse: Callable[[], object]) -> float:
    """The most memory of a run beyond what was there before it."""
    tracemalloc.start()
    try:
        refuse()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def main() -> int:
    """The table, dearest first."""
    said_of(ACTION)
    found = sorted(((cpu_ms(refuse), peak_mb(refuse), name) for name, refuse in refusals()), reverse=True)
    print(f"{'ms':>8} {'MB':>6}  file")
    for ms, mb, name in found:
        print(f"{ms:8.1f} {mb:6.1f}  {name}")
    beyond = [name for ms, mb, name in found if ms > MOST_MS or mb > MOST_MB]
    print(f"{len(found)} files, {len(beyond)} beyond {MOST_MS:g} ms or {MOST_MB:g} MB")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
