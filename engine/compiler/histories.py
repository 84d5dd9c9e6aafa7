"""Reads history conditions: what happened, how often, how long ago, and since what else (SEMANTICS, section 1)."""

from collections.abc import Callable

from engine.compiler.canonical import canonical
from engine.compiler.form import Form
from engine.compiler.parse import Node, Scalar, Sequence
from engine.compiler.problem_list import Problems
from engine.compiler.times import read_duration
from engine.compiler.vocabulary import KeptFilter, Names
from engine.errors import Code
from engine.events import EventSpec
from engine.ids import EventName
from engine.syntax import ALWAYS, All, AnyOf, Condition, Duration, LastAgo, Not, Seen, SeenSince


class HistoryReader:
    """Turns history conditions into syntax, and notes the event filters that they read."""

    def __init__(
        self, names: Names, problems: Problems, filter_of: Callable[[Node, EventSpec], Condition], *, of_event: bool
    ) -> None:
        self._names = names
        self._problems = problems
        self._filter_of = filter_of
        """Reads a `where` block, which looks at the fields of one event."""
        self._of_event = of_event

    def histories(self, node: Node | None) -> list[Condition]:
        """The entries of a `history` list, all of which have to hold."""
        if node is None:
            return []
        if self._of_event:
            self._problems.error(node.span, "an event's filter looks at its own fields alone")
            return []
        if not isinstance(node, Sequence):
            self._problems.error(node.span, "`history` must be a list such as `- {seen: quote_requested, in: 30d}`")
            return []
        return [self._history(Form(item, self._problems, "a history condition")) for item in node.items]

    def _history(self, form: Form) -> Condition:
        kinds = [kind for kind in ("seen", "not_seen", "ever", "last") if form.has(kind)]
        if len(kinds) != 1:
            message = "a history condition names one of seen, not_seen, ever, last"
            if not kinds and form.misspelt():
                return ALWAYS
            self._problems.error(form.span, message, "write one entry for each" if kinds else "")
            return ALWAYS
        kind = kinds[0]
        event = self._event(form, kind)
        if event is None:
            return ALWAYS
        text = self._filter(form, event)
        shown = _shown(form)
        condition: Condition
        if kind == "last":
            condition = self._last(form, event, text, shown)
        elif kind != "ever" and form.has("since"):
            condition = self._since(form, event, text, shown)
        else:
            condition = self._seen(form, kind, event, text, shown)
        form.finish()
        if kind != "not_seen":
            return condition
        if isinstance(condition, SeenSince):
            happened = Seen(condition.anchor, condition.anchor_filter, 1, None, shown, form.span)
            return All((happened, Not(condition, f"not_{shown}")))
        return Not(condition, f"not_{shown}")

    def _event(self, form: Form, key: str) -> EventSpec | None:
        node = form.scalar(key)
        if node is None:
            return None
        spec = self._names.events.get(EventName(node.text))
        if spec is None:
            self._problems.unknown(node.span, "event", node.text, self._names.events)
        return spec

    def _filter(self, form: Form, event: EventSpec, depth: int = 1) -> str:
        node = form.node_at("where")
        condition = None
        text: str = event.name
        if node is not None:
            condition = self._filter_of(node, event)
            text = f"{event.name}{{{canonical(condition)}}}"
        self._keep(text, event.name, condition, depth)
        return text

    def _keep(self, text: str, event: EventName, condition: Condition | None, depth: int) -> None:
        kept = self._names.filters.setdefault(text, KeptFilter(event, condition, depth))
        kept.depth = max(kept.depth, depth)

    def _window(self, form: Form, key: str, event: EventSpec, *, required: bool) -> Duration | None:
        window = form.duration(key, required=required)
        self._check_kept(form, key, event, window)
        return window

    def _check_kept(self, form: Form, key: str, event: EventSpec, window: Duration | None) -> None:
        if window is not None and event.keep_days is not None and window.longest_days > event.keep_days + 2:
            message = f"the window {window} is longer than `{event.name}` is kept ({event.keep_days} days)"
            hint = "raise `keep` in the catalogue, or shorten the window"
            self._problems.error(form.span_of(key), message, hint, code=Code.WINDOW_TOO_LONG)

    def _seen(self, form: Form, kind: str, event: EventSpec, text: str, shown: str) -> Condition:
        at_least = form.integer("at_least") or 1
        window = None if kind == "ever" else self._window(form, "in", event, required=True)
        self._names.filters[text].depth = max(self._names.filters[text].depth, at_least)
        return Seen(event.name, text, at_least, window, shown, form.span)

    def _since(self, form: Form, event: EventSpec, text: str, shown: str) -> Condition:
        anchor = self._event(form, "since")
        if anchor is None:
            return ALWAYS
        self._keep(anchor.name, anchor.name, None, 1)
        return SeenSince(event.name, text, anchor.name, anchor.name, shown, form.span)

    def _last(self, form: Form, event: EventSpec, text: str, shown: str) -> Condition:
        node = form.scalar("ago", required=True)
        if node is None:
            return ALWAYS
        nearest, farthest = (read_duration(part) for part in (node.text + "..").split("..")[:2])
        if nearest is None or farthest is None:
            self._problems.error(node.span, "`ago` must be a span such as `40d..220d`")
            return ALWAYS
        if nearest.longest_days > farthest.longest_days:
            self._problems.error(node.span, f"the span {node.text} is empty", "the shorter distance comes first")
        self._check_kept(form, "ago", event, farthest)
        return LastAgo(event.name, text, nearest, farthest, shown, form.span)


def positive_events(condition: Condition) -> tuple[Seen | LastAgo | SeenSince, ...]:
    """The history conditions that ask for something to have happened, outside of any negation."""
    match condition:
        case Not():
            return ()
        case All(items) | AnyOf(items):
            return tuple(found for item in items for found in positive_events(item))
        case Seen() | LastAgo() | SeenSince():
            return (condition,)
        case _:
            return ()


def _shown(form: Form) -> str:
    """A history condition as it is written; a negated one as what it negates, which is what explanations judge."""
    parts = []
    for entry in form.node.entries:
        value = entry.value.text if isinstance(entry.value, Scalar) else "..."
        parts.append(f"{entry.key.text.removeprefix('not_')}: {value}")
    return ", ".join(parts)
