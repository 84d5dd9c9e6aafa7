"""Takes down what a customer did with an offer: it counts once, and an accept places its order."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from api.access.callers import Caller
from api.appointments import is_offered
from api.booking import book, give_back
from api.deadline import FUTURE_S, Deadline
from api.entries import FulfilmentOrder, OutcomeEntry, encode_entry, encode_order
from api.forms import OutcomeForm, OutcomeKind, OutcomeReceipt, OutcomeStatus
from api.ports import CustomerKey, OutcomeState, OutcomeWrite
from api.problems import Problem, ProblemType
from api.routes.reading import tracked, unless_unavailable
from api.service_port import Shell
from api.tokens import Tracked
from engine.contacts import ContactState, DeclineReason
from engine.ids import ActionId, PlacementId
from engine.plan import Plan

APPOINTMENT: Final = "appointment"
STATE_BY_OUTCOME: Final = {
    OutcomeKind.IMPRESSION: ContactState.SHOWN,
    OutcomeKind.CLICK: ContactState.CLICKED,
    OutcomeKind.LATER: ContactState.LATER,
    OutcomeKind.DECLINE: ContactState.DECLINED,
    OutcomeKind.ACCEPT: ContactState.ACCEPTED,
    OutcomeKind.CONVERT: ContactState.CONVERTED,
}


async def record_outcome(shell: Shell, form: OutcomeForm, caller: Caller | None) -> OutcomeReceipt:
    """Acknowledged once it is durable and binds; without a caller, the token itself is the proof.

    Raises:
        Problem: the token is not ours, or of another channel than the caller's; the outcome lies in the future; there
            is no such appointment, or no longer; or the store is away.
    """
    deadline = Deadline.within(shell.settings.write_timeout_ms)
    occurred_ms = int(form.occurred_at.timestamp() * 1_000)
    if occurred_ms > deadline.now_ms + 1_000 * FUTURE_S:
        raise Problem(ProblemType.INVALID_BODY, "`occurred_at` lies in the future", pointer="/occurred_at")
    offer = tracked(shell, form.tracking_token, deadline.now_ms / 1_000)
    if caller is not None and offer.channel < len(shell.service.plan.channels):
        caller.check_channel(shell.service.plan.channels[offer.channel].id)
    order = _order(shell, form, offer, deadline.now_ms) if form.outcome is OutcomeKind.ACCEPT else None
    booked = order is not None and await book(shell, order, deadline)
    write = _write(form, offer, occurred_ms, deadline, order)
    recording = shell.outcomes.record_outcome(
        CustomerKey(offer.partition, offer.record), write, deadline=deadline.deadline
    )
    result = await unless_unavailable(shell, "outcome", recording)
    if order is not None and booked and not result.ordered:
        await give_back(shell, order, deadline)
        why = "the offer was accepted before, without this appointment"
        raise Problem(ProblemType.INVALID_BODY, why, pointer="/appointment_at")
    status = _STATUS[result.state]
    shell.metrics.outcomes.add((form.outcome, status))
    return OutcomeReceipt(outcome_id=form.outcome_id, status=status, ordered=result.ordered)


_STATUS: Final[Mapping[OutcomeState, OutcomeStatus]] = {
    OutcomeState.RECORDED: "recorded",
    OutcomeState.DUPLICATE: "duplicate",
    OutcomeState.LATE_IMPRESSION: "late_impression",
}


def _write(
    form: OutcomeForm, offer: Tracked, occurred_ms: int, deadline: Deadline, order: FulfilmentOrder | None
) -> OutcomeWrite:
    entry = OutcomeEntry(
        outcome_id=form.outcome_id,
        decision_id=offer.decision_id,
        record=offer.record,
        action=offer.action,
        outcome=form.outcome,
        reason=form.reason,
        occurred_ms=occurred_ms,
        received_ms=deadline.now_ms,
        channel=offer.channel,
        placement=offer.placement,
        rank=offer.rank,
        treatment=offer.treatment,
    )
    return OutcomeWrite(
        deadline_ms=deadline.deadline_ms,
        outcome_id=form.outcome_id,
        decision_id=offer.decision_id,
        decided_at_ms=offer.decided_at_ms,
        action=offer.action,
        action_hash=offer.action_hash,
        session_hash=offer.session_hash,
        channel=offer.channel,
        state=STATE_BY_OUTCOME[form.outcome],
        occurred_at_ms=occurred_ms,
        valid_until_ms=1_000 * offer.valid_until_s,
        entry=encode_entry(entry),
        reason=DeclineReason[form.reason.upper()] if form.reason else DeclineReason.NONE,
        order=None if order is None else encode_order(order),
    )


def _order(shell: Shell, form: OutcomeForm, offer: Tracked, now_ms: int) -> FulfilmentOrder:
    """The order of an accepted offer; an action that the bundle no longer has is ordered by its name alone.

    Raises:
        Problem: it asks for an appointment that the offer does not lead to, or for a time that no branch has.
    """
    plan = shell.service.plan
    position = plan.position_by_action.get(ActionId(offer.action))
    leads_to = None if position is None else _leads_to(plan, offer, position)
    if form.appointment_at is not None:
        _see_that_it_can_be_met(shell, form.appointment_at, leads_to, now_ms)
    return FulfilmentOrder(
        order_id=f"{offer.decision_id}:{offer.action}",
        kind="offer",
        record=offer.record,
        channel=plan.channels[offer.channel].id if offer.channel < len(plan.channels) else str(offer.channel),
        placed_at_ms=now_ms,
        decision_id=offer.decision_id,
        action=offer.action,
        gives=None if position is None else plan.actions[position].gives,
        treatment=offer.treatment,
        leads_to=leads_to,
        appointment_at_ms=None if form.appointment_at is None else int(form.appointment_at.timestamp() * 1_000),
        branch=form.branch,
    )


def _see_that_it_can_be_met(shell: Shell, at: datetime, leads_to: dict[str, str] | None, now_ms: int) -> None:
    if APPOINTMENT not in (leads_to or {}).values():
        raise Problem(ProblemType.INVALID_BODY, "the offer leads to no appointment", pointer="/appointment_at")
    now = datetime.fromtimestamp(now_ms / 1_000, UTC)
    if not is_offered(shell.service.plan.zone, shell.settings.appointment_times, at, now):
        raise Problem(
            ProblemType.INVALID_BODY, "no branch has time then, see /v1/appointments", pointer="/appointment_at"
        )


def _leads_to(plan: Plan, offer: Tracked, position: int) -> dict[str, str] | None:
    if offer.channel >= len(plan.treatments):
        return None
    by_action = plan.treatments[offer.channel].get(PlacementId(offer.placement))
    treatments = by_action[position] if by_action else ()
    treatment = next((each for each in treatments if each.id == offer.treatment), None)
    return dict(treatment.leads_to) if treatment is not None and treatment.leads_to else None
