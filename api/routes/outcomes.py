"""POST /v1/outcomes: what customers did with offers, one or a batch; acknowledged once it is durable and binds."""

import asyncio
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller
from api.access.required import gate_of, require_or_token
from api.access.roles import Role
from api.forms import BatchReceipt, OutcomeForm, OutcomeReceipt
from api.openapi import body_of
from api.parsing import as_form
from api.problems import Problem, ProblemType
from api.recording import record_outcome
from api.routes.reading import answer, read_batch, shell_of
from api.service_port import Shell

router = APIRouter()

Reporter = Annotated[Caller | None, Depends(require_or_token(Role.TOUCHPOINT, Role.TELLER, Role.AGENT))]
_NO_PROOF: Final = {
    ProblemType.MALFORMED_BODY,
    ProblemType.INVALID_BODY,
    ProblemType.INVALID_TRACKING_TOKEN,
    ProblemType.UNSUPPORTED_MEDIA_TYPE,
}
"""What a caller without a key is not told: nothing of it came with a token of ours."""


@router.post(
    "/v1/outcomes",
    status_code=202,
    response_model=OutcomeReceipt | BatchReceipt[OutcomeReceipt],
    summary="What customers did with offers",
    openapi_extra=body_of(OutcomeForm, batch=True),
)
async def post_outcomes(request: Request, caller: Reporter) -> Response:
    """Each outcome counts once, however often it is sent. A batch is answered part by part.

    One outcome alone needs no key: the tracking token proves that its offer was shown.
    """
    shell = shell_of(request)
    try:
        parts, is_batch = await read_batch(request)
        if not is_batch:
            return answer(await record_outcome(shell, as_form(OutcomeForm, parts[0]), caller), 202)
    except Problem as problem:
        if caller is None and problem.kind in _NO_PROOF:
            raise gate_of(request).refusal("send a key, or one outcome with its tracking token") from problem
        raise
    if caller is None:
        raise gate_of(request).refusal("a batch needs a key")
    receipts = await asyncio.gather(*(_record_or_refuse(shell, part, caller) for part in parts))
    return answer(BatchReceipt(results=receipts), 202)


async def _record_or_refuse(shell: Shell, part: msgspec.Raw, caller: Caller) -> OutcomeReceipt:
    try:
        return await record_outcome(shell, as_form(OutcomeForm, part), caller)
    except Problem as problem:
        if problem.kind is ProblemType.STORE_UNAVAILABLE:
            raise
        shell.metrics.problems.add(("outcomes", problem.kind))
        return OutcomeReceipt(outcome_id=None, status="refused", problem=problem.members())
