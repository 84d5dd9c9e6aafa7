"""Reads `thematic/*.yaml`: needs, and the themes with their journeys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.compiler.context import ReadContext, read_head
from engine.compiler.form import Form
from engine.ids import FactName
from engine.plan import Need, Theme
from engine.syntax import ALWAYS, AnyOf, Condition, Duration, facts_read

NEEDS = "needs"


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedPart:
    """One declaration of a need; several of one name mean OR."""

    name: FactName
    condition: Condition
    lasts: Duration | None
    form: Form


def need_names(forms: Sequence[Form]) -> dict[str, FactName]:
    """The needs that some theme files declare, as `needs.<id>`."""
    found = {}
    for form in forms:
        for declared in form.forms(NEEDS, "a need"):
            name = declared.name("need")
            found[name] = FactName(f"{NEEDS}.{name}")
    return found


def read_theme(form: Form, context: ReadContext) -> tuple[Theme, list[NeedPart]]:
    """One theme file, and the needs that it declares."""
    name = form.name("theme")
    head = read_head(form, "theme", name)
    parts = [_need(declared, context) for declared in form.forms(NEEDS, "a need")]
    if not form.has("active"):
        context.problems.error(form.span, f"the theme `{name}` needs `active`", "the condition under which it shows")
    active = form.node_at("active")
    weight = form.number("weight")
    journey = context.known_actions(form, "journey")
    if form.empty("journey"):
        context.problems.error(form.span, f"the theme `{name}` needs a `journey` of actions")
    theme = Theme(
        head=head,
        condition=context.conditions.block(active) if active is not None else ALWAYS,
        journey=journey,
        weight=float(weight or 1),
        strict=form.truth("strict"),
        skip_capped=form.choice("if_capped") == "skip",
        accept_counts=form.duration("accept_counts"),
    )
    context.read_tests(form, head, frozenset(journey))
    context.forms[head.span] = form
    form.finish()
    return theme, parts


def _need(form: Form, context: ReadContext) -> NeedPart:
    name = FactName(f"{NEEDS}.{form.name('need')}")
    told = context.problems.count
    condition = context.conditions.when(form)
    form.text("title")
    part = NeedPart(name=name, condition=condition, lasts=form.duration("lasts"), form=form)
    if condition == ALWAYS and context.problems.count == told:
        context.problems.error(form.span, f"the need `{name}` has no condition", "add `when`")
    form.finish()
    return part


def joined_needs(parts: Sequence[NeedPart], context: ReadContext) -> tuple[Need, ...]:
    """Needs in an order in which each reads only earlier ones; a circle is an error."""
    by_name: dict[FactName, list[NeedPart]] = {}
    for part in parts:
        by_name.setdefault(part.name, []).append(part)
    reads = {
        name: {fact.name for part in found for fact in facts_read(part.condition) if fact.name in by_name}
        for name, found in by_name.items()
    }
    return tuple(_need_of(name, by_name[name]) for name in _ordered(reads, by_name, context))


def _need_of(name: FactName, parts: Sequence[NeedPart]) -> Need:
    conditions = tuple(part.condition for part in parts)
    lasting = [part.lasts for part in parts if part.lasts is not None]
    return Need(
        name=name,
        condition=conditions[0] if len(conditions) == 1 else AnyOf(conditions),
        lasts=max(lasting, key=lambda each: each.longest_days, default=None),
        span=parts[0].form.span,
    )


def _ordered(
    reads: Mapping[FactName, set[FactName]], by_name: Mapping[FactName, list[NeedPart]], context: ReadContext
) -> list[FactName]:
    ordered: list[FactName] = []
    waiting = dict(reads)
    while waiting:
        ready = [name for name, read in waiting.items() if read <= set(ordered)]
        if not ready:
            names = ", ".join(f"`{name}`" for name in waiting)
            context.problems.error(
                by_name[next(iter(waiting))][0].form.span, f"the needs {names} depend on each other in a circle"
            )
            return [*ordered, *waiting]
        ordered.extend(ready)
        waiting = {name: read for name, read in waiting.items() if name not in ready}
    return ordered
