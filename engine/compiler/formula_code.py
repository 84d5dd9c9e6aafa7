"""Code of the ranking formula: one expression over the offer's factors and a customer's numbers."""

from typing import Final

from engine.compiler.emit import Emitter
from engine.compiler.formula import Amount, Calculation, Fact, Factor, ReadFormula, Term
from engine.compiler.slots import SlotTable
from engine.plan import FACTORS

MOST: Final = 1e15
"""What is larger counts as unknown, and so as nothing."""
_FUNCTIONS: Final = {"min": "least", "max": "most", "/": "ratio"}


def ranking_of(table: SlotTable, formula: ReadFormula | None) -> str:
    """The function `ranking`, in major units; nothing below zero, and nothing where it is unknown.

    INVARIANT: names are those of factors, literals are floats written with repr.
    """
    if formula is None:
        return "ranking = None\n"
    emitter = Emitter(table)
    expression = _expression(formula.term, emitter, table)
    loads = [f"    v{slot} = row[{slot}]" for slot in sorted(emitter.read)]
    lines = [
        f"def ranking(row, {', '.join(FACTORS)}):",
        *loads,
        f"    found = {expression}",
        f"    return found if 0.0 < found < {MOST!r} else 0.0",
        "",
    ]
    return "\n".join(lines)


def _expression(term: Term, emitter: Emitter, table: SlotTable) -> str:
    match term:
        case Amount(value):
            return repr(value)
        case Factor(name):
            return name
        case Fact(ref):
            return f"({emitter.local(table.slot_of(ref))} / {10**ref.spec.decimals})"
        case Calculation(operator, operands):
            found = [_expression(each, emitter, table) for each in operands]
            if operator in _FUNCTIONS:
                return f"{_FUNCTIONS[operator]}({', '.join(found)})"
            return f"(-{found[0]})" if len(found) == 1 else f"({f' {operator} '.join(found)})"
