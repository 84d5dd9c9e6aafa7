"""/v1/groups/{group}/members: who belongs to a group of customers, from when to when."""

from datetime import date
from time import time
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response

from api.access.required import require
from api.access.roles import Role
from api.bank_days import today_of
from api.forms import BatchReceipt
from api.grouping import end_members, membership_of, put_members
from api.openapi import body_of
from api.parsing import as_form
from api.problems import Problem, ProblemType
from api.routes.reading import answer, read_batch, shell_of, unless_unavailable
from api.service_port import Shell
from api.tie_forms import MemberForm, MemberReceipt
from api.ties import Membership
from engine.plan import Plan

router = APIRouter(dependencies=[Depends(require(Role.MARKETER, Role.OPERATOR))])

Group = Annotated[str, Path(max_length=64, description="A group of customers of the catalogue")]
Customer = Annotated[str, Path(alias="id", min_length=1, max_length=256, description="The customer's own id")]
_NOBODY: Final = "no customer has this id"


@router.post(
    "/v1/groups/{group}/members",
    response_model=MemberReceipt | BatchReceipt[MemberReceipt],
    summary="Put customers into a group",
    openapi_extra=body_of(MemberForm, batch=True),
)
async def post_members(request: Request, group: Group) -> Response:
    """For whole days in the bank's zone, both included; without a start from today on. Rules read `groups.<id>` as true
    while a membership runs. A batch is answered part by part."""
    shell = shell_of(request)
    plan = shell.service.plan
    _see_that_it_exists(plan, group)
    parts, is_batch = await read_batch(request)
    today = today_of(plan, time())
    read = [_read_or_refuse(part, plan, group, today) for part in parts]
    sound = [each for each in read if isinstance(each, tuple)]
    members: dict[str, list[Membership]] = {}
    for customer, membership in sound:
        members.setdefault(customer, []).append(membership)
    unknown = await unless_unavailable(shell, "groups", put_members(shell.merges, members, _now_ms))
    results = [_judged(each, unknown) for each in read]
    if not is_batch and isinstance(results[0], Problem):
        raise results[0]
    receipts = [_receipt(shell, each) for each in results]
    return answer(BatchReceipt(results=receipts) if is_batch else receipts[0])


@router.delete(
    "/v1/groups/{group}/members/{id}", response_model=MemberReceipt, summary="Take a customer out of a group"
)
async def delete_member(request: Request, group: Group, customer: Customer) -> Response:
    """From now on; that they were in it stays known. Memberships by rule end by their rule."""
    shell = shell_of(request)
    _see_that_it_exists(shell.service.plan, group)
    ending = end_members(shell.merges, [customer], group, _now_ms)
    if await unless_unavailable(shell, "groups", ending):
        raise Problem(ProblemType.UNKNOWN_CUSTOMER, _NOBODY)
    return answer(MemberReceipt(customer=customer, status="ended"))


def _see_that_it_exists(plan: Plan, group: str) -> None:
    known = plan.catalogue.groups
    if group not in known:
        raise Problem(ProblemType.UNKNOWN_CUSTOMER_GROUP, f"a group of customers is one of {', '.join(known)}")


def _read_or_refuse(part: msgspec.Raw, plan: Plan, group: str, today: date) -> tuple[str, Membership] | Problem:
    try:
        form = as_form(MemberForm, part)
    except Problem as problem:
        return problem
    start = form.start or today
    if form.end is not None and form.end < start:
        return Problem(ProblemType.INVALID_BODY, "`end` lies before today, when it would begin", pointer="/end")
    return form.customer, membership_of(plan, group, start, form.end)


def _judged(read: tuple[str, Membership] | Problem, unknown: list[str]) -> str | Problem:
    """Who belongs to it now, or why nobody does."""
    if isinstance(read, Problem):
        return read
    customer, _ = read
    return Problem(ProblemType.UNKNOWN_CUSTOMER, _NOBODY, pointer="/customer") if customer in unknown else customer


def _receipt(shell: Shell, result: str | Problem) -> MemberReceipt:
    if isinstance(result, Problem):
        shell.metrics.problems.add(("members", result.kind))
        return MemberReceipt(customer=None, status="refused", problem=result.members())
    return MemberReceipt(customer=result, status="stored")


def _now_ms() -> int:
    return int(time() * 1_000)
