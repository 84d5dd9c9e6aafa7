"""/v1/customers/{id}/relations: who is whose spouse, director, or holder of the same account."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response

from api.access.required import require
from api.access.roles import Role
from api.deadline import Deadline
from api.forms import BatchReceipt
from api.openapi import body_of
from api.parsing import as_form
from api.ports import key_of
from api.ports.relations import Relation
from api.problems import Problem, ProblemType
from api.relating import Relating
from api.routes.reading import answer, read_batch, shell_of, unless_unavailable
from api.service_port import Shell
from api.tie_forms import RelationForm, RelationReceipt

router = APIRouter(dependencies=[Depends(require(Role.OPERATOR))])

Customer = Annotated[str, Path(alias="id", min_length=1, max_length=256, description="The customer's own id")]


@router.post(
    "/v1/customers/{id}/relations",
    response_model=RelationReceipt | BatchReceipt[RelationReceipt],
    summary="Whom a customer is related to",
    openapi_extra=body_of(RelationForm, batch=True),
)
async def post_relations(request: Request, customer: Customer) -> Response:
    """Shown in the customer's view, and read by rules where the catalogue declares the kind; an `end` says that one is
    over. A batch is answered part by part."""
    shell = shell_of(request)
    parts, is_batch = await read_batch(request)
    deadline = Deadline.within(shell.settings.write_timeout_ms).deadline
    gathering = shell.customers.gather(key_of(customer), None, deadline=deadline)
    gathered = await unless_unavailable(shell, "gather", gathering)
    if gathered.record.owner is None:
        raise Problem(ProblemType.UNKNOWN_CUSTOMER, "no customer has this id")
    relating = shell.relating()
    read = [_read_or_refuse(part, gathered.key.record, relating) for part in parts]
    if not is_batch and isinstance(read[0], Problem):
        raise read[0]
    sound = [each for each in read if isinstance(each, Relation)]
    await unless_unavailable(shell, "relations", relating.relate(sound))
    receipts = [_receipt(shell, each) for each in read]
    return answer(BatchReceipt(results=receipts) if is_batch else receipts[0])


def _read_or_refuse(part: msgspec.Raw, of: str, relating: Relating) -> Relation | Problem:
    try:
        form = as_form(RelationForm, part)
    except Problem as problem:
        return problem
    if form.to == of:
        return Problem(ProblemType.INVALID_BODY, "nobody is related to themselves", pointer="/to")
    if relating.unknown_kind(form.kind):
        return Problem(ProblemType.INVALID_BODY, "`kind` is not among the catalogue's relations", pointer="/kind")
    return Relation(of, form.kind, form.to or "", form.start, form.end)


def _receipt(shell: Shell, read: Relation | Problem) -> RelationReceipt:
    if isinstance(read, Problem):
        shell.metrics.problems.add(("relations", read.kind))
        return RelationReceipt(kind=None, to=None, status="refused", problem=read.members())
    return RelationReceipt(kind=read.kind, to=read.to or None, status="stored")
