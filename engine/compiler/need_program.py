"""Compiles the needs and themes of a plan to rule sets for durable-rules, and to the function that tells it the facts.

Rules are told one message at a time, so a chain goes by strata: what the rules of one conclude is told to the next.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from engine.compiler.emit import Emitter
from engine.compiler.function import Function
from engine.compiler.need_rules import TRUE_FIELD, Expression, Fields, Test, definition, fields_of, true, ways
from engine.compiler.slots import SlotTable
from engine.compiler.trace import ConditionTracer
from engine.errors import Span
from engine.facts import ORDERED, FactType
from engine.generated import Row
from engine.ids import FactName
from engine.plan import Need, Plan
from engine.syntax import AnyOf, Condition, FactRef, atoms, facts_read

MOST_RULES: Final = 100
"""In one rule set; what durable-rules was seen to take."""
MOST_WAYS_TOGETHER: Final = 60
"""Ways in which the rules of one set may hold at once; more than 64 make durable-rules fail."""
MOST_FIELDS: Final = 150
"""Numbers in one message; more than 254 make durable-rules fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What a rule concludes: a need by its block, a need that lasts, or a theme."""

    rule: str
    need: FactName | None
    lasting: bool
    theme: int | None
    span: Span
    """Where the rule stands: of several blocks of a need, the one that held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """Rules that are told one message."""

    rules: Mapping[str, object]
    """In durable-rules' own form, by name."""
    reads: tuple[str, ...]
    """The numbers that its messages carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedProgram:
    """The chain from facts to needs, further needs and themes."""

    strata: tuple[tuple[RuleSet, ...], ...]
    conclusions: Mapping[str, Conclusion]
    """By the name of the rule."""
    field_by_rule: Mapping[str, str]
    """The number that becomes 1 where a rule holds; of needs alone, and 0 until then."""
    told: Callable[[Row, dict[str, int]], None]
    """Puts the numbers of a row into a message; what is unknown stays out."""

    @property
    def rule_count(self) -> int:
        """How many rules there are."""
        return len(self.conclusions)


@dataclass(frozen=True, slots=True)
class _Rule:
    conclusion: Conclusion
    expression: Expression
    stratum: int


def need_program(plan: Plan) -> NeedProgram:
    """The chain of a plan's needs and themes."""
    assert isinstance(plan.tracer, ConditionTracer)
    fields = Fields(needs=frozenset(need.name for need in plan.needs))
    rules = list(_rules(plan, fields))
    depth = max((rule.stratum for rule in rules), default=-1) + 1
    return NeedProgram(
        strata=tuple(tuple(_sets([rule for rule in rules if rule.stratum == at])) for at in range(depth)),
        conclusions={rule.conclusion.rule: rule.conclusion for rule in rules},
        field_by_rule={
            rule.conclusion.rule: name
            for rule in rules
            if rule.conclusion.need is not None and (name := fields.name_by_fact.get(rule.conclusion.need)) is not None
        },
        told=_told(plan.needs, fields, plan.tracer.table),
    )


def blocks_of(need: Need) -> tuple[Condition, ...]:
    """The blocks that reveal a need, each a rule of its own."""
    return need.condition.items if isinstance(need.condition, AnyOf) else (need.condition,)


def _rules(plan: Plan, fields: Fields) -> Iterator[_Rule]:
    stratum_by_need: dict[FactName, int] = {}
    for at, need in enumerate(plan.needs):
        stratum = _stratum([need.condition], stratum_by_need)
        stratum_by_need[need.name] = stratum
        for part, block in enumerate(blocks_of(need)):
            span = next((atom.span for atom in atoms(block)), need.span)
            yield _Rule(_concluded(f"n{at}_{part}", span, need=need.name), true(block, fields), stratum)
        if need.lasts is not None:
            lasts = Test(_lasting(at), "==", 1)
            yield _Rule(_concluded(f"n{at}_lasts", need.span, need=need.name, lasting=True), lasts, stratum)
    for at, theme in enumerate(plan.themes):
        stratum = _stratum([theme.condition], stratum_by_need)
        yield _Rule(_concluded(f"t{at}", theme.head.span, theme=at), true(theme.condition, fields), stratum)


def _concluded(
    rule: str, span: Span, *, need: FactName | None = None, lasting: bool = False, theme: int | None = None
) -> Conclusion:
    return Conclusion(rule=rule, need=need, lasting=lasting, theme=theme, span=span)


def _stratum(conditions: Sequence[Condition], stratum_by_need: Mapping[FactName, int]) -> int:
    """One above the highest need that is read: by then, whatever has not been concluded does not hold."""
    read = (fact.name for condition in conditions for fact in facts_read(condition))
    return max((stratum_by_need[name] + 1 for name in read if name in stratum_by_need), default=0)


def _lasting(need: int) -> str:
    return f"l{need}"


def _sets(rules: Sequence[_Rule]) -> Iterator[RuleSet]:
    """The rules of a stratum in as few sets as durable-rules can be trusted with."""
    together: list[_Rule] = []
    for rule in rules:
        if together and not _fit([*together, rule]):
            yield _set(together)
            together = []
        together.append(rule)
    if together:
        yield _set(together)


def _fit(rules: Sequence[_Rule]) -> bool:
    return (
        len(rules) <= MOST_RULES
        and sum(ways(rule.expression) for rule in rules) <= MOST_WAYS_TOGETHER
        and len(_reads(rules)) <= MOST_FIELDS
    )


def _reads(rules: Sequence[_Rule]) -> frozenset[str]:
    return frozenset().union(*(fields_of(rule.expression) for rule in rules))


def _set(rules: Sequence[_Rule]) -> RuleSet:
    return RuleSet(
        rules={rule.conclusion.rule: {"all": [{"m": definition(rule.expression)}]} for rule in rules},
        reads=tuple(sorted(_reads(rules))),
    )


# --- what a message says of a row -------------------------------------------------------------------------------------


def _told(needs: Sequence[Need], fields: Fields, table: SlotTable) -> Callable[[Row, dict[str, int]], None]:
    function = Function("told", "row, message", Emitter(table))
    function.lines.append(f"    message['{TRUE_FIELD}'] = 1")
    for name, fact in fields.fact_by_name.items():
        if fact.name not in fields.needs:
            function.lines.append(_tells_fact(function.emitter, name, fact, table))
    for atom, name in fields.name_by_atom.items():
        function.lines.append(f"    if {function.emitter.true(atom)}: message['{name}'] = 1")
        function.lines.append(f"    elif {function.emitter.false(atom)}: message['{name}'] = 0")
    for at, need in enumerate(needs):
        if need.lasts is not None:
            last_held = function.emitter.local(table.last_held_slot_by_need[need.name])
            function.lines.append(
                f"    if {last_held} >= {function.emitter.local(table.window_slot(need.lasts))}:"
                f" message['{_lasting(at)}'] = 1"
            )
    namespace: dict[str, Any] = {"CODES": {name: dict(codes) for name, codes in fields.codes_by_fact.items()}}
    exec(compile(function.source(), "<needs>", "exec"), namespace)  # noqa: S102 - from the checked tree alone
    return cast(Callable[[Row, dict[str, int]], None], namespace["told"])


def _tells_fact(emitter: Emitter, name: str, fact: FactRef, table: SlotTable) -> str:
    """INVARIANT: whole numbers alone are told, whatever stands in a row: durable-rules compares types in silence."""
    value = emitter.local(table.slot_of(fact))
    if fact.spec.type is FactType.TEXT:
        return f"    if {value} is not None: message['{name}'] = CODES[{str(fact.name)!r}].get({value}, 0)"
    known = f"{value} == {value}" if fact.spec.type in ORDERED else f"{value} is not None"
    return f"    if {known}: message['{name}'] = int({value})"
