"""What a case found, as JSON that names machine and commit, and as a table for people; pure but for `surroundings`."""

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from bench.measure import Spread

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One timed thing."""

    what: str
    rules: int
    """How many rule blocks were involved."""
    spread: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number that is no latency, with its unit."""

    what: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What was to be reached, and what was."""

    what: str
    bound: Literal["at most", "at least"]
    target: float
    measured: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the measured value reaches the target."""
        return self.measured <= self.target if self.bound == "at most" else self.measured >= self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """All that one case found."""

    case: str
    title: str
    measurements: tuple[Measurement, ...] = ()
    figures: tuple[Figure, ...] = ()
    targets: tuple[Target, ...] = ()
    notes: tuple[str, ...] = ()
    details: dict[str, object] = field(default_factory=dict)
    """Whatever else a reader of the JSON may want."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where and when it was measured."""

    at: str
    commit: str
    python: str
    machine: str
    load_before: float
    """Runnable processes a core, over the minute before: others that want the processor make every figure worse."""
    quick: bool

    @property
    def busy(self) -> bool:
        """Whether others were at work, so that the figures should not be quoted."""
        return self.load_before > _BUSY


_BUSY: Final = 0.25


def surroundings(*, quick: bool) -> Surroundings:
    """This machine, this commit, now."""
    return Surroundings(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=_commit(),
        python=platform.python_version(),
        machine=f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        load_before=round(os.getloadavg()[0] / (os.cpu_count() or 1), 2),
        quick=quick,
    )


def _commit() -> str:
    def git(*arguments: str) -> str:
        found = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
        return found.stdout.strip() if found.returncode == 0 else ""

    changed = git("status", "--porcelain", "--", "engine", "models", "api", "bench")
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + (" with changes" if changed else "")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or "unknown processor"


def as_json(result: CaseResult, where: Surroundings) -> str:
    """The result as JSON text."""
    targets = [{**asdict(target), "met": target.met} for target in result.targets]
    return json.dumps({**asdict(where), **asdict(result), "targets": targets}, indent=2) + "\n"


def as_table(result: CaseResult) -> str:
    """The result for people."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: CaseResult) -> Iterator[str]:
    yield f"{result.case}: {result.title}"
    if result.measurements:
        head = ("microseconds", "rules", "calls", "p50", "p95", "p99")
        rows = [
            (each.what, str(each.rules), str(s.calls), f"{s.p50_us:.1f}", f"{s.p95_us:.1f}", f"{s.p99_us:.1f}")
            for each in result.measurements
            for s in (each.spread,)
        ]
        yield from _columns([head, *rows])
    if result.figures:
        yield from _columns([(each.what, f"{each.value:,.4g}", each.unit) for each in result.figures])
    for target in result.targets:
        verdict = "met" if target.met else "MISSED"
        unit = f" {target.unit}" if target.unit else ""
        yield f"{verdict}: {target.what}: {target.measured:.4g}{unit}, {target.bound} {target.target:g}{unit}"
    yield from result.notes


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        first, *others = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  " + "  ".join([first, *others]).rstrip()
