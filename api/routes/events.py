"""POST /v1/events: CloudEvents 1.0, one or a batch; acknowledged once they are durable in their customer's stream."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response

from api.entries import EventEntry, QuarantineEntry, encode_entry
from api.forms import BatchReceipt, EventForm, EventReceipt, EventStatus
from api.openapi import body_of
from api.ports import Arrival, CustomerKey, Identity, Stream, key_of, key_of_unknown
from api.problems import Problem, ProblemType, escaped
from api.routes.reading import FUTURE_S, Deadline, answer, as_form, read_batch, shell_of, unless_unavailable
from api.service_port import Shell
from engine.errors import FactError
from engine.ids import EventName
from engine.plan import Catalogue

router = APIRouter()

MEDIA_TYPES: Final = (b"application/json", b"application/cloudevents+json", b"application/cloudevents-batch+json")
OLDEST_S: Final = 7 * 86_400
"""Duplicates are known for so long; an older event may have counted before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """An event on its way into a stream; `reason` when it is to be put aside."""

    form: EventForm
    key: CustomerKey
    entry: EventEntry
    reason: str | None

    @property
    def destination(self) -> tuple[Stream, int]:
        return (Stream.EVENTS if self.reason is None else Stream.QUARANTINE, self.key.partition)


@router.post(
    "/v1/events",
    status_code=202,
    response_model=EventReceipt | BatchReceipt[EventReceipt],
    summary="What happened to customers",
    openapi_extra=body_of(EventForm, batch=True, media_types=MEDIA_TYPES),
)
async def post_events(request: Request) -> Response:
    """Each event counts once by its source and id. A batch is answered part by part."""
    shell = shell_of(request)
    if shell.watch.full:
        raise Problem(ProblemType.OVERLOADED, "the store has no room for events; send them again later")
    parts, is_batch = await read_batch(request, MEDIA_TYPES)
    deadline = Deadline.of(shell)
    checked = await asyncio.gather(*(_check_or_refuse(shell, part, deadline) for part in parts))
    if not is_batch and isinstance(checked[0], Problem):
        raise checked[0]
    new_by_position = await _append(shell, checked, deadline)
    receipts = [_receipt(shell, each, new_by_position.get(at, False)) for at, each in enumerate(checked)]
    return answer(BatchReceipt(results=receipts) if is_batch else receipts[0], 202)


async def _check_or_refuse(shell: Shell, part: msgspec.Raw, deadline: Deadline) -> _Checked | Problem:
    try:
        return await _check(shell, as_form(EventForm, part), deadline)
    except Problem as problem:
        if problem.kind is ProblemType.STORE_UNAVAILABLE:
            raise
        return problem


async def _check(shell: Shell, form: EventForm, deadline: Deadline) -> _Checked:
    _see_that_it_fits(shell.service.plan.catalogue, form)
    scheme, _, value = form.subject.partition(":")
    identity = Identity(scheme, value)
    resolving = shell.customers.resolve([identity], deadline=deadline.deadline)
    customers = (await unless_unavailable(shell, "resolve", resolving)).customers
    key = key_of(customers[0]) if len(customers) == 1 else key_of_unknown(identity)
    at_ms = deadline.now_ms if form.time is None else int(form.time.timestamp() * 1_000)
    entry = EventEntry(
        record=key.record,
        source=form.source,
        id=form.id,
        type=form.type,
        at_ms=at_ms,
        received_ms=deadline.now_ms,
        data=form.data,
    )
    return _Checked(
        form=form, key=key, entry=entry, reason=_reason_to_put_aside(len(customers), at_ms, deadline.now_ms)
    )


def _see_that_it_fits(catalogue: Catalogue, form: EventForm) -> None:
    spec = catalogue.events.get(EventName(form.type))
    if spec is None:
        raise Problem(ProblemType.UNKNOWN_EVENT_TYPE, "`type` is not an event of the catalogue", pointer="/type")
    try:
        spec.hold(form.data)
    except FactError as error:
        pointer = f"/data/{escaped(error.fact)}"
        raise Problem(ProblemType.INVALID_EVENT, f"`data.{error.fact}` {error.problem}", pointer=pointer) from error


def _reason_to_put_aside(customers: int, at_ms: int, now_ms: int) -> str | None:
    if customers > 1:
        return "identity_ambiguous"
    if at_ms > now_ms + 1_000 * FUTURE_S:
        return "in_the_future"
    if at_ms < now_ms - 1_000 * OLDEST_S:
        return "too_old"
    return None


async def _append(shell: Shell, checked: Sequence[_Checked | Problem], deadline: Deadline) -> dict[int, bool]:
    """Append each event to its stream; for each position whether it was new."""
    by_destination: dict[tuple[Stream, int], dict[int, Arrival]] = {}
    for position, each in enumerate(checked):
        if isinstance(each, _Checked):
            by_destination.setdefault(each.destination, {})[position] = _arrival(each)
    new_by_position: dict[int, bool] = {}
    appending = (_append_there(shell, where, arrivals, deadline) for where, arrivals in by_destination.items())
    for found in await asyncio.gather(*appending):
        new_by_position |= found
    return new_by_position


async def _append_there(
    shell: Shell, where: tuple[Stream, int], arrival_by_position: dict[int, Arrival], deadline: Deadline
) -> dict[int, bool]:
    arrivals = list(arrival_by_position.values())
    appending = shell.journal.append_once(
        *where, arrivals, deadline_ms=deadline.deadline_ms, deadline=deadline.deadline
    )
    new = await unless_unavailable(shell, "append", appending)
    return dict(zip(arrival_by_position, new, strict=True))


def _arrival(checked: _Checked) -> Arrival:
    body = encode_entry(checked.entry)
    if checked.reason is not None:
        body = encode_entry(QuarantineEntry(checked.reason, body, checked.entry.received_ms))
    return Arrival(checked.form.source, checked.form.id, body)


def _receipt(shell: Shell, checked: _Checked | Problem, new: bool) -> EventReceipt:
    if isinstance(checked, Problem):
        shell.metrics.problems.add(("events", checked.kind))
        return EventReceipt(source=None, id=None, status="refused", problem=checked.members())
    form = checked.form
    status: EventStatus = "duplicate" if not new else "quarantined" if checked.reason else "accepted"
    shell.metrics.events.add((form.type, status))
    return EventReceipt(source=form.source, id=form.id, status=status, reason=checked.reason)
