"""`python -m bench`: runs the cases, writes each result as JSON and prints it as a table."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench import (
    engine_case,
    events_case,
    model_case,
    needs_case,
    overload_case,
    promises_case,
    record_case,
    reload_case,
    service_case,
    store_case,
    stored_needs_case,
    tail_case,
)
from bench.report import ROOT, CaseResult, as_json, as_table, surroundings
from bench.workshop import Workshop

RESULTS: Final = ROOT / "bench" / "results"
CASES: Final[Mapping[str, Callable[[Workshop, bool], CaseResult]]] = {
    "engine": lambda _, quick: engine_case.run(quick=quick),
    "model": lambda workshop, quick: model_case.run(workshop, quick=quick),
    "needs": lambda _, quick: needs_case.run(quick=quick),
    "stored_needs": lambda workshop, quick: stored_needs_case.run(workshop, quick=quick),
    "record": lambda workshop, _: record_case.run(workshop),
    "store": lambda _, quick: store_case.run(quick=quick),
    "service": lambda workshop, quick: service_case.run(workshop, quick=quick),
    "reload": lambda workshop, quick: reload_case.run(workshop, quick=quick),
    "overload": lambda workshop, quick: overload_case.run(workshop, quick=quick),
    "promises": lambda workshop, quick: promises_case.run(workshop, quick=quick),
    "events": lambda workshop, quick: events_case.run(workshop, quick=quick),
    "tail": lambda workshop, quick: tail_case.run(workshop, quick=quick),
}


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; 0, or 1 where --strict is given and a target is missed."""
    given = _parser().parse_args(arguments)
    results = []
    missed = False
    where = surroundings(quick=given.quick)
    print(f"{where.machine}, Python {where.python}, commit {where.commit}\n")
    if where.busy:
        print(f"The machine is busy ({where.load_before} runnable processes a core): do not quote these figures.\n")
    with tempfile.TemporaryDirectory(prefix="nextbest-bench-") as folder:
        workshop = Workshop(Path(folder))
        for name in given.cases or CASES:
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            result = CASES[name](workshop, given.quick)
            print(as_table(result), flush=True)
            results.append(as_json(result, where))
            missed |= not all(target.met for target in result.targets)
            if given.json is None and not given.quick:
                RESULTS.mkdir(exist_ok=True)
                (RESULTS / f"{name}.json").write_text(results[-1], encoding="utf-8")
    if given.json is not None:
        given.json.write_text(json.dumps([json.loads(each) for each in results], indent=2) + "\n", encoding="utf-8")
    return 1 if missed and given.strict else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures the product beside public peers, in the same run on the same machine. Results go to "
        "bench/results, unless --quick or --json is given.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "cases", nargs="*", choices=[*CASES, []], metavar="case", help=f"of {', '.join(CASES)}; all of them by default"
    )
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: to see that it works, not to quote")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results to one file instead")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where a target is missed")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
