"""The command line: `python -m demobank`. Progress goes to standard error, the summary to standard output."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from demobank.build import Built, Request, build, steps
from demobank.rulebook import CannotBuildBank

FINE, USAGE = 0, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when the bank is there, 2 when what was asked for cannot be made."""
    options = _parser().parse_args(arguments)
    request = Request(
        rules=options.rules,
        data_dir=options.data_dir,
        customers=options.customers,
        seed=options.seed,
        as_of=options.as_of or datetime.now(UTC).date(),
        force=options.force,
    )
    started = time.perf_counter()
    try:
        built = _build_with_progress(request)
    except CannotBuildBank as err:
        print(f"demobank: {err}", file=sys.stderr)
        return USAGE
    _summarise(request, built, time.perf_counter() - started, as_json=options.json)
    return FINE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="demobank", description="Generate the demonstration bank.")
    parser.add_argument("--rules", type=Path, default=Path("rules"), help="folder of the rule files (default: rules)")
    parser.add_argument("--data-dir", type=Path, required=True, help="where bank/ and truth/ are written")
    parser.add_argument("--customers", type=int, default=20_000, help="how many customers (default: 20000)")
    parser.add_argument("--seed", type=int, default=7, help="which world (default: 7)")
    parser.add_argument(
        "--as-of", type=date.fromisoformat, metavar="YYYY-MM-DD", help="the day the history ends (default: today)"
    )
    parser.add_argument("--force", action="store_true", help="make it again even if it is there")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    return parser


def _build_with_progress(request: Request) -> Built:
    columns = (TextColumn("{task.description:28}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading the rules", total=steps())
        return build(request, lambda done, doing: progress.update(task, completed=done, description=doing))


def _summarise(request: Request, built: Built, seconds: float, *, as_json: bool) -> None:
    if as_json:
        summary = {
            "customers": request.customers,
            "seed": request.seed,
            "as_of": request.as_of.isoformat(),
            "reused": built.reused,
            "seconds": round(seconds, 3),
            "files": {name: asdict(file) for name, file in sorted(built.files.items())},
        }
        print(json.dumps(summary, indent=2))
        return
    verb = "already there" if built.reused else f"made in {seconds:.1f} s"
    print(f"demonstration bank of {request.customers:,} customers {verb}: {request.data_dir}")
    for name, file in sorted(built.files.items()):
        print(f"  {name:28} {file.rows:>12,} rows {file.bytes / 1e6:>9.1f} MB")
