"""Which cells of rule files their tests have seen true and false.

A test is about the file in which it stands, and about the guards, which have no tests of their own. What is unknown
counts as neither. Of histories, that something has happened may be seen in any file's tests.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.compiler.bundle import Bundle
from engine.errors import Span
from engine.generated import Row
from engine.plan import Plan
from engine.ruletests import RuleTestResult
from engine.syntax import All, AnyOf, Condition, LastAgo, Not, Seen, SeenSince, atoms


@dataclass(frozen=True, slots=True, kw_only=True)
class CellCoverage:
    """One cell or history condition, as it stands in a file, and what its tests have seen of it."""

    span: Span
    text: str
    seen_true: bool
    seen_false: bool

    @property
    def missing(self) -> str:
        """What no test has seen: `true`, `false`, `true or false`, or nothing."""
        return " or ".join(word for word, seen in (("true", self.seen_true), ("false", self.seen_false)) if not seen)

    def __str__(self) -> str:
        return f"{self.span}: `{self.text}` was never seen {self.missing}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """All cells, in file order."""

    cells: tuple[CellCoverage, ...]

    @property
    def never_seen(self) -> tuple[CellCoverage, ...]:
        """Those that no test has seen both true and false."""
        return tuple(cell for cell in self.cells if cell.missing)

    @property
    def share(self) -> float:
        """How many of the sides of all cells were seen, from 0 to 1; 1 where there is no cell."""
        seen = sum(cell.seen_true + cell.seen_false for cell in self.cells)
        return seen / (2 * len(self.cells)) if self.cells else 1.0


def coverage_of(bundle: Bundle, results: Sequence[RuleTestResult]) -> Coverage:
    """What the tests that were run have seen of every cell."""
    rows_by_file: dict[str, list[Row]] = {}
    for result in results:
        if result.row is not None:
            rows_by_file.setdefault(result.span.path, []).append(result.row)
    every_row = [row for rows in rows_by_file.values() for row in rows]
    guards = [guard.condition for guard in bundle.plan.guards]
    found = [
        *_cells(bundle.plan, bundle.conditions, rows_by_file, every_row),
        *_cells(bundle.plan, guards, {guard.head.span.path: every_row for guard in bundle.plan.guards}, guarded=True),
    ]
    return Coverage(cells=tuple(sorted(found, key=lambda cell: (cell.span, cell.text))))


def _cells(
    plan: Plan,
    conditions: Iterable[Condition],
    rows_by_file: Mapping[str, Sequence[Row]],
    every_row: Sequence[Row] = (),
    *,
    guarded: bool = False,
) -> Iterator[CellCoverage]:
    """A cell such as `18..65` consists of several comparisons, which count together."""
    for (span, text), parts in _by_cell(conditions).items():
        cell: Condition = parts[0] if len(parts) == 1 else All(tuple(dict.fromkeys(parts)))
        seen = {plan.tracer.truth(cell, row, guarded=guarded) for row in rows_by_file.get(span.path, ())}
        if (happened := _happened(parts)) is not None and happened not in seen:
            # What has happened in the tests of another file has been seen to be found.
            seen.update({happened} & {plan.tracer.truth(cell, row, guarded=guarded) for row in every_row})
        yield CellCoverage(span=span, text=text, seen_true=True in seen, seen_false=False in seen)


def _by_cell(conditions: Iterable[Condition]) -> Mapping[tuple[Span, str], list[Condition]]:
    """The parts of each cell as it stands in its file: `holds.isa: false`, not what it negates."""
    texts: dict[Span, str] = {}
    parts: dict[tuple[Span, str], list[Condition]] = {}
    for condition in conditions:
        for span, text, part in _parts(condition):
            if isinstance(part, Not):
                texts[span] = text
            parts.setdefault((span, text), []).append(part)
    merged: dict[tuple[Span, str], list[Condition]] = {}
    for (span, text), found in parts.items():
        merged.setdefault((span, texts.get(span, text)), []).extend(found)
    return merged


def _parts(condition: Condition) -> Iterator[tuple[Span, str, Condition]]:
    match condition:
        case Not(item, written) if written and (first := next(atoms(item), None)) is not None:
            yield first.span, written, condition
        case Not(item):
            yield from _parts(item)
        case All(items) | AnyOf(items):
            for each in items:
                yield from _parts(each)
        case _:
            yield condition.span, condition.text, condition


def _happened(parts: Sequence[Condition]) -> bool | None:
    """What a history condition is where its event has happened; None of any other cell."""
    if not all(isinstance(atom, Seen | LastAgo | SeenSince) for part in parts for atom in atoms(part)):
        return None
    return not any(isinstance(part, Not) for part in parts)
