"""`python -m tests.guarantees`: runs the proofs, writes each result as JSON and prints it as a table."""

import argparse
import signal
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final, Protocol

from bench.report import ROOT, CaseResult, as_json, as_table, surroundings
from tests.guarantees import archive, budgets, caps, damaged, model_faults, off_policy, outcomes, soak, store_faults

LONGEST_S: Final = 3_600
RESULTS: Final = ROOT / "tests" / "guarantees" / "results"


class Proof(Protocol):
    """Runs in a folder of its own; ends only the processes that it started."""

    def __call__(self, folder: Path, *, quick: bool) -> CaseResult:
        """Prove, or find what does not hold."""


PROOFS: Final[Mapping[str, Proof]] = {
    "store_faults": store_faults.run,
    "model_faults": model_faults.run,
    "damaged": damaged.run,
    "outcomes": outcomes.run,
    "caps": caps.run,
    "budgets": budgets.run,
    "archive": archive.run,
    "soak": soak.run,
    "off_policy": off_policy.run,
}


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; 0, or 1 where something does not hold or could not be proved."""
    given = _parser().parse_args(arguments)
    where = surroundings(quick=given.quick)
    tell(f"{where.machine}, Python {where.python}, commit {where.commit}\n")
    if where.busy:
        tell(f"The machine is busy ({where.load_before} runnable processes a core): late answers may be its own.\n")
    held = True
    for name in given.proofs or PROOFS:
        tell(f"\nproving {name} ...\n")
        try:
            result = _bounded(PROOFS[name], quick=given.quick)
        except Exception:  # noqa: BLE001 - the other proofs go on; this one is told with all that is known
            tell(f"NOT PROVED\n{traceback.format_exc()}")
            held = False
            continue
        tell(as_table(result))
        held &= all(target.met for target in result.targets)
        if not given.quick:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{name}.json").write_text(as_json(result, where), encoding="utf-8")
    return 0 if held else 1


def tell(text: str) -> None:
    """Say at once how it goes."""
    sys.stdout.write(text)
    sys.stdout.flush()


def _bounded(proof: Proof, *, quick: bool) -> CaseResult:
    """Run a proof for so long at most; whatever ends it, the processes that it started end with it.

    Raises:
        TimeoutError: it takes too long.
    """

    def too_long(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"longer than {LONGEST_S} s")

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LONGEST_S)
    try:
        with tempfile.TemporaryDirectory(prefix="nbg-") as folder:
            return proof(Path(folder), quick=quick)
    finally:
        signal.alarm(0)


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
