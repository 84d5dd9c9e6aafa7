"""Reads calculated facts that run along with events: counts, totals, trends in windows, the last value of a field."""

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from engine.compiler.canonical import canonical
from engine.compiler.conditions import filter_of
from engine.compiler.form import Form
from engine.errors import Code
from engine.events import EventSpec
from engine.facts import NUMERIC, FactSpec, FactType
from engine.ids import EventName
from engine.plan import Calculated
from engine.running import Running
from engine.syntax import Condition, Duration

MOST_BYTES: Final = 8_192
"""What one fact may keep of one customer."""
_ROUNDING_D: Final = 2
_WITHOUT_FIELD: Final = "count"
_WITHOUT_WINDOW: Final = "last"


def read_running(
    form: Form, operation: str, spec: FactSpec, events: Mapping[EventName, EventSpec], zone: ZoneInfo
) -> Calculated | None:
    """What a calculated fact keeps of events; None, and a problem, where that cannot be."""
    problems = form.problems
    told = problems.count
    event = _event(form, operation, events)
    window = None if operation == _WITHOUT_WINDOW else form.duration("in", required=True)
    if event is None:
        return None
    field = None if operation == _WITHOUT_FIELD else _field(form, event, operation)
    where = form.node_at("where")
    condition = None if where is None else filter_of(problems, where, event)
    _check_type(form, operation, spec, None if field is None else event.fields[field])
    _check_window(form, event, operation, window)
    if problems.count > told or (field is None and operation != _WITHOUT_FIELD):
        return None
    running = Running(
        event=event.name,
        text=_text(operation, event, field, window, condition, zone),
        operation=operation,
        field=field,
        window=window,
        zone=zone,
    )
    _check_bytes(form, spec, running)
    return Calculated(operation=operation, operands=(), running=running, where=condition, span=form.span)


def _event(form: Form, operation: str, events: Mapping[EventName, EventSpec]) -> EventSpec | None:
    node = form.scalar(operation, required=True)
    if node is None:
        return None
    event = events.get(EventName(node.text))
    if event is None:
        form.problems.unknown(node.span, "event", node.text, events)
    return event


def _field(form: Form, event: EventSpec, operation: str) -> int | None:
    node = form.scalar("of", required=True)
    if node is None:
        return None
    names = [str(field.name) for field in event.fields]
    if node.text not in names:
        form.problems.unknown(node.span, f"field of `{event.name}`", node.text, names)
        return None
    position = names.index(node.text)
    kind = event.fields[position].type
    if operation != _WITHOUT_WINDOW and kind not in NUMERIC:
        form.problems.error(node.span, f"`{node.text}` is no number, so nothing can be added up", "use `count`")
        return None
    if kind in (FactType.TEXT, FactType.SET):
        form.problems.error(node.span, f"`{node.text}` is a {kind}, of which no last value is kept")
        return None
    return position


def _check_type(form: Form, operation: str, spec: FactSpec, field: FactSpec | None) -> None:
    """A count is a whole number, a trend a decimal; totals and last values are held like their field."""
    kind = {"count": FactType.INTEGER, "trend": FactType.DECIMAL}.get(operation, field.type if field else spec.type)
    if spec.type is not kind:
        form.problems.error(form.span_of("type"), f"the {operation} `{spec.name}` must have the type {kind}")
    elif operation in ("total", "last") and field is not None and spec.decimals != field.decimals:
        message = f"the {operation} `{spec.name}` must have {field.decimals} decimals, as `{field.name}` has"
        form.problems.error(form.span_of("type"), message)
    elif operation == "last" and field is not None and spec.values != field.values:
        message = f"the last `{spec.name}` must have the values of `{field.name}`: {', '.join(field.values)}"
        form.problems.error(form.span_of("values"), message)


def _check_window(form: Form, event: EventSpec, operation: str, window: Duration | None) -> None:
    if window is None:
        return
    if not window.amount:
        form.problems.error(form.span_of("in"), "a window of no length holds nothing")
    times = 2 if operation == "trend" else 1
    if event.keep_days is not None and window.longest_days * times > event.keep_days + _ROUNDING_D:
        reach = f"{'twice ' if times > 1 else ''}{window}"
        message = f"the window {reach} is longer than `{event.name}` is kept ({event.keep_days} days)"
        hint = "raise `keep` in the catalogue, or shorten the window"
        form.problems.error(form.span_of("in"), message, hint, code=Code.WINDOW_TOO_LONG)


def _check_bytes(form: Form, spec: FactSpec, running: Running) -> None:
    if running.most_bytes > MOST_BYTES:
        message = f"`{spec.name}` would keep up to {running.most_bytes:,} bytes of a customer, {MOST_BYTES:,} at most"
        form.problems.error(form.span_of("in"), message, "shorten the window", code=Code.KEEPS_TOO_MUCH)


def _text(
    operation: str,
    event: EventSpec,
    field: int | None,
    window: Duration | None,
    condition: Condition | None,
    zone: ZoneInfo,
) -> str:
    narrowed = "" if condition is None else f"{{{canonical(condition)}}}"
    text = f"{operation} {event.name}{narrowed}"
    if field is not None:
        spec = event.fields[field]
        text += f" of {spec.name}:{spec.type}:{spec.decimals}:{','.join(spec.values)}"
    return text if window is None else f"{text} in {window} at {zone.key}"
