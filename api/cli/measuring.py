"""`nextbest bench`: the micro-benchmarks, in a process of their own."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import AsJson, Usage, leave, plainly, put


@plainly
def bench(
    cases: Annotated[list[str] | None, typer.Argument(help="Which cases; all of them by default.")] = None,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer repetitions: to see that it works.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 where a target is missed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure the engine beside public peers on this machine."""
    flags = [flag for flag, given in (("--quick", quick), ("--strict", strict)) if given]
    command = [sys.executable, "-m", "bench", *(cases or []), *flags]
    if not as_json:
        leave(_run(command))
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.json"
        code = _run([*command, "--json", str(results)], tables=False)
        if results.is_file():
            put(results.read_text(encoding="utf-8").rstrip())
    leave(code)


def _run(command: list[str], *, tables: bool = True) -> int:
    """The exit code of the benchmarks."""
    ended = subprocess.run(command, check=False, stdout=None if tables else subprocess.DEVNULL)
    if ended.returncode < 0:
        raise Usage("the benchmarks were stopped")
    return ended.returncode
