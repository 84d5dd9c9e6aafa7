"""Reads `channels.yaml`: where customers meet the bank, what may be shown there, and what a contact costs."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from engine.channels import Channel, Placement
from engine.compiler.bank_file import Bank
from engine.compiler.form import Form, check_name
from engine.compiler.nodes import plain
from engine.compiler.parse import Node, Scalar, read_number
from engine.compiler.parse import Sequence as SequenceNode
from engine.compiler.problem_list import Problems
from engine.compiler.treatment_texts import check_lengths
from engine.contacts import MAX_VALID_MINUTES
from engine.facts import FactSpec
from engine.ids import ChannelId, FactName, MomentId, PlacementId

_MOST_CHARACTERS: Final = 10_000


def read_channels(
    form: Form, bank: Bank, groups: Callable[[], frozenset[str]], facts: Mapping[FactName, FactSpec]
) -> tuple[Channel, ...]:
    """`channels.yaml`. `groups` names the groups that actions belong to, for `accepts`; `facts` those of `about`."""
    channels = tuple(
        _channel(ChannelId(key.text), position, Form(node, form.problems, "a channel"), bank, groups, facts)
        for position, (key, node) in enumerate(form.entries("channels"))
    )
    for key, _ in form.entries("channels"):
        check_name(key, "a channel", form.problems)
    if not channels and not isinstance(form.node_at("channels"), Scalar | SequenceNode):
        form.problems.error(form.span, "there are no channels")
    form.finish()
    return channels


def _channel(
    name: ChannelId,
    position: int,
    form: Form,
    bank: Bank,
    groups: Callable[[], frozenset[str]],
    facts: Mapping[FactName, FactSpec],
) -> Channel:
    cost = form.number("cost") or Decimal(0)
    staff = form.truth("staff")
    for inside in ("moments", "placements"):
        for word, _ in form.entries(inside):
            check_name(word, f"a {inside.removesuffix('s')}", form.problems)
    channel = Channel(
        id=name,
        position=position,
        staff=staff,
        privacy=form.choice("privacy", default="staff" if staff else "public"),
        cost_minor=int(cost.scaleb(bank.minor_digits)),
        budget_ms=form.integer("budget_ms") or 50,
        initiated_by_bank={MomentId(key.text): _by_bank(node, form.problems) for key, node in form.entries("moments")},
        max_per_group=form.integer("max_per_group"),
        placements={
            PlacementId(key.text): _placement(PlacementId(key.text), Form(node, form.problems, "a placement"), groups)
            for key, node in form.entries("placements")
        },
        about=_about(form, staff, facts),
        most_characters=_limits(form),
    )
    form.finish()
    _check_precedences(channel, form)
    _check_fallbacks(channel, form)
    return channel


def _about(form: Form, staff: bool, facts: Mapping[FactName, FactSpec]) -> tuple[FactName, ...]:
    """The facts that staff see in one line: on channels for staff alone, and none that is kept for audit."""
    if form.has("about") and not staff:
        message = "`about` is for screens of staff, and customers see this channel"
        form.problems.error(form.key_span("about"), message, "say `staff: true`, or leave `about` out")
    shown = {name for name, spec in facts.items() if not spec.protected}
    return tuple(FactName(word) for word in form.known_words("about", "fact", shown))


def _check_precedences(channel: Channel, form: Form) -> None:
    """Which placement fills first decides who gets the best offer, so no two may have one precedence."""
    first_by_precedence: dict[int, PlacementId] = {}
    for placement in channel.placements.values():
        first = first_by_precedence.setdefault(placement.precedence, placement.id)
        if first != placement.id:
            message = f"`{first}` and `{placement.id}` of `{channel.id}` have the same precedence"
            form.problems.error(form.key_span("placements"), message, "give each placement a `precedence` of its own")


def _by_bank(node: Node, problems: Problems) -> bool:
    form = Form(node, problems, "a moment")
    by_bank = form.choice("initiated_by") == "bank"
    form.finish()
    return by_bank


def _placement(name: PlacementId, form: Form, groups: Callable[[], frozenset[str]]) -> Placement:
    accepts = form.form("accepts", "accepts")
    fallback = plain(form.node_at("fallback"))
    if not isinstance(fallback, dict) or not fallback.get("id"):
        form.problems.error(form.span_of("fallback"), f"the placement `{name}` needs a `fallback` with an `id`")
        fallback = {"id": f"{name}_default"}
    placement = Placement(
        id=name,
        precedence=form.integer("precedence") or 1,
        items=form.integer("items") or 1,
        accepts=frozenset(accepts.known_words("groups", "group", groups())) if form.has("accepts") else None,
        max_per_group=form.integer("max_per_group"),
        valid_minutes=_minutes(form, "valid_for", 10),
        prefetch_valid_minutes=_minutes(form, "prefetch_valid_for", 60),
        fallback=fallback,
        most_characters=_limits(form),
    )
    accepts.finish()
    form.finish()
    return placement


def _limits(form: Form) -> dict[str, int]:
    """How long texts may be, by key of the content."""
    found = {}
    for key, node in form.entries("most_characters"):
        number = read_number(node.text) if isinstance(node, Scalar) else None
        if number is None or number % 1 or not 1 <= number <= _MOST_CHARACTERS:
            message = f"`{key.text}` must be a whole number of characters in 1..{_MOST_CHARACTERS}"
            form.problems.error(node.span, message)
        else:
            found[key.text] = int(number)
    return found


def _check_fallbacks(channel: Channel, form: Form) -> None:
    """Warn of fallbacks that are longer than their placement shows."""
    if not (channel.most_characters or any(each.most_characters for each in channel.placements.values())):
        return
    for key, node in form.entries("placements"):
        fallback = Form(node, form.problems, "a placement").node_at("fallback")
        check_lengths(fallback, channel, [PlacementId(key.text)], form.problems)


def _minutes(form: Form, key: str, default: int) -> int:
    duration = form.duration(key)
    if duration is None:
        return default
    minutes = {"min": 1, "h": 60, "d": 1440, "mo": 0, "y": 0}[duration.unit] * duration.amount
    if not 0 < minutes <= MAX_VALID_MINUTES:
        form.problems.error(form.span_of(key), f"`{key}` must lie in 1min..{MAX_VALID_MINUTES // 60}h")
        return default
    return minutes
