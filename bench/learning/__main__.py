"""`python -m bench.learning`: lives through hidden worlds, with the model and with popularity, and judges the runs.

Every run is kept, so that worlds can be added one by one; a run that is there already is not made again. With
`--choosers engine` every choice of the model is a whole decision of the engine.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from api.bootstrap import compile_rules
from bench.learning.engine import live_through_engine
from bench.learning.figures import ENGINE, LAST, MODEL, POPULARITY, paired, plot, read_runs, result, write_run
from bench.learning.learner import Make, Model, Popularity
from bench.learning.loop import Week, live
from bench.report import ROOT, as_json, as_table, surroundings
from engine import Plan

RESULTS: Final = ROOT / "bench" / "results"
MAKERS: Final[dict[str, Make]] = {MODEL: Model, POPULARITY: Popularity}


def main(arguments: Sequence[str]) -> int:
    """Live through what is missing, then judge; 0, or 1 where a target is missed."""
    told = _parser().parse_args(arguments)
    plan = compile_rules(told.rules)
    for seed in told.seeds:
        for chooser in told.choosers:
            file = told.runs / f"{seed}-{chooser}.json"
            if file.exists():
                continue
            sys.stdout.write(f"world {seed}, {chooser} ...\n")
            sys.stdout.flush()
            with tempfile.TemporaryDirectory(prefix="nbl-") as folder:
                weeks, agreement = _lived(chooser, plan, told.rules, Path(folder), seed, told.customers)
            write_run(file, weeks, seed=seed, customers=told.customers, chooser=chooser, **agreement)
    runs = read_runs(told.runs)
    if not paired(runs):
        return 0
    found = result(runs)
    sys.stdout.write(as_table(found))
    told.runs.with_suffix(".json").write_text(as_json(found, surroundings(quick=False)), encoding="utf-8")
    plot(runs, told.runs.with_suffix(".svg"))
    return 0 if all(target.met for target in found.targets) else 1


def _lived(
    chooser: str, plan: Plan, rules: Path, folder: Path, seed: int, customers: int
) -> tuple[Sequence[Week], dict[str, float]]:
    if chooser == ENGINE:
        return live_through_engine(rules, folder, seed=seed, customers=customers, weeks=LAST)
    return live(plan, rules, folder, MAKERS[chooser], seed=seed, customers=customers, weeks=LAST), {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.learning", description=__doc__, allow_abbrev=False)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(7, 17)), help="which worlds")
    parser.add_argument("--choosers", nargs="+", choices=[*MAKERS, ENGINE], default=list(MAKERS))
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--rules", type=Path, default=Path("rules"))
    parser.add_argument("--runs", type=Path, default=RESULTS / "learning", help="where runs are kept")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
