"""Code of values, terms and the conditions of treatments, each evaluated for the few actions that are left."""

from collections.abc import Iterator, Sequence
from math import lcm

from engine.compiler.amounts import AmountTable, TermsTable
from engine.compiler.emit import Emitter
from engine.compiler.function import Function, Program, branches, within
from engine.syntax import Linear


def value_of(program: Program, action: int, tables: Sequence[AmountTable]) -> str:
    """An action's value, by the file of the day; nothing where none is valid."""
    function = Function(f"value_{action}", "row", Emitter(program.table), ["    amount = 0.0"])
    for table in tables:
        indent = within(function, program, table.validity)
        function.lines.extend(_amounts(function, program, table, indent))
    function.lines.append("    return amount")
    return function.source()


def terms_of(program: Program, action: int, tables: Sequence[TermsTable]) -> str:
    """An action's terms, by the file of the day; an unknown one is left out."""
    function = Function(f"terms_{action}", "row", Emitter(program.table), ["    terms = {}"])
    for each in tables:
        indent = within(function, program, each.validity)
        for name, table in each.terms:
            function.lines.extend(_amounts(function, program, table, indent))
            function.lines.append(f"{indent}if amount == amount: terms[{name!r}] = amount")
        function.lines.append(f"{indent}pass")
    function.lines.append("    return terms")
    return function.source()


def _amounts(function: Function, program: Program, table: AmountTable, indent: str) -> Iterator[str]:
    """Lines that set `amount` by the first true row."""
    chain = [
        (function.emitter.true(condition), f"amount = {_amount(function, program, amount)}")
        for condition, amount in table.rows
    ]
    return branches(chain, indent)


def _amount(function: Function, program: Program, amount: Linear) -> str:
    """Whole numbers and one division, so that a float comes nearest to the exact amount."""
    whole = lcm(amount.factor.denominator, amount.constant.denominator)
    factor, constant = int(amount.factor * whole), int(amount.constant * whole)
    if amount.fact is None:
        return repr(constant / whole)
    fact = function.emitter.local(program.table.slot_of(amount.fact))
    return f"({factor} * {fact} + {constant}) / {whole}"


def fits(program: Program) -> list[str]:
    """One function for each condition of a treatment."""
    sources = []
    for position, condition in enumerate(program.treatment_conditions):
        function = Function(f"fits_{position}", "row", Emitter(program.table))
        function.lines.append(f"    return {function.emitter.true(condition)}")
        sources.append(function.source())
    return sources
