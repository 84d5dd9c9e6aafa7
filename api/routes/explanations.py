"""POST /v1/explanations: the question without any effect, or a past decision replayed; every action, why or why not."""

from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response

from api.access.required import AnyStaff, note_look
from api.asgi import arrived_at, read_body
from api.openapi import answer_of, body_of_structs
from api.ports import Identity, StoreUnavailable
from api.problems import DECODE_ERRORS, Problem, ProblemType, from_decode_error
from api.routes.reading import shell_of
from api.schemas import DecisionResponse, ExplanationRequest, PastDecision
from api.service_port import Shell

router = APIRouter()


class _Probe(msgspec.Struct):
    decision_id: msgspec.UnsetType | object = msgspec.UNSET


_RESOLVED_WITHIN_S: Final = 1.0
_probe: Final = msgspec.json.Decoder(_Probe).decode
_as_question: Final = msgspec.json.Decoder(ExplanationRequest).decode
_PERHAPS_ARCHIVED: Final = {ProblemType.UNKNOWN_DECISION, ProblemType.OTHER_BUNDLE, ProblemType.STORE_UNAVAILABLE}
_as_past: Final = msgspec.json.Decoder(PastDecision).decode


@router.post(
    "/v1/explanations",
    summary="Why, and why not",
    openapi_extra=body_of_structs(ExplanationRequest, PastDecision)
    | answer_of(DecisionResponse, "With `rejected`, and every option's reasons"),
)
async def post_explanations(request: Request, caller: AnyStaff) -> Response:
    """A decision's body is decided anew, writing nothing; `{"decision_id": ...}` is replayed from its record."""
    shell = shell_of(request)
    arrived = arrived_at(request.scope)
    body = await read_body(request.scope, request.receive, shell.settings.max_body_bytes)
    question = _read(body)
    if isinstance(question, PastDecision):
        await note_look(request, caller, f"decision:{question.decision_id}")
        answer = await _past(shell, question.decision_id, arrived)
    else:
        caller.check_question(question)
        shell.service.vocabulary.check(question)
        shell.service.vocabulary.check_choices(question)
        await note_look(request, caller, *await _named(shell, question, arrived))
        answer = await shell.service.explain(shell.service.vocabulary.completed(question), arrived)
    return Response(answer, media_type="application/json", headers={"cache-control": "no-store"})


async def _named(shell: Shell, question: ExplanationRequest, arrived: float) -> list[str]:
    """Whose reasons are asked for, by their own ids where the store says which those are."""
    identities = [Identity(each.scheme, each.value) for each in question.identities]
    given = [str(each.value) if each.scheme == "customer_id" else f"{each.scheme}:{each.value}" for each in identities]
    if all(each.scheme == "customer_id" for each in identities):
        return given
    try:
        resolved = await shell.customers.resolve(identities, deadline=arrived + _RESOLVED_WITHIN_S)
    except StoreUnavailable:
        return given
    return [*given, *map(str, resolved.customers)]


async def _past(shell: Shell, decision_id: str, arrived: float) -> bytes:
    try:
        return await shell.service.replay(decision_id, arrived)
    except Problem as problem:
        if problem.kind not in _PERHAPS_ARCHIVED:
            raise
        answer = await shell.archived.explained(decision_id)
        if answer is None:
            raise
        return answer


def _read(body: bytes) -> ExplanationRequest | PastDecision:
    try:
        past = _probe(body).decision_id is not msgspec.UNSET
        return _as_past(body) if past else _as_question(body)
    except DECODE_ERRORS as error:
        raise from_decode_error(error) from error
