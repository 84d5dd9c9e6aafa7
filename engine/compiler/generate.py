"""Generates the Python functions of a plan from checked rules, and loads them.

Each function first copies the slots it reads into locals; after that a condition is a plain expression. A shared
prefix (complete, infer) comes first, then one function per stage, and one engagement function per channel.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import lcm
from types import CodeType
from typing import Any, Final, Protocol, cast

from engine.compiler.amounts import AmountTable, TermsTable
from engine.compiler.emit import Emitter
from engine.compiler.slots import MOMENT, SlotTable
from engine.events import EventLayout
from engine.facts import MAX_HELD, NAN, FactSpec, FactType, Held, ProfileSchema, is_missing
from engine.ids import FactName, MomentId
from engine.plan import ActionRules, Calculated, Guard, Need, Row, RuleHead, Theme, Trigger, Validity
from engine.reasons import Reason
from engine.syntax import ALWAYS, Condition, Linear


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


@dataclass(slots=True)
class _Function:
    """A function being written."""

    name: str
    parameters: str
    emitter: Emitter
    lines: list[str] = field(default_factory=list)
    assigned: set[int] = field(default_factory=set)

    def source(self) -> str:
        loads = [f"    v{slot} = row[{slot}]" for slot in sorted(self.emitter.read - self.assigned)]
        return "\n".join([f"def {self.name}({self.parameters}):", *loads, *self.lines, ""])


class GeneratedCode:
    """The loaded functions; implements `engine.plan.Generated`."""

    __slots__ = (
        "_engage",
        "_fits",
        "_terms",
        "_values",
        "complete",
        "guards",
        "infer",
        "promotions",
        "suppressions",
        "themes",
    )

    def __init__(self, namespace: Mapping[str, Any], channel_count: int) -> None:
        self.complete: Callable[[Row], None] = namespace["complete"]
        self.infer: Callable[[Row], None] = namespace["infer"]
        self.guards: Callable[[Row], list[int]] = namespace["guards"]
        self.suppressions: Callable[[Row], list[int]] = namespace["suppressions"]
        self.promotions: Callable[[Row], list[int]] = namespace["promotions"]
        self.themes: Callable[[Row], list[int]] = namespace["themes"]
        self._engage = tuple(namespace[f"engage_{channel}"] for channel in range(channel_count))
        self._values: Mapping[int, Callable[[Row], float]] = namespace["VALUES"]
        self._terms: Mapping[int, Callable[[Row], dict[str, float]]] = namespace["TERMS"]
        self._fits: Sequence[Callable[[Row], bool]] = namespace["FITS"]

    def engage(self, channel: int, row: Row, codes: bytearray) -> list[int]:
        """See `Generated.engage`."""
        return cast(list[int], self._engage[channel](row, codes))

    def value(self, action: int, row: Row) -> float:
        """See `Generated.value`."""
        return self._values[action](row)

    def terms(self, action: int, row: Row) -> Mapping[str, float]:
        """See `Generated.terms`."""
        return self._terms[action](row)

    def fits(self, condition: int, row: Row) -> bool:
        """See `Generated.fits`."""
        return bool(self._fits[condition](row))


PLAN: Final = "<plan>"
"""What generated functions call their file."""
FILTER: Final = "<event filter>"
_HELPERS: Final = frozenset({"NAN", "MAX", "months_between", "__builtins__"})


def generate(program: Program) -> tuple[str, GeneratedCode]:
    """The source of all functions, and the functions."""
    source = "\n".join(
        [
            _complete(program),
            _infer(program),
            _guards(program),
            _suppressions(program),
            _promotions(program),
            _themes(program),
            *(_engage(program, channel) for channel in range(program.channel_count)),
            *(_value(program, action, tables) for action, tables in program.values.items()),
            *(_terms(program, action, tables) for action, tables in program.terms.items()),
            *_fits(program),
            "VALUES = {" + ", ".join(f"{action}: value_{action}" for action in program.values) + "}",
            "TERMS = {" + ", ".join(f"{action}: terms_{action}" for action in program.terms) + "}",
            "FITS = [" + ", ".join(f"fits_{at}" for at in range(len(program.treatment_conditions))) + "]",
        ]
    )
    return source, load_generated(compile(source, PLAN, "exec"), program.channel_count)


def load_generated(code: CodeType, channel_count: int) -> GeneratedCode:
    """The functions of compiled source.

    INVARIANT: no function is reachable from its own globals, so that a plan goes with its last reference: servers keep
    the collector away from plans, see `api/bootstrap.py`.
    """
    namespace: dict[str, Any] = {"NAN": NAN, "MAX": MAX_HELD, "months_between": months_between}
    exec(code, namespace)  # noqa: S102 - made from the checked tree alone
    generated = GeneratedCode(namespace, channel_count)
    for name in [each for each in namespace if each not in _HELPERS]:
        del namespace[name]
    return generated


# --- the shared prefix -----------------------------------------------------------------------------------------------


def _complete(program: Program) -> str:
    table = program.table
    lines = ["def complete(row):", "    pass"]
    for spec in program.profile:
        if spec.type is FactType.SET:
            mask, complement = table.slot_by_fact[spec.name], table.complement_by_fact[spec.name]
            lines.append(f"    if row[{mask}] is None: row[{mask}] = row[{complement}] = 0")
            lines.append(f"    else: row[{complement}] = ~row[{mask}]")
    spec_by_name = {spec.name: spec for spec in (*program.profile, *table.consent)}
    for name, slot in table.guarded_slot_by_fact.items():
        if name in table.calculated:
            continue
        lines.append(f"    row[{slot}] = row[{table.slot_by_fact[name]}]")
        default = program.guard_defaults.get(name)
        if default is not None:
            lines.append(f"    if {_is_missing(spec_by_name[name], slot)}: row[{slot}] = {default!r}")
    for spec in program.profile:
        if not is_missing(spec.default):
            slot = table.slot_by_fact[spec.name]
            lines.append(f"    if {_is_missing(spec, slot)}: row[{slot}] = {spec.default!r}")
    return "\n".join([*lines, ""])


def _is_missing(spec: FactSpec, slot: int) -> str:
    return f"row[{slot}] is None" if spec.missing is None else f"row[{slot}] != row[{slot}]"


def _infer(program: Program) -> str:
    table = program.table
    function = _Function("infer", "row", Emitter(table))
    for spec, calculated in program.calculated:
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


def _calculate_for_guards(function: _Function, program: Program, spec: FactSpec, calculated: Calculated) -> None:
    """What guards see is calculated from what guards see: the catalogue's defaults must not reach them this way."""
    table = program.table
    _calculate(function, table, {**table.slot_by_fact, **table.guarded_slot_by_fact}, spec, calculated)
    default = program.guard_defaults.get(spec.name)
    if default is not None:
        slot = table.guarded_slot_by_fact[spec.name]
        function.lines.append(f"    if {_is_missing(spec, slot)}: row[{slot}] = v{slot} = {default!r}")


def _calculate(
    function: _Function,
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


# --- stages ----------------------------------------------------------------------------------------------------------


class _Ruled(Protocol):
    @property
    def head(self) -> RuleHead: ...


def _guards(program: Program) -> str:
    function = _Function("guards", "row", Emitter(program.table, guarded=True), ["    fired = []"])
    for position, guard in enumerate(program.guards):
        _fire(function, program, position, guard, f"not ({function.emitter.false(guard.condition)})")
    return _returning_fired(function)


def _suppressions(program: Program) -> str:
    function = _Function("suppressions", "row", Emitter(program.table), ["    fired = []"])
    for position, trigger in enumerate(program.triggers):
        if trigger.suppression is not None:
            excludes = f"not ({function.emitter.false(trigger.suppression)})"
            if trigger.moments is not None:
                moment = function.emitter.local(program.table.slot_by_fact[MOMENT])
                excludes = f"({moment} is None or {_of_moments(program, moment, trigger)}) and {excludes}"
            _fire(function, program, position, trigger, excludes)
    return _returning_fired(function)


def _promotions(program: Program) -> str:
    function = _Function("promotions", "row", Emitter(program.table), ["    fired = []"])
    for position, trigger in enumerate(program.triggers):
        if trigger.promotes:
            admits = function.emitter.true(trigger.condition)
            if trigger.moments is not None:
                moment = function.emitter.local(program.table.slot_by_fact[MOMENT])
                admits = f"{_of_moments(program, moment, trigger)} and ({admits})"
            _fire(function, program, position, trigger, admits)
    return _returning_fired(function)


def _themes(program: Program) -> str:
    function = _Function("themes", "row", Emitter(program.table), ["    fired = []"])
    for position, theme in enumerate(program.themes):
        _fire(function, program, position, theme, function.emitter.true(theme.condition))
    return _returning_fired(function)


def _of_moments(program: Program, moment: str, trigger: Trigger) -> str:
    assert trigger.moments is not None
    codes = sorted(program.moments.index(each) for each in trigger.moments)
    return f"{moment} in {{{', '.join(map(str, codes))}}}" if codes else "False"


def _fire(function: _Function, program: Program, position: int, rule: _Ruled, condition: str) -> None:
    validity = _in_validity(function, program, rule.head.validity)
    function.lines.append(f"    if {validity}{condition}: fired.append({position})")


def _in_validity(function: _Function, program: Program, validity: Validity) -> str:
    if not validity.bounded:
        return ""
    today = function.emitter.local(program.table.today_slot)
    return f"{validity.first_day} <= {today} <= {validity.last_day} and "


def _returning_fired(function: _Function) -> str:
    function.lines.append("    return fired")
    return function.source()


def _engage(program: Program, channel: int) -> str:
    """Codes are written per action; an action whose code is set already was stopped before and stays untouched."""
    table = program.table
    emitter = Emitter(table, fixed={table.request_offset: channel})
    function = _Function(f"engage_{channel}", "row, codes", emitter, ["    passed = []"])
    for position, rules in enumerate(program.actions):
        function.lines.append(f"    if not codes[{position}]:")
        branch = "if"
        for version in rules.versions:
            chain = [
                f"not ({emitter.true(condition)}): codes[{position}] = {int(reason)}"
                for condition, reason in version.stages
                if condition != ALWAYS
            ]
            chain.append(f"True: passed.append({position})")
            if not version.head.validity.bounded:
                function.lines.extend(_branches(chain, "        "))
                break
            inside = _in_validity(function, program, version.head.validity).removesuffix(" and ")
            function.lines.append(f"        {branch} {inside}:")
            function.lines.extend(_branches(chain, "            "))
            branch = "elif"
        else:
            function.lines.append(f"        else: codes[{position}] = {int(Reason.OUTSIDE_VALIDITY)}")
    function.lines.append("    return passed")
    return function.source()


def _branches(chain: Sequence[str], indent: str) -> Iterator[str]:
    """Conditions with what they do as one `if`; the last of them always holds."""
    for at, each in enumerate(chain):
        condition, _, action = each.rpartition(": ")
        if at == len(chain) - 1:
            yield f"{indent}{'else: ' if at else ''}{action}"
        else:
            yield f"{indent}{'elif' if at else 'if'} {condition}: {action}"


def _value(program: Program, action: int, tables: Sequence[AmountTable]) -> str:
    function = _Function(f"value_{action}", "row", Emitter(program.table), ["    amount = 0.0"])
    for table in tables:
        indent = _within(function, program, table.validity)
        function.lines.extend(_amounts(function, program, table, indent))
    function.lines.append("    return amount")
    return function.source()


def _terms(program: Program, action: int, tables: Sequence[TermsTable]) -> str:
    function = _Function(f"terms_{action}", "row", Emitter(program.table), ["    terms = {}"])
    for each in tables:
        indent = _within(function, program, each.validity)
        for name, table in each.terms:
            function.lines.extend(_amounts(function, program, table, indent))
            function.lines.append(f"{indent}if amount == amount: terms[{name!r}] = amount")
        function.lines.append(f"{indent}pass")
    function.lines.append("    return terms")
    return function.source()


def _within(function: _Function, program: Program, validity: Validity) -> str:
    """Open a branch for the days of a window, if it has any end; returns the indentation inside."""
    if not validity.bounded:
        return "    "
    inside = _in_validity(function, program, validity).removesuffix(" and ")
    function.lines.append(f"    if {inside}:")
    return "        "


def _amounts(function: _Function, program: Program, table: AmountTable, indent: str) -> Iterator[str]:
    """Lines that set `amount` by the first true row."""
    chain = [
        f"{function.emitter.true(condition)}: amount = {_amount(function, program, amount)}"
        for condition, amount in table.rows
    ]
    return _branches(chain, indent)


def _amount(function: _Function, program: Program, amount: Linear) -> str:
    """Whole numbers and one division, so that a float comes nearest to the exact amount."""
    whole = lcm(amount.factor.denominator, amount.constant.denominator)
    factor, constant = int(amount.factor * whole), int(amount.constant * whole)
    if amount.fact is None:
        return repr(constant / whole)
    fact = function.emitter.local(program.table.slot_of(amount.fact))
    return f"({factor} * {fact} + {constant}) / {whole}"


def _fits(program: Program) -> list[str]:
    sources = []
    for position, condition in enumerate(program.treatment_conditions):
        function = _Function(f"fits_{position}", "row", Emitter(program.table))
        function.lines.append(f"    return {function.emitter.true(condition)}")
        sources.append(function.source())
    return sources


def generate_filter(condition: Condition, fields: Sequence[FactSpec]) -> Callable[[Sequence[Held]], bool]:
    """A function that tells whether an event's held fields pass a filter."""
    table = SlotTable(
        profile=ProfileSchema(tuple(fields)),
        event_layout=EventLayout(()),
        consent=(),
        context=(),
        calculated=(),
        needs=(),
        guarded=(),
    )
    table.fix((), ())
    function = _Function("matches", "row", Emitter(table))
    function.lines.append(f"    return {function.emitter.true(condition)}")
    namespace: dict[str, Any] = {}
    exec(compile(function.source(), FILTER, "exec"), namespace)  # noqa: S102 - from the checked tree alone
    return cast(Callable[[Sequence[Held]], bool], namespace.pop("matches"))
