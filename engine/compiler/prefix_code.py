"""Code of the shared prefix: what every channel and stage reads of a row, filled in once."""

from collections.abc import Mapping
from datetime import date

from engine.compiler.emit import Emitter
from engine.compiler.function import Function, Program
from engine.compiler.slots import SlotTable
from engine.facts import NAN, FactSpec, FactType, Held, is_missing
from engine.ids import FactName
from engine.plan import Calculated


def complete(program: Program) -> str:
    """Complements of sets, the facts as guards see them, defaults."""
    table = program.table
    lines = ["def complete(row):", "    pass"]
    for spec in program.profile:
        if spec.type is FactType.SET:
            mask, complement = table.slot_by_fact[spec.name], table.complement_by_fact[spec.name]
            lines.append(f"    if row[{mask}] is None: row[{mask}] = row[{complement}] = 0")
            lines.append(f"    else: row[{complement}] = ~row[{mask}]")
    running = [spec for spec, calculated in program.calculated if calculated.running is not None]
    spec_by_name = {spec.name: spec for spec in (*program.profile, *table.consent, *running)}
    for name, slot in table.guarded_slot_by_fact.items():
        if name not in spec_by_name:
            continue
        lines.append(f"    row[{slot}] = row[{table.slot_by_fact[name]}]")
        default = program.guard_defaults.get(name)
        if default is not None:
            lines.append(f"    if {_is_missing(spec_by_name[name], slot)}: row[{slot}] = {default!r}")
    for spec in (*program.profile, *running):
        if not is_missing(spec.default):
            slot = table.slot_by_fact[spec.name]
            lines.append(f"    if {_is_missing(spec, slot)}: row[{slot}] = {spec.default!r}")
    return "\n".join([*lines, ""])


def _is_missing(spec: FactSpec, slot: int) -> str:
    return f"row[{slot}] is None" if spec.missing is None else f"row[{slot}] != row[{slot}]"


def infer(program: Program) -> str:
    """Calculated facts and needs, each from those before it."""
    table = program.table
    function = Function("infer", "row", Emitter(table))
    for spec, calculated in program.calculated:
        if calculated.running is not None:
            continue
        _calculate(function, table, table.slot_by_fact, spec, calculated)
        if spec.name in table.guarded_slot_by_fact:
            _calculate_for_guards(function, program, spec, calculated)
    for need in program.needs:
        slot = table.slot_by_fact[need.name]
        holds = function.emitter.true(need.condition)
        if need.lasts is not None:
            last_held = function.emitter.local(table.last_held_slot_by_need[need.name])
            holds += f" or {last_held} >= {function.emitter.local(table.window_slot(need.lasts))}"
        function.lines.append(f"    v{slot} = row[{slot}] = bool({holds})")
        function.assigned.add(slot)
    function.lines.append("    return None")
    return function.source()


def _calculate_for_guards(function: Function, program: Program, spec: FactSpec, calculated: Calculated) -> None:
    """What guards see is calculated from what guards see: the catalogue's defaults must not reach them this way."""
    table = program.table
    _calculate(function, table, {**table.slot_by_fact, **table.guarded_slot_by_fact}, spec, calculated)
    default = program.guard_defaults.get(spec.name)
    if default is not None:
        slot = table.guarded_slot_by_fact[spec.name]
        function.lines.append(f"    if {_is_missing(spec, slot)}: row[{slot}] = v{slot} = {default!r}")


def _calculate(
    function: Function,
    table: SlotTable,
    slot_by_fact: Mapping[FactName, int],
    spec: FactSpec,
    calculated: Calculated,
) -> None:
    slot = slot_by_fact[spec.name]
    operands = [
        function.emitter.local(table.today_slot if name == "today" else slot_by_fact[name])
        for name in calculated.operands
    ]
    first, last = operands[0], operands[-1]
    expression = {
        "sum": " + ".join(operands),
        "difference": f"{first} - {last}",
        "ratio": f"(2 * {first} * {10**spec.decimals} + {last}) // (2 * {last}) if {last} != 0 else NAN",
        "months_between": f"months_between({first}, {last})",
    }[calculated.operation]
    function.lines.append(f"    v{slot} = {expression}")
    function.lines.append(f"    row[{slot}] = v{slot} = v{slot} if -MAX <= v{slot} <= MAX else NAN")
    function.assigned.add(slot)


def months_between(first: Held, last: Held) -> Held:
    """Whole calendar months from one day ordinal to another, negative backwards; NaN where one is missing."""
    if not isinstance(first, int) or not isinstance(last, int):
        return NAN
    start, end = date.fromordinal(min(first, last)), date.fromordinal(max(first, last))
    months = (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)
    return months if first <= last else -months
