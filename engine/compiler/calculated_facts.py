"""Reads calculated facts: sums, differences, ratios and months of other facts, and what runs along with events."""

from collections.abc import Mapping
from dataclasses import replace
from zoneinfo import ZoneInfo

from engine.compiler.fact_specs import FactSpecReader
from engine.compiler.form import Form
from engine.compiler.grammar.bank import KEYS_OF_EVENTS, OF_FACTS, OPERATIONS
from engine.compiler.running_facts import read_running
from engine.events import EventSpec
from engine.facts import NUMERIC, FactSpec, FactType
from engine.ids import EventName, FactName
from engine.plan import Calculated


def read_calculated(
    catalogue: Form,
    specs: FactSpecReader,
    attributes: Mapping[FactName, FactSpec],
    events: Mapping[EventName, EventSpec],
    zone: ZoneInfo,
) -> dict[FactName, tuple[FactSpec, Calculated]]:
    """Every calculated fact with how it comes about; one may be made of those above it."""
    problems = catalogue.problems
    found: dict[FactName, tuple[FactSpec, Calculated]] = {}
    known = dict(attributes)
    for name, node in catalogue.entries("calculated"):
        form = Form(node, problems, "a calculated fact")
        operation = next((each for each in OPERATIONS if form.has(each)), None)
        if operation is None:
            problems.error(form.span, f"`{name.text}` needs one of {', '.join(OPERATIONS)}")
            continue
        if operation in OF_FACTS:
            made = _of_facts(form, specs, FactName(name.text), operation, known)
        else:
            made = _of_events(form, specs, FactName(name.text), operation, events, zone)
        specs.check_name(name, "a calculated fact")
        if name.text in attributes:
            problems.error(name.span, f"`{name.text}` is an attribute already")
        if made is not None:
            found[FactName(name.text)] = made
            known[FactName(name.text)] = made[0]
    return found


def _of_facts(
    form: Form, specs: FactSpecReader, name: FactName, operation: str, known: Mapping[FactName, FactSpec]
) -> tuple[FactSpec, Calculated] | None:
    operands = _operands(form, operation, known)
    spec = specs.read(name, form)
    if operands is None:
        return None
    # What is made of something private tells something private.
    spec = replace(spec, private=spec.private or any(known[each].private for each in operands if each in known))
    _check_result(form, operation, spec, known.get(operands[0], spec))
    return spec, Calculated(operation=operation, operands=operands)


def _of_events(
    form: Form,
    specs: FactSpecReader,
    name: FactName,
    operation: str,
    events: Mapping[EventName, EventSpec],
    zone: ZoneInfo,
) -> tuple[FactSpec, Calculated] | None:
    for key in KEYS_OF_EVENTS[operation]:
        form.node_at(key)
    spec = specs.read(name, form)
    made = read_running(form, operation, spec, events, zone)
    if made is None or made.running is None:
        return None
    # What is told of private events, or their private fields, tells something private.
    event = events[made.running.event]
    field = None if made.running.field is None else event.fields[made.running.field]
    return replace(spec, private=spec.private or event.private or (field is not None and field.private)), made


def _check_result(form: Form, operation: str, spec: FactSpec, operand: FactSpec) -> None:
    """What is calculated is held like its operands, months as a whole number, a ratio as a decimal."""
    kind = {"ratio": FactType.DECIMAL, "months_between": FactType.INTEGER}.get(operation, operand.type)
    if spec.type is not kind:
        form.problems.error(form.span_of("type"), f"the {operation} `{spec.name}` must have the type {kind}")
    elif operation != "ratio" and spec.decimals != operand.decimals:
        message = f"the {operation} `{spec.name}` must have {operand.decimals} decimals, as `{operand.name}` has"
        form.problems.error(form.span, message)


def _operands(form: Form, operation: str, known: Mapping[FactName, FactSpec]) -> tuple[FactName, ...] | None:
    words = form.words(operation)
    names = [word for word in words if not (operation == "months_between" and word.text == "today")]
    for word in names:
        if FactName(word.text) not in known:
            form.problems.unknown(word.span, "fact", word.text, known)
            return None
    if not words or (operation != "sum" and len(words) != 2):
        form.problems.error(
            form.span_of(operation), f"`{operation}` needs {'some' if operation == 'sum' else 'two'} facts"
        )
        return None
    kinds = {(known[FactName(word.text)].type, known[FactName(word.text)].decimals) for word in names}
    dates = operation == "months_between"
    if len(kinds) > 1 or any(
        (kind is FactType.DATE) != dates or (kind not in NUMERIC and not dates) for kind, _ in kinds
    ):
        need = "dates" if dates else "numbers of one type"
        form.problems.error(form.span_of(operation), f"`{operation}` needs {need}")
        return None
    return tuple(FactName(word.text) for word in words)
