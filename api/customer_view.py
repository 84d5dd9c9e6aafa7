"""What staff see of one customer: who they are, what happened, what is inferred and why, and what to offer next."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from api.forms import (
    ConsentView,
    ContactView,
    CustomerView,
    GroupView,
    MergedView,
    NeedView,
    OpportunityView,
    OrderView,
    RelationView,
    StateView,
    ThemeView,
    WhyView,
)
from api.merging.entries import Merge
from api.needs import active_needs, active_themes, row_of
from api.ports.relations import Relation
from api.relating import Kin
from api.schemas import DecisionResponse
from api.ties import decode_memberships
from engine.contacts import Contact, ContactState, DeclineReason
from engine.decision import Snapshot
from engine.explain import Because, what_holds
from engine.facts import is_missing, release
from engine.generated import Row
from engine.plan import Plan
from engine.syntax import Condition
from engine.teller import facts_of

MAX_CONTACTS: Final = 50
MAX_STATES: Final = 50
_decode_answer: Final = msgspec.json.Decoder(DecisionResponse).decode


def view_of(
    plan: Plan,
    customer: str,
    snapshot: Snapshot,
    *,
    kin: Kin,
    orders: list[OrderView],
    opportunities: bytes,
    ties: bytes | None,
    now_s: int,
) -> CustomerView:
    """The whole view; `opportunities` is the explained answer of a channel for staff."""
    row = row_of(plan, snapshot, now_s)
    profiling = not snapshot.consent.profiling_objection
    profile = _profile(plan, snapshot)
    answered = _decode_answer(opportunities)
    return CustomerView(
        customer_id=customer,
        profile=profile,
        calculated=_calculated(plan, row),
        states=_states(plan, snapshot),
        needs=_needs(plan, snapshot, row, now_s) if profiling else [],
        themes=_themes(plan, row) if profiling else [],
        groups=_groups(profile, ties, now_s),
        relations=_relations(plan, kin.relations, customer),
        merged=[_merged(each) for each in sorted(kin.merges, key=lambda each: each.steps[-1][1], reverse=True)],
        contacts=[_contact(plan, contact) for contact in reversed(snapshot.contacts[-MAX_CONTACTS:])],
        opportunities=_opportunities(plan, answered),
        degraded=list(answered.degraded),
        orders=orders,
        consent=ConsentView(
            version=snapshot.consent.version,
            purposes={purpose: dict(channels) for purpose, channels in snapshot.consent.allowed_by_purpose.items()},
            profiling_objection=snapshot.consent.profiling_objection,
        ),
    )


def _profile(plan: Plan, snapshot: Snapshot) -> dict[str, object]:
    if snapshot.profile is None:
        return {}
    audit_only = {spec.name for spec in plan.profile_schema.columns if spec.protected}
    values = plan.profile_schema.decode(snapshot.profile)
    return {name: value for name, value in values.items() if name not in audit_only}


def _calculated(plan: Plan, row: Row) -> dict[str, object]:
    slots, specs = plan.layout.slot_by_fact, plan.fact_specs
    held = {name: row[slots[name]] for name in plan.catalogue.calculated if not specs[name].protected}
    return {name: release(specs[name], value) for name, value in held.items() if not is_missing(value)}


def _groups(profile: dict[str, object], ties: bytes | None, now_s: int) -> list[GroupView]:
    """Those of the profile, and memberships with their times, past and future ones among them."""
    memberships = decode_memberships(ties)
    timed = [
        GroupView(
            group=each.group,
            start=_instant(each.start_s),
            end=None if each.end_s is None else _instant(each.end_s),
            by=each.by,
        )
        for each in memberships
    ]
    groups = profile.get("groups")
    untimed = set(groups if isinstance(groups, tuple) else ()) - {
        each.group for each in memberships if each.runs(now_s)
    }
    return [*(GroupView(group=str(each), start=None, end=None) for each in sorted(untimed)), *timed]


def _relations(plan: Plan, relations: Sequence[Relation], customer: str) -> list[RelationView]:
    of_others = [each for each in relations if each.to and each.to != customer]
    others = sorted({(each.kind, each.to, each.start, each.end) for each in of_others}, key=str)
    kinds = plan.catalogue.relations
    return [
        RelationView(kind=kind, title=kinds[kind].title if kind in kinds else None, to=to, start=start, end=end)
        for kind, to, start, end in others
    ]


def _merged(merge: Merge) -> MergedView:
    at = datetime.fromtimestamp(merge.steps[-1][1] / 1_000, UTC)
    return MergedView(record=merge.loser, merge_id=merge.merge_id, merged_at=at, why=merge.why)


def _states(plan: Plan, snapshot: Snapshot) -> list[StateView]:
    """What the event state tells: for each filter that rules ask about, when it matched last."""
    state, layout = snapshot.events, plan.event_layout
    if state is None:
        return []
    found = []
    for offset, kept in zip(layout.offsets, layout.filters, strict=True):
        instants = [instant for instant in state[offset : offset + kept.depth] if instant]
        if instants:
            last_at = _instant(instants[0])
            found.append(StateView(event=kept.event, where=kept.text, last_at=last_at, times=len(instants)))
    return sorted(found, key=lambda each: (each.last_at, each.where), reverse=True)[:MAX_STATES]


def _needs(plan: Plan, snapshot: Snapshot, row: Row, now_s: int) -> list[NeedView]:
    return [
        NeedView(
            need=need.removeprefix("needs."),
            last_held_at=_instant(held_s),
            why=[
                part
                for each in plan.needs
                if each.name == need and plan.tracer.truth(each.condition, row)
                for part in _why(plan, row, need, each.condition)
            ],
        )
        for need, held_s in active_needs(plan, snapshot, row, now_s).items()
    ]


def _themes(plan: Plan, row: Row) -> list[ThemeView]:
    return [
        ThemeView(
            theme=theme.head.rule.partition("/")[2],
            title=theme.head.title,
            why=_why(plan, row, theme.head.rule, theme.condition),
            journey=[plan.actions[step].id for step in theme.journey],
        )
        for theme in active_themes(plan, row)
    ]


def _why(plan: Plan, row: Row, rule: str, condition: Condition) -> list[WhyView]:
    return [_part(plan, row, each) for each in what_holds(plan, row, rule, condition)]


def _part(plan: Plan, row: Row, because: Because) -> WhyView:
    assert because.cause is not None
    return WhyView(
        rule=because.rule or "",
        place=str(because.place),
        cell=because.cause.atom.text,
        detail=because.detail or "",
        facts=facts_of(plan, row, because.cause),
    )


def _opportunities(plan: Plan, answered: DecisionResponse) -> list[OpportunityView]:
    options = [(option, each.placement) for each in answered.propositions for option in each.options]
    options.sort(key=lambda pair: -(pair[0].priority or 0.0))
    titles: dict[str, str] = {action.id: action.title for action in plan.actions}
    return [
        OpportunityView(
            rank=rank,
            action=option.action,
            title=titles.get(option.action, option.action),
            placement=placement,
            theme=option.theme,
            propensity=option.propensity,
            maturity=option.maturity,
            priority=option.priority,
            say=option.say,
            reasons=[reason.title or reason.detail or reason.code for reason in option.reasons],
        )
        for rank, (option, placement) in enumerate(options, start=1)
    ]


def _contact(plan: Plan, contact: Contact) -> ContactView:
    position = plan.position_by_hash.get(contact.action_hash)
    action = None if position is None else plan.actions[position]
    known_channel = contact.channel < len(plan.channels)
    return ContactView(
        at=_instant(contact.at),
        action=None if action is None else action.id,
        title="an action of earlier rules" if action is None else action.title,
        channel=plan.channels[contact.channel].id if known_channel else "unknown",
        state=ContactState(contact.state).name.lower(),
        reason=DeclineReason(contact.reason).name.lower() if contact.reason else None,
    )


def _instant(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
