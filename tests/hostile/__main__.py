"""Prints what refusing each hostile file and each wrong file of the corpus takes, in milliseconds and megabytes.

Ends with 1 if one of them takes more than 100 ms of the processor or 50 MB.
"""

import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Final

from tests.golden.engine.wrong_rules import read_corpus
from tests.hostile.files import ACTION, HOSTILE, said_of

MOST_MS: Final = 100.0
MOST_MB: Final = 50.0
_RUNS: Final = 3


def refusals() -> Iterator[tuple[str, Callable[[], object]]]:
    """Every file by name, and what compiles it."""
    for name, (make, _) in HOSTILE.items():
        content = make()
        yield name, lambda content=content: said_of(content)  # type: ignore[misc]
    for case in read_corpus():
        yield f"wrong/{case.kind}/{case.name}", case.diagnostics


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
