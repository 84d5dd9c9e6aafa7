"""Reads the events of the catalogue, and the fields that they carry."""

from collections.abc import Sequence

from engine.compiler.fact_specs import FactSpecReader
from engine.compiler.form import Form, check_name
from engine.compiler.parse import Node, Scalar
from engine.compiler.problem_list import Problems
from engine.errors import Code
from engine.events import EventSpec
from engine.facts import FactSpec
from engine.ids import EventName, FactName
from engine.need_events import NEED_EVENTS


def read_events(catalogue: Form, specs: FactSpecReader) -> dict[EventName, EventSpec]:
    """The events that may be sent, by name."""
    problems = catalogue.problems
    products = [name.text for name, _ in catalogue.entries("products")]
    events = {}
    for name, node in catalogue.entries("events"):
        form = Form(node, problems, "an event of the catalogue")
        check_name(name, "an event", problems)
        if name.text in NEED_EVENTS:
            problems.error(name.span, f"`{name.text}` is what nextbest itself reports of needs", "rename it")
        keep = form.duration("keep")
        fields = [_field(key, value, specs, products, problems) for key, value in form.entries("fields")]
        events[EventName(name.text)] = EventSpec(
            name=EventName(name.text),
            title=form.text("title", name.text),
            source=form.text("source"),
            fields=tuple(fields),
            keep_days=keep.longest_days if keep is not None else None,
            private=form.truth("private"),
        )
        form.finish()
    return events


def _field(key: Scalar, node: Node, specs: FactSpecReader, products: Sequence[str], problems: Problems) -> FactSpec:
    """A field of an event; one that lists most products has to list all, or events of the others are refused."""
    form = Form(node, problems, "a field")
    spec = specs.read(FactName(key.text), form)
    missing = [each for each in products if each not in spec.values]
    if missing and len(missing) * 2 < len(products):
        names = ", ".join(f"`{each}`" for each in missing[:5])
        message = f"`{key.text}` lists most products, and not {names}"
        hint = "add it, or events of that product are refused"
        problems.warning(form.key_span("values"), message, hint, code=Code.INCOMPLETE_VALUES)
    return spec
