"""Reads `policy/*.yaml`: guards, the contact policy, and arbitration."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Final

from engine.actions import Tier
from engine.clock import Windows
from engine.compiler.action_files import ReadAction
from engine.compiler.budget_files import read_budgets
from engine.compiler.context import ReadContext, read_head
from engine.compiler.fact_specs import held_literal
from engine.compiler.form import Form, seconds
from engine.compiler.formula import ReadFormula, read_formula
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import Scalar
from engine.compiler.times import read_duration
from engine.compiler.versions import apart, differently_named
from engine.contact_rules import Cap, ContactRules, CoolingOff
from engine.contacts import DeclineReason
from engine.facts import Held, is_missing
from engine.ids import FactName
from engine.plan import Guard, Lever
from engine.syntax import ALWAYS, facts_read

_TIERS: Final[Mapping[str, Tier]] = {"must": Tier.MUST, "service": Tier.SERVICE, "offer": Tier.OFFER}
_SHORT_CAP: Final = " per "
_LIMIT: Final = re.compile(r"[0-9]{1,6}")
_CLOCK: Final = re.compile(r"[0-9]{2}:[0-9]{2}")
_LONGEST_FEATURE_S: Final = 90 * 86_400
"""Contacts of the last 90 days are features of the model."""


# --- guards ----------------------------------------------------------------------------------------------------------


def read_guards(
    form: Form, context: ReadContext, actions: Sequence[ReadAction]
) -> tuple[tuple[Guard, ...], Mapping[FactName, Held]]:
    """`policy/guards.yaml`: the guards in file order, and the defaults of the facts that they read."""
    defaults: dict[FactName, Held] = {}
    for key, node in form.entries("defaults"):
        fact = context.facts.get(key.text)
        if fact is None:
            context.problems.unknown(key.span, "fact", key.text, context.facts)
        elif not isinstance(node, Scalar):
            context.problems.error(node.span, f"the default of `{key.text}` must be a single value")
        elif not is_missing(held := held_literal(fact.spec, node, context.problems)):
            defaults[fact.name] = held
    guards = tuple(
        _guard(each, context, actions) for each in apart(form.forms("guards", "a guard"), "guard", context.problems)
    )
    form.finish()
    return guards, defaults


def _guard(form: Form, context: ReadContext, actions: Sequence[ReadAction]) -> Guard:
    name = form.name("guard")
    head = read_head(form, "guard", name)
    no_profiling = form.choice("effect") == "no_profiling"
    stops = _stopped(form, context, actions) if form.has("stops") else ()
    if not (stops or no_profiling or _names_whom(form)):
        context.problems.error(form.span, f"the guard `{name}` stops nothing", "add `stops`, or `effect: no_profiling`")
    told = context.problems.count
    condition = context.conditions.when(form)
    if condition == ALWAYS and context.problems.count == told:
        context.problems.error(form.span, f"the guard `{name}` has no condition, so it would always stop", "add `when`")
    for fact in facts_read(condition):
        if fact.name.startswith("context."):
            context.problems.error(form.span, f"a guard cannot read `{fact.name}`, which the request brings along")
    form.finish()
    return Guard(head=head, actions=stops, no_profiling=no_profiling, condition=condition)


def _names_whom(form: Form) -> bool:
    """Whether `stops` names a kind of action, of which there may be none at present."""
    stops = form.node_at("stops")
    if not isinstance(stops, MappingNode):
        return stops is not None
    return any(stops.get(key) is not None for key in ("tiers", "groups", "actions"))


def _stopped(form: Form, context: ReadContext, actions: Sequence[ReadAction]) -> tuple[int, ...]:
    stops = form.form("stops", "`stops`")
    everything = stops.truth("all")
    tiers = {_TIERS[name] for name in stops.known_words("tiers", "tier", _TIERS)}
    named = set(context.named_actions(stops))
    stops.finish()
    return tuple(at for at, read in enumerate(actions) if everything or read.action.tier in tiers or at in named)


# --- contact policy --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Defaults:
    """What an action takes over from `contact.yaml` unless it says otherwise."""

    decline_s: tuple[int, ...]
    accept_s: int


def read_contact(
    form: Form,
    context: ReadContext,
    actions: Sequence[ReadAction],
    journeys: Mapping[str, tuple[int, ...]],
    accepts_count_s: int,
) -> ContactRules:
    """`policy/contact.yaml`, with what the actions' own `contact` adds.

    Accepts count for journeys for up to `accepts_count_s` seconds.
    """
    caps = [
        cap
        for each in differently_named(form.forms("caps", "a cap"), "cap", context.problems)
        for cap in _caps(each, context, actions, journeys)
    ]
    budgets = read_budgets(form, context, actions, journeys)
    cooling = form.form("cooling_off", "`cooling_off`")
    defaults = _Defaults(
        decline_s=_declines(cooling, (0,) * len(DeclineReason)), accept_s=_seconds(cooling, "after_accept")
    )
    ignored = cooling.form("after_ignored", "`after_ignored`")
    impressions = ignored.integer("impressions") or 0
    ignored_within, ignored_for = _seconds(ignored, "in"), _seconds(ignored, "for")
    ignored.finish()
    cooling.finish()
    cooling_off = []
    for read in actions:
        caps.extend(_action_caps(read, context))
        cooling_off.append(_cooling_off(read.contact, defaults))
        read.contact.finish()
    quiet = form.form("quiet_hours", "`quiet_hours`")
    quiet_from, quiet_to = _clock(quiet, "from"), _clock(quiet, "to")
    quiet_channels = context.known_channels(quiet) if form.has("quiet_hours") else frozenset()
    quiet.finish()
    form.finish()
    windows = [cap.rolling.longest_days * 86_400 if cap.rolling else 32 * 86_400 for cap in caps]
    return ContactRules(
        caps=tuple(caps),
        caps_by_action=tuple(
            tuple(at for at, cap in enumerate(caps) if position in cap.actions) for position in range(len(actions))
        ),
        closed_caps=tuple(at for at, cap in enumerate(caps) if cap.limit == 0),
        special_caps=frozenset(at for at, cap in enumerate(caps) if cap.accepts or cap.channels is not None),
        cooling_off=tuple(cooling_off),
        ignored_impressions=impressions,
        ignored_within=ignored_within,
        ignored_for=ignored_for,
        quiet_channels=quiet_channels,
        quiet_from=quiet_from,
        quiet_to=quiet_to,
        span=form.span,
        windows=Windows(context.bank.zone, [cap.window for cap in caps]),
        budgets=budgets,
        budgets_by_action=tuple(
            tuple(at for at, budget in enumerate(budgets) if position in budget.actions)
            for position in range(len(actions))
        ),
        answer_horizon_s=max(
            [*windows, _LONGEST_FEATURE_S, accepts_count_s]
            + [max(*each.after_decline, each.after_accept) for each in cooling_off]
        ),
        horizon_s=max([*windows, ignored_within + ignored_for, _LONGEST_FEATURE_S]),
    )


def _caps(
    form: Form, context: ReadContext, actions: Sequence[ReadAction], journeys: Mapping[str, tuple[int, ...]]
) -> Iterator[Cap]:
    name = form.name("cap")
    per = form.choice("per")
    accepts = form.choice("count") == "accepts"
    limit = form.integer("limit")
    rolling, calendar = form.duration("in"), form.choice("each") or None
    tiers = {_TIERS[name] for name in form.known_words("tiers", "tier", _TIERS)} or {Tier.OFFER}
    groups = form.known_words("groups", "group", context.groups)
    themes = form.known_words("themes", "theme", journeys)
    channels = context.known_channels(form) if form.has("channels") else None
    form.text("title")
    form.finish()
    if not form.has("limit"):
        context.problems.error(form.span, f"the cap `{name}` needs a `limit`")
    if form.has("in") == form.has("each"):
        context.problems.error(form.span, f"the cap `{name}` needs either `in: 7d` or `each: day`")
    if (rolling is None) == (calendar is None):
        return
    of_tier = {at for at, read in enumerate(actions) if read.action.tier in tiers}

    def cap(cap_name: str, scope: set[int], positions: frozenset[int] | None) -> Cap:
        return Cap(
            id=cap_name,
            limit=limit or 0,
            accepts=accepts,
            rolling=rolling,
            calendar=calendar,
            actions=tuple(sorted(scope & of_tier)),
            channels=positions,
            span=form.span,
        )

    match per:
        case "customer":
            yield cap(name, of_tier, channels)
        case "group":
            for group in groups or sorted(context.groups):
                yield cap(
                    f"{name}.{group}" if len(groups) != 1 else name, set(context.actions_of_groups((group,))), channels
                )
        case "theme":
            for theme in themes or sorted(journeys):
                yield cap(f"{name}.{theme}" if len(themes) != 1 else name, set(journeys[theme]), channels)
        case "channel":
            for position in sorted(channels if channels is not None else context.known_channels(form)):
                yield cap(f"{name}.{context.channels[position].id}", of_tier, frozenset({position}))


def _action_caps(read: ReadAction, context: ReadContext) -> Iterator[Cap]:
    form = read.contact
    for word in form.words("per_customer"):
        limit, _, length = word.text.partition(_SHORT_CAP)
        window = read_duration(length)
        if not _LIMIT.fullmatch(limit.strip()) or window is None:
            context.problems.error(word.span, "`per_customer` must be such as `2 per 30d`")
            continue
        yield Cap(
            id=f"{read.action.id}.per_customer",
            limit=int(limit),
            accepts=False,
            rolling=window,
            calendar=None,
            actions=(read.action.position,),
            channels=None,
            span=word.span,
        )


def _cooling_off(form: Form, defaults: _Defaults) -> CoolingOff:
    node = form.node_at("after_decline")
    if isinstance(node, Scalar):
        length = seconds(form, "after_decline", node)
        declines = tuple(_general(length, reason, defaults.decline_s) for reason in DeclineReason)
    else:
        declines = _declines(form, defaults.decline_s)
    accept = form.scalar("after_accept")
    return CoolingOff(
        after_decline=declines, after_accept=seconds(form, "after_accept", accept) if accept else defaults.accept_s
    )


def _declines(form: Form, inherited: tuple[int, ...]) -> tuple[int, ...]:
    if not form.has("after_decline"):
        return inherited
    by_reason = form.form("after_decline", "`after_decline`")
    default = by_reason.scalar("default")
    lengths = []
    for reason in DeclineReason:
        own, key = by_reason.scalar(reason.name.lower()), reason.name.lower()
        if own is not None:
            lengths.append(seconds(by_reason, key, own))
        elif default is not None:
            lengths.append(_general(seconds(by_reason, key, default), reason, inherited))
        else:
            lengths.append(inherited[reason])
    by_reason.finish()
    return tuple(lengths)


def _general(length: int, reason: DeclineReason, inherited: tuple[int, ...]) -> int:
    """A rest for every reason alike; `never` is not shortened by it."""
    return max(length, inherited[reason]) if reason is DeclineReason.NEVER else length


def _seconds(form: Form, key: str) -> int:
    node = form.scalar(key)
    return 0 if node is None else seconds(form, key, node)


def _clock(form: Form, key: str) -> time:
    node = form.scalar(key)
    if node is None:
        return time()
    try:
        if _CLOCK.fullmatch(node.text):
            return time.fromisoformat(node.text)
    except ValueError:
        pass
    form.problems.error(node.span, f"`{key}` must be a time such as 20:00")
    return time()


# --- arbitration -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Arbitration:
    """What leans on the ranking."""

    levers: tuple[Lever, ...]
    ranking: ReadFormula | None
    exploration_bound: float
    worth_it_tiers: frozenset[int]


def read_arbitration(form: Form, context: ReadContext, journeys: Mapping[str, tuple[int, ...]]) -> Arbitration:
    """`policy/arbitration.yaml`."""
    levers = tuple(
        _lever(each, context, journeys) for each in apart(form.forms("levers", "a lever"), "lever", context.problems)
    )
    ranking = read_formula(form, context)
    exploration = form.form("exploration", "`exploration`")
    bound = exploration.number("bound")
    exploration.finish()
    worth_it = form.form("worth_it", "`worth_it`")
    tiers = {int(_TIERS[name]) for name in worth_it.known_words("tiers", "tier", _TIERS)}
    worth_it.finish()
    form.finish()
    return Arbitration(
        levers=levers,
        ranking=ranking,
        exploration_bound=float(bound or 0),
        worth_it_tiers=frozenset(tiers or {int(Tier.OFFER)}),
    )


def _lever(form: Form, context: ReadContext, journeys: Mapping[str, tuple[int, ...]]) -> Lever:
    head = read_head(form, "lever", form.name("lever"))
    percent = form.number("percent")
    if not form.has("percent"):
        context.problems.error(form.span, "a lever needs `percent`")
    channels = context.known_channels(form)
    themes = form.known_words("themes", "theme", journeys)
    named = {*context.named_actions(form), *(at for theme in themes for at in journeys[theme])}
    everything = not any(form.has(key) for key in ("actions", "groups", "themes"))
    form.finish()
    return Lever(
        head=head,
        percent=float(percent or 0),
        actions=tuple(range(len(context.position_by_action))) if everything else tuple(sorted(named)),
        channels=channels,
    )
