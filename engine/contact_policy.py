"""Caps, cooling-off, budgets and quiet hours, judged on the contact history as it was read.

The same history decides again at commit: a decision whose history changed meanwhile is judged anew, so what is
written here is the only place that counts contacts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.actions import Tier
from engine.budgets import Left, is_covered
from engine.contact_rules import Cap, ContactRules
from engine.contacts import SESSION_GAP_S, Contact, ContactState, DeclineReason, hash32
from engine.decision import Blocked, Request
from engine.plan import Plan
from engine.reasons import Reason


@dataclass(slots=True, init=False)
class ContactVerdict:
    """What the contact history leaves room for."""

    blocked: dict[int, Blocked]
    used: dict[int, int]
    """Contacts counted by each cap of the plan that counted any, by the cap's position."""
    in_session: dict[int, Contact]
    """Actions that this session has seen already: showing them again costs no contact."""
    session_hash: int
    budget_unknown: bool
    """Whether something is kept back for want of a word about its budget."""

    def __init__(
        self,
        *,
        blocked: dict[int, Blocked],
        used: dict[int, int],
        in_session: dict[int, Contact],
        session_hash: int,
    ) -> None:
        self.blocked = blocked
        self.used = used
        self.in_session = in_session
        self.session_hash = session_hash
        self.budget_unknown = False


def apply_contact_policy(
    plan: Plan, request: Request, contacts: Sequence[Contact], budget_left: Left, now: datetime, codes: bytearray
) -> ContactVerdict:
    """Mark the actions that must rest, and say what each cap has left."""
    now_s = int(now.timestamp())
    live = _distinct(contacts, now_s)
    session = _session(request, live, now_s)
    verdict = ContactVerdict(
        blocked={}, used=dict.fromkeys(plan.contact.closed_caps, 0), in_session={}, session_hash=session
    )
    if live:
        _count(plan, live, now, verdict, codes)
    _close_caps(plan, request, verdict, codes)
    if budget_left:
        _close_budgets(plan, budget_left, now_s, verdict, codes)
    if request.bank_initiated and request.channel.position in plan.contact.quiet_channels:
        _keep_quiet(plan, now, verdict, codes)
    return verdict


def _distinct(contacts: Sequence[Contact], now_s: int) -> Sequence[Contact]:
    """One contact per action and session, the furthest one; lapsed reservations do not count."""
    if not contacts:
        return contacts
    live = [each for each in contacts if each[4] or not each.lapsed(now_s)]
    if len({each[1:3] for each in live}) == len(live):
        return live
    furthest: dict[tuple[int, int], Contact] = {}
    for contact in live:
        other = furthest.setdefault((contact.action_hash, contact.session_hash), contact)
        if contact.state >= other.state:
            furthest[contact.action_hash, contact.session_hash] = contact
    return sorted(furthest.values(), key=_when)


def _when(contact: Contact) -> int:
    return contact.at


def _session(request: Request, live: Sequence[Contact], now_s: int) -> int:
    if request.session_id is not None:
        return hash32(request.session_id)
    channel = request.channel.position
    for contact in reversed(live):
        if contact.channel == channel and contact.at > now_s - SESSION_GAP_S:
            return contact.session_hash
    return hash32(f"{request.customer}|{request.channel.id}|{now_s}")


def _count(plan: Plan, live: Sequence[Contact], now: datetime, verdict: ContactVerdict, codes: bytearray) -> None:
    """Count the contacts of each cap, and rest what was answered or ignored; one pass, for it is in the hot path."""
    rules, now_s = plan.contact, int(now.timestamp())
    starts, caps, caps_by_action = rules.windows.starts(now), rules.caps, rules.caps_by_action
    tiers, special = plan.tiers, rules.special_caps
    used, session, position_by_hash = verdict.used, verdict.session_hash, plan.position_by_hash
    ignored: dict[int, list[int]] = {}
    for contact in live:
        at_s, action_hash, session_hash, channel, state, _, _ = contact
        action = position_by_hash.get(action_hash)
        if action is None:
            continue
        if session_hash == session:
            verdict.in_session[action] = contact
        for at in caps_by_action[action]:
            if at_s >= starts[at] and (at not in special or _counts(caps[at], channel, state)):
                used[at] = used.get(at, 0) + 1
        if codes[action] or tiers[action] == _MUST:
            continue
        if state == _SHOWN:
            ignored.setdefault(action, []).append(at_s)
        elif state >= _LATER:
            _rest_answered(rules, action, contact, now_s, verdict, codes)
    for action, seen in ignored.items():
        if 0 < rules.ignored_impressions <= len(seen):
            _rest_ignored(rules, action, sorted(seen), now_s, verdict, codes)


def _counts(cap: Cap, channel: int, state: int) -> bool:
    return (cap.channels is None or channel in cap.channels) and (not cap.accepts or state >= _ACCEPTED)


def _rest_answered(
    rules: ContactRules, action: int, contact: Contact, now_s: int, verdict: ContactVerdict, codes: bytearray
) -> None:
    until, why = _answer_rests(rules, action, contact)
    if until > now_s:
        _block(action, Reason.COOLING_OFF, Blocked(rule=why, until=until), verdict, codes)


_MUST: Final = int(Tier.MUST)
_SHOWN: Final = int(ContactState.SHOWN)
_LATER: Final = int(ContactState.LATER)
_ACCEPTED: Final = int(ContactState.ACCEPTED)


def _answer_rests(rules: ContactRules, action: int, contact: Contact) -> tuple[int, str]:
    cooling = rules.cooling_off[action]
    if contact.state == ContactState.DECLINED:
        reason = DeclineReason(min(contact.reason, DeclineReason.OTHER))
        return contact.at + cooling.after_decline[reason], f"declined: {reason.name.lower()}"
    if contact.state == ContactState.LATER:
        return contact.at + cooling.after_decline[DeclineReason.NOT_NOW], "asked for later"
    return contact.at + cooling.after_accept, "accepted"


def _rest_ignored(
    rules: ContactRules, action: int, seen: list[int], now_s: int, verdict: ContactVerdict, codes: bytearray
) -> None:
    for last in range(len(seen) - 1, rules.ignored_impressions - 2, -1):
        first = last - rules.ignored_impressions + 1
        until = seen[last] + rules.ignored_for
        if until <= now_s:
            return
        if seen[last] - seen[first] <= rules.ignored_within:
            _block(action, Reason.COOLING_OFF, Blocked(rule="ignored", until=until), verdict, codes)
            return


def _close_caps(plan: Plan, request: Request, verdict: ContactVerdict, codes: bytearray) -> None:
    channel = request.channel.position
    for at, used in verdict.used.items():
        cap = plan.contact.caps[at]
        if used < cap.limit or (cap.channels is not None and channel not in cap.channels):
            continue
        for action in cap.actions:
            if action not in verdict.in_session:
                _block(action, Reason.CAPPED, Blocked(rule=cap.id, until=None), verdict, codes)


def _close_budgets(plan: Plan, left: Left, now_s: int, verdict: ContactVerdict, codes: bytearray) -> None:
    for at, offers in left.items():
        if offers > 0:
            continue
        budget = plan.contact.budgets[at]
        blocked = Blocked(rule=budget.id, until=None, unknown=offers < 0)
        for action in budget.actions:
            if not codes[action] and not is_covered(budget, verdict.in_session.get(action), now_s):
                _block(action, Reason.BUDGET_SPENT, blocked, verdict, codes)
                verdict.budget_unknown = verdict.budget_unknown or blocked.unknown


def _keep_quiet(plan: Plan, now: datetime, verdict: ContactVerdict, codes: bytearray) -> None:
    rules = plan.contact
    local = now.astimezone(plan.zone).time()
    start, end = rules.quiet_from, rules.quiet_to
    quiet = start <= local < end if start <= end else local >= start or local < end
    if quiet:
        for action in plan.actions:
            if action.tier != Tier.MUST:
                _block(action.position, Reason.QUIET_HOURS, Blocked(rule="quiet_hours", until=None), verdict, codes)


def _block(action: int, reason: Reason, blocked: Blocked, verdict: ContactVerdict, codes: bytearray) -> None:
    if not codes[action]:
        codes[action] = reason
        verdict.blocked[action] = blocked
