"""POST /v1/events: CloudEvents 1.0, one or a batch; acknowledged once they are durable in their customer's stream."""

import asyncio
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller
from api.access.required import require
from api.access.roles import Role
from api.deadline import Deadline
from api.forms import BatchReceipt, EventForm, EventReceipt
from api.ingestion.intake import CheckedEvent, EventIntake
from api.openapi import body_of
from api.parsing import as_form
from api.problems import Problem, ProblemType
from api.routes.reading import answer, read_batch, shell_of, unless_unavailable
from api.service_port import Shell

router = APIRouter()

Feeds = Annotated[Caller, Depends(require(Role.TOUCHPOINT, Role.OPERATOR))]

MEDIA_TYPES: Final = (b"application/json", b"application/cloudevents+json", b"application/cloudevents-batch+json")


@router.post(
    "/v1/events",
    status_code=202,
    response_model=EventReceipt | BatchReceipt[EventReceipt],
    summary="What happened to customers",
    openapi_extra=body_of(EventForm, batch=True, media_types=MEDIA_TYPES),
)
async def post_events(request: Request, caller: Feeds) -> Response:
    """Each event counts once by its source and id. A batch is answered part by part."""
    if caller.origins:
        raise Problem(ProblemType.FORBIDDEN, "a key that pages hold is not for events")
    shell = shell_of(request)
    if shell.watch.full:
        raise Problem(ProblemType.OVERLOADED, "the store has no room for events; send them again later")
    parts, is_batch = await read_batch(request, MEDIA_TYPES)
    deadline = Deadline.within(shell.settings.write_timeout_ms)
    intake = EventIntake(shell.customers, shell.journal)
    checked = await asyncio.gather(*(_check_or_refuse(shell, intake, part, deadline) for part in parts))
    if not is_batch and isinstance(checked[0], Problem):
        raise checked[0]
    sound = [each for each in checked if isinstance(each, CheckedEvent)]
    news = iter(await unless_unavailable(shell, "append", intake.take(sound, deadline)))
    receipts = [_receipt(shell, each, new=isinstance(each, CheckedEvent) and next(news)) for each in checked]
    return answer(BatchReceipt(results=receipts) if is_batch else receipts[0], 202)


async def _check_or_refuse(
    shell: Shell, intake: EventIntake, part: msgspec.Raw, deadline: Deadline
) -> CheckedEvent | Problem:
    try:
        form = as_form(EventForm, part)
        checking = intake.check(shell.service.plan.catalogue, form, deadline)
        return await unless_unavailable(shell, "resolve", checking)
    except Problem as problem:
        if problem.kind is ProblemType.STORE_UNAVAILABLE:
            raise
        return problem


def _receipt(shell: Shell, checked: CheckedEvent | Problem, *, new: bool) -> EventReceipt:
    if isinstance(checked, Problem):
        shell.metrics.problems.add(("events", checked.kind))
        return EventReceipt(source=None, id=None, status="refused", problem=checked.members())
    entry, status = checked.entry, checked.status(new=new)
    shell.metrics.events.add((entry.type, status))
    return EventReceipt(source=entry.source, id=entry.id, status=status, reason=checked.reason)
