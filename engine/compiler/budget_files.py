"""Reads budgets: those that actions share, from `policy/contact.yaml`, and an action's own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from engine.budgets import RESHOWN_S, TOKEN_LIFE_S
from engine.compiler.action_files import ReadAction
from engine.compiler.context import ReadContext
from engine.compiler.form import Form
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import Scalar
from engine.compiler.versions import differently_named
from engine.contact_rules import Budget, BudgetCount
from engine.errors import Span

_OWN: Final = "budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """An action that draws on a shared budget, and where it says so."""

    action: int
    budget: str
    span: Span


def read_budgets(
    form: Form, context: ReadContext, actions: Sequence[ReadAction], journeys: Mapping[str, tuple[int, ...]]
) -> tuple[Budget, ...]:
    """Every budget: the shared ones in file order, then those of the actions."""
    uses = [use for read in actions for use in _uses(read)]
    shared = differently_named(form.forms("budgets", "a shared budget"), "budget", context.problems)
    names = {each.text("budget") for each in shared}
    for use in uses:
        if use.budget not in names:
            context.problems.unknown(use.span, "budget", use.budget, names)
    budgets = [_shared(each, context, journeys, uses) for each in shared]
    budgets += [_own(read, context) for read in actions if isinstance(read.contact.node_at(_OWN), MappingNode)]
    return tuple(budgets)


def _uses(read: ReadAction) -> Iterator[_Use]:
    node = read.contact.node_at(_OWN)
    if isinstance(node, Scalar):
        yield _Use(action=read.action.position, budget=node.text, span=node.span)
    elif node is not None and not isinstance(node, MappingNode):
        hint = "write `budget: {total: 5_000, per_day: 200}`, or the name of a shared one"
        read.contact.problems.error(node.span, "`budget` is a mapping, or one name", hint)


def _shared(form: Form, context: ReadContext, journeys: Mapping[str, tuple[int, ...]], uses: Sequence[_Use]) -> Budget:
    name = form.name("budget")
    title = form.text("title", name)
    themes = form.known_words("themes", "theme", journeys)
    drawing = {*context.named_actions(form), *(at for theme in themes for at in journeys[theme])}
    named = any(form.has(key) for key in ("actions", "groups", "themes"))
    drawing |= {use.action for use in uses if use.budget == name}
    if not drawing and not named:
        hint = f"add `actions`, `groups` or `themes`, or `budget: {name}` to the `contact` of an action"
        context.problems.error(form.span, f"nothing draws on the budget `{name}`", hint)
    return _budget(form, name, title, tuple(sorted(drawing)), context)


def _own(read: ReadAction, context: ReadContext) -> Budget:
    form = read.contact.form(_OWN, "`budget`")
    return _budget(form, f"{read.formerly}.budget", read.action.title, (read.action.position,), context)


def _budget(form: Form, name: str, title: str, actions: tuple[int, ...], context: ReadContext) -> Budget:
    """What a budget counts and how much there is of it; every problem of its figures."""
    amounts = _Amounts(form, context)
    total, per_day, each = amounts.of("total"), amounts.of("per_day"), amounts.each()
    by_channel = amounts.by_channel()
    form.finish()
    if total is None and per_day is None and not by_channel:
        context.problems.error(form.span, f"the budget `{name}` has no bounds", "add `total` or `per_day`")
    for key, amount in (("per_day", per_day), *((f"per_channel.{at}", most) for at, most in by_channel.items())):
        if total is not None and amount is not None and amount > total:
            message = f"`{key.partition('.')[0]}` is more than `total` of the budget `{name}`"
            context.problems.error(form.span_of(key.partition(".")[0]), message)
    least = min((amount for amount in (total, per_day, *by_channel.values()) if amount is not None), default=each)
    if 0 < least < each:
        context.problems.error(form.span_of("each"), f"the budget `{name}` does not carry a single offer of `each`")
    return Budget(
        id=name,
        title=title,
        count=amounts.count,
        each=each,
        total=total,
        per_day=per_day,
        total_by_channel=by_channel,
        actions=actions,
        hold_s=None if amounts.count is BudgetCount.IMPRESSIONS else _hold_s(context),
        span=form.span,
    )


def _hold_s(context: ReadContext) -> int:
    """From a contact to the end of the last token that leans on it: shown again a day later, for as long as anything is
    valid, and accepted at the last moment."""
    valid = [
        max(placement.valid_minutes, placement.prefetch_valid_minutes)
        for channel in context.channels
        for placement in channel.placements.values()
    ]
    return RESHOWN_S + 60 * (max(valid, default=0) + 60) + TOKEN_LIFE_S


class _Amounts:
    """Reads a budget's figures: whole offers, or money where it counts spend."""

    def __init__(self, form: Form, context: ReadContext) -> None:
        self._form = form
        self._context = context
        self.count = BudgetCount(form.choice("count") or BudgetCount.IMPRESSIONS)

    def of(self, key: str) -> int | None:
        """What stands under a key; None where nothing does."""
        number = self._form.number(key)
        return None if number is None else self._amount(number, key, self._form.span_of(key))

    def each(self) -> int:
        """What one offer takes: 1, or its cost."""
        if self.count is not BudgetCount.SPEND:
            if self._form.has("each"):
                hint = "leave it out, or write `count: spend`"
                self._context.problems.error(
                    self._form.key_span("each"), "`each` is the money that an accept costs", hint
                )
            self._form.number("each")
            return 1
        if not self._form.has("each"):
            hint = "what one accept costs, such as `each: 25.00`"
            self._context.problems.error(self._form.span, "a budget that counts spend needs `each`", hint)
            return 1
        each = self.of("each")
        if each == 0:
            self._context.problems.error(self._form.span_of("each"), "`each` must be more than 0")
        return each or 1

    def by_channel(self) -> Mapping[int, int]:
        """The totals of single channels, by the channels' positions."""
        position_by_id: Mapping[str, int] = {channel.id: channel.position for channel in self._context.channels}
        found: dict[int, int] = {}
        for key, node in self._form.entries("per_channel"):
            if key.text not in position_by_id:
                self._context.problems.unknown(key.span, "channel", key.text, position_by_id)
            elif not isinstance(node, Scalar):
                self._context.problems.error(node.span, f"`{key.text}` must be a number")
            elif (number := self._form.bounded(node, key.text, "0", "1000000000")) is not None:
                found[position_by_id[key.text]] = self._amount(number, key.text, node.span)
        return found

    def _amount(self, number: Decimal, key: str, span: Span) -> int:
        scaled = number
        if self.count is BudgetCount.SPEND:
            scaled = number * 10**self._context.bank.minor_digits
        if scaled != scaled.to_integral_value():
            what = "is finer than the currency" if self.count is BudgetCount.SPEND else "must be a whole number"
            self._context.problems.error(span, f"`{key}` {what}")
        return int(scaled)
