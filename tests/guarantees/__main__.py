"""`python -m tests.guarantees`: runs the proofs, writes each result as JSON and prints it as a table."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from bench.report import ROOT, CaseResult, as_json, as_table, surroundings
from tests.guarantees import archive, caps, model_faults, outcomes, store_faults

RESULTS: Final = ROOT / "tests" / "guarantees" / "results"


class Proof(Protocol):
    """Runs in a folder of its own; ends only the processes that it started."""

    def __call__(self, folder: Path, *, quick: bool) -> CaseResult:
        """Prove, or find what does not hold."""


PROOFS: Final[Mapping[str, Proof]] = {
    "store_faults": store_faults.run,
    "model_faults": model_faults.run,
    "outcomes": outcomes.run,
    "caps": caps.run,
    "archive": archive.run,
}


def main(arguments: Sequence[str], tell: Callable[[str], object] = sys.stdout.write) -> int:
    """Run what was asked for; 0, or 1 where something does not hold."""
    given = _parser().parse_args(arguments)
    where = surroundings(quick=given.quick)
    tell(f"{where.machine}, Python {where.python}, commit {where.commit}\n")
    if where.busy:
        tell(f"The machine is busy ({where.load_before} runnable processes a core): late answers may be its own.\n")
    held = True
    for name in given.proofs or PROOFS:
        tell(f"\nproving {name} ...\n")
        with tempfile.TemporaryDirectory(prefix="nbg-") as folder:
            result = PROOFS[name](Path(folder), quick=given.quick)
        tell(as_table(result))
        held &= all(target.met for target in result.targets)
        if not given.quick:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{name}.json").write_text(as_json(result, where), encoding="utf-8")
    return 0 if held else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.guarantees",
        description="Proves the promises of docs/guarantees.md with real processes that are stopped, killed and cut "
        "off. Results go to tests/guarantees/results, unless --quick is given.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "proofs", nargs="*", choices=[*PROOFS, []], metavar="proof", help=f"of {', '.join(PROOFS)}; all by default"
    )
    parser.add_argument("--quick", action="store_true", help="short versions: to see that it works, not to quote")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
