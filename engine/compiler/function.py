"""A function being written: its lines, and the slots of the row that it copies into locals first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.compiler.amounts import AmountTable, TermsTable
from engine.compiler.emit import Emitter
from engine.compiler.formula import ReadFormula
from engine.compiler.sharing import shared
from engine.compiler.slots import SlotTable
from engine.facts import FactSpec, Held
from engine.ids import FactName, MomentId
from engine.plan import ActionRules, Calculated, Guard, Need, Theme, Trigger, Validity
from engine.syntax import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Everything that becomes code."""

    table: SlotTable
    profile: tuple[FactSpec, ...]
    guard_defaults: Mapping[FactName, Held]
    calculated: Sequence[tuple[FactSpec, Calculated]]
    needs: Sequence[Need]
    guards: Sequence[Guard]
    triggers: Sequence[Trigger]
    themes: Sequence[Theme]
    actions: Sequence[ActionRules]
    values: Mapping[int, Sequence[AmountTable]]
    """The values that are not plain numbers, one table for each file of the action."""
    terms: Mapping[int, Sequence[TermsTable]]
    """The terms that are not plain numbers."""
    treatment_conditions: Sequence[Condition]
    moments: Sequence[MomentId]
    channel_count: int
    ranking: ReadFormula | None


@dataclass(slots=True)
class Function:
    """A function being written."""

    name: str
    parameters: str
    emitter: Emitter
    lines: list[str] = field(default_factory=list)
    assigned: set[int] = field(default_factory=set)

    def source(self) -> str:
        """The function, with what it reads and what its rules share ahead of them."""
        loads = [f"    v{slot} = row[{slot}]" for slot in sorted(self.emitter.read - self.assigned)]
        return "\n".join([f"def {self.name}({self.parameters}):", *loads, *shared(self.lines), ""])


def in_validity(function: Function, program: Program, validity: Validity) -> str:
    """What today has to be, with the `and` before a further condition; nothing for what is always valid."""
    if not validity.bounded:
        return ""
    today = function.emitter.local(program.table.today_slot)
    return f"{validity.first_day} <= {today} <= {validity.last_day} and "


def within(function: Function, program: Program, validity: Validity) -> str:
    """Open a branch for the days of a window, if it has any end; returns the indentation inside."""
    if not validity.bounded:
        return "    "
    inside = in_validity(function, program, validity).removesuffix(" and ")
    function.lines.append(f"    if {inside}:")
    return "        "


def branches(chain: Sequence[tuple[str, str]], indent: str) -> Iterator[str]:
    """Conditions with what they do as one `if`; the last of them always holds."""
    for at, (condition, action) in enumerate(chain):
        if at == len(chain) - 1:
            yield f"{indent}{'else: ' if at else ''}{action}"
        else:
            yield f"{indent}{'elif' if at else 'if'} {condition}: {action}"
