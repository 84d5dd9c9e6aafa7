"""/v1/customers/{id}/merges: two records that are one person's become one customer, and two again."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Path, Request, Response

from api.access.callers import Caller
from api.access.required import note_look, require
from api.access.roles import Role
from api.merging.desk import MergeDesk
from api.merging.entries import Merge
from api.merging.sides import Refusal, Refused
from api.openapi import body_of
from api.problems import Problem, ProblemType
from api.routes.reading import answer, read_one, shell_of, unless_unavailable
from api.service_port import Shell
from api.tie_forms import MergeForm, MergeStepView, MergesView, MergeView, SeparationForm

router = APIRouter()

Merges = Annotated[Caller, Depends(require(Role.OPERATOR))]
Reads = Annotated[Caller, Depends(require(Role.COMPLIANCE, Role.OPERATOR))]

Record = Annotated[
    str, Path(alias="id", min_length=1, max_length=256, description="A customer's id, or an identity as `scheme:value`")
]
Answer = TypeVar("Answer")


@router.post(
    "/v1/customers/{id}/merges",
    response_model=MergeView,
    summary="Another record is this customer's as well",
    openapi_extra=body_of(MergeForm),
)
async def post_merge(request: Request, winner: Record, caller: Merges) -> Response:
    """Consent is the stricter of both, contacts and caps are shared, identities lead to this customer. The same request
    again goes on where one was cut off, and changes nothing once it is done."""
    shell = shell_of(request)
    form = await read_one(request, MergeForm)
    merging = _desk(shell).merge(form.loser, winner, by=form.by or caller.name, why=form.why)
    return answer(_view(await _done(shell, merging)))


@router.post(
    "/v1/customers/{id}/separation",
    response_model=MergeView,
    summary="This record is a customer of its own after all",
    openapi_extra=body_of(SeparationForm),
)
async def post_separation(request: Request, loser: Record, caller: Merges) -> Response:
    """Reverses the merge that ended the record. What happened while both were one stays with both; consent never
    widens."""
    shell = shell_of(request)
    form = await read_one(request, SeparationForm)
    separating = _desk(shell).unmerge(loser, by=form.by or caller.name, why=form.why)
    return answer(_view(await _done(shell, separating)))


@router.get("/v1/customers/{id}/merges", response_model=MergesView, summary="Whom a record was merged with")
async def get_merges(request: Request, caller: Reads, record: Record) -> Response:
    """Every merge and separation that the record took part in, oldest first, with who, when and why."""
    shell = shell_of(request)
    await note_look(request, caller, record)
    found = await _done(shell, _desk(shell).history(record))
    return answer(MergesView(merges=[_view(each) for each in found]))


def _desk(shell: Shell) -> MergeDesk:
    return MergeDesk(shell.merging(), shell.customers)


async def _done(shell: Shell, work: Awaitable[Answer]) -> Answer:
    """What came of it; a caller who goes away does not cut it off.

    Raises:
        Problem: it was refused, or the store did not answer.
    """
    try:
        return await asyncio.shield(asyncio.ensure_future(unless_unavailable(shell, "merge", work)))
    except Refused as refused:
        kind = ProblemType.UNKNOWN_CUSTOMER if refused.refusal is Refusal.NO_CUSTOMER else ProblemType.MERGE_REFUSED
        raise Problem(kind, refused.refusal) from refused


def _view(merge: Merge) -> MergeView:
    return MergeView(
        merge_id=merge.merge_id,
        loser=merge.loser,
        winner=merge.winner,
        state=merge.state,
        steps=[
            MergeStepView(state=state, at=datetime.fromtimestamp(at_ms / 1_000, UTC)) for state, at_ms in merge.steps
        ],
        by=merge.by,
        why=merge.why,
    )
