"""Reads `customized/*.yaml`: triggers that promote and suppress."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from engine.compiler.context import ReadContext, read_head
from engine.compiler.form import Form, seconds
from engine.compiler.grammar.marketing import WEIGHT
from engine.compiler.histories import positive_events
from engine.compiler.parse import Scalar
from engine.compiler.times import read_duration
from engine.errors import Code
from engine.ids import MomentId
from engine.plan import Trigger
from engine.syntax import All, AnyOf, Condition, Seen

_LIGHTEST: Final = Decimal(WEIGHT.low)
_HEAVIEST: Final = Decimal(WEIGHT.high)


def read_trigger(form: Form, context: ReadContext) -> Trigger:
    """One trigger file."""
    name = form.name("trigger")
    head = read_head(form, "trigger", name)
    condition = context.conditions.when(form)
    promotes = tuple(_promotions(form, context))
    suppresses, suppression = _suppression(form, condition, context)
    if form.empty("promote") and not form.has("suppress"):
        context.problems.error(form.span, f"the trigger `{name}` neither promotes nor suppresses anything")
    context.read_tests(form, head, frozenset({*(action for action, _ in promotes), *suppresses}))
    trigger = Trigger(
        head=head,
        moments=_moments(form, context),
        condition=condition,
        suppression=suppression,
        promotes=promotes,
        suppresses=suppresses,
    )
    form.finish()
    return trigger


def _moments(form: Form, context: ReadContext) -> frozenset[MomentId] | None:
    if not form.has("on"):
        return None
    on = form.form("on", "`on`")
    known = {moment for channel in context.channels for moment in channel.initiated_by_bank}
    moments = frozenset(MomentId(name) for name in on.known_words("moment", "moment", known))
    on.finish()
    return moments


def _promotions(form: Form, context: ReadContext) -> Iterator[tuple[int, float]]:
    for key, node in form.entries("promote"):
        if key.text not in context.position_by_action:
            context.problems.unknown(key.span, "action", key.text, context.position_by_action)
            continue
        weight = node.number if isinstance(node, Scalar) else None
        if weight is None or not _LIGHTEST <= weight <= _HEAVIEST:
            context.problems.error(
                node.span, f"the weight of `{key.text}` must be a number in {WEIGHT.low}..{WEIGHT.high}"
            )
            continue
        yield context.position_by_action[key.text], float(weight)


def _suppression(form: Form, condition: Condition, context: ReadContext) -> tuple[tuple[int, ...], Condition | None]:
    if not form.has("suppress"):
        return (), None
    suppress = form.form("suppress", "`suppress`")
    actions = context.named_actions(suppress)
    lasting = suppress.scalar("for")
    suppress.finish()
    if not actions:
        context.problems.error(suppress.span, "`suppress` names no action", "add `actions` or `groups`")
    if lasting is None:
        hint, code = "add `for: 30d`", Code.SUPPRESSION_WITHOUT_END
        context.problems.error(suppress.span, "a suppression without an end", hint, code=code)
        return actions, None
    return actions, _binding(suppress, lasting, condition, context)


def _binding(form: Form, lasting: Scalar, condition: Condition, context: ReadContext) -> Condition | None:
    """The trigger's own condition, and one of its events within `for`: that is what the end is counted from."""
    events = positive_events(condition)
    duration = read_duration(lasting.text)
    if seconds(form, "for", lasting) == 0 or duration is None:
        return None
    if not events:
        context.problems.error(
            lasting.span, "`for` counts from an event, and this trigger waits for none", "add `history`"
        )
        return None
    recent = tuple(
        Seen(each.event, each.filter, 1, duration, f"{each.text}, for: {duration}", each.span) for each in events
    )
    return All((condition, AnyOf(recent)))
