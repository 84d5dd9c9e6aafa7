"""/agent: the phone agent's queue. Calls that customers asked for, each taken by one, with a card to talk from."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import RedirectResponse

from api.access.callers import Caller
from api.access.required import form_of, note_look, require
from api.access.roles import Role
from api.desk.answering import REASONS, take_down
from api.desk.calls import Call, CallState, call_of, finish, put_back, read_calls, take
from api.desk.offers import Deck, deal, staff_channel
from api.desk.person import Person, on_the_table, open_orders, person_of, read_person
from api.forms import OutcomeKind
from api.problems import Problem, ProblemType
from api.routes.reading import shell_of
from api.web.pages import PageRoute, formats_of, language_of, page

Agent = Annotated[Caller, Depends(require(Role.AGENT))]
router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[Depends(require(Role.AGENT))])

CARDS: Final = 2
AGAIN_AFTER: Final = {"hour": timedelta(hours=1), "hours": timedelta(hours=3), "day": timedelta(days=1)}
"""When somebody is called again who did not answer."""
Named = Annotated[str, Query(max_length=300)]


@router.get("/agent")
async def get_queue(request: Request, caller: Agent, gone: str = "") -> Response:
    """Who wants to be called."""
    shell = shell_of(request)
    channel = staff_channel(shell.service.plan, shell.settings.agent_channel)
    calls = await read_calls(shell, caller.name, channel)
    return page(request, "agent_queue.html", calls=calls, gone=bool(gone), now=datetime.now(UTC))


@router.post("/agent/take")
async def post_take(request: Request, caller: Agent) -> Response:
    """Take one call, or without a name the next one that is due: of several who try, one gets it."""
    shell = shell_of(request)
    fields = await form_of(request)
    record, order_id = fields.get("record", ""), fields.get("order", "")
    if order_id:
        return _to_call(record, order_id) if await take(shell, record, order_id, caller.name) else _to_queue("gone")
    channel = staff_channel(shell.service.plan, shell.settings.agent_channel)
    for call in await read_calls(shell, caller.name, channel):
        if call.state not in {CallState.MINE, CallState.WAITING}:
            break
        if await take(shell, call.record, call.order_id, caller.name):
            return _to_call(call.record, call.order_id)
    return _to_queue("gone")


@router.get("/agent/call")
async def get_call(request: Request, caller: Agent, record: Named, order: Named) -> Response:
    """One call: the number, what they were looking at, who they are, and what to say."""
    shell = shell_of(request)
    await note_look(request, caller, record)
    call = await call_of(shell, record, order, caller.name)
    if call is None:
        return _to_queue("gone")
    person, deck = await _met(request, call)
    return page(
        request,
        "agent_call.html",
        call=call,
        person=person,
        deck=deck,
        reasons=REASONS,
        again=tuple(AGAIN_AFTER),
        now=datetime.now(UTC),
    )


async def _met(request: Request, call: Call) -> tuple[Person | None, Deck | None]:
    """Who is called, and what to talk about: first what they asked about. None: the bank does not know them yet."""
    shell = shell_of(request)
    plan, now = shell.service.plan, datetime.now(UTC)
    channel = staff_channel(plan, shell.settings.agent_channel)
    session = _session(call)
    try:
        found = await read_person(shell, call.record)
    except Problem as problem:
        if problem.kind is not ProblemType.UNKNOWN_CUSTOMER:
            raise
        return None, None
    shown = on_the_table(plan, found, channel, session, now)
    if call.action is not None and not shown:
        shown = [call.action]
    deck, orders = await asyncio.gather(
        deal(shell, found.key.record, channel, session, CARDS, shown), open_orders(shell, found.key)
    )
    others = [each for each in orders if each.order_id != call.order_id]
    return person_of(plan, found, channel, session, others, formats_of(request, language_of(request)), now), deck


def _session(call: Call) -> str:
    """One conversation, however many attempts it takes."""
    return f"call {call.order_id}"[:128]


@router.post("/agent/answers")
async def post_answer(request: Request, caller: Agent) -> Response:
    """What the customer said to a card."""
    fields = await form_of(request)
    if await take_down(shell_of(request), fields, caller) is OutcomeKind.IMPRESSION:
        return Response(status_code=204)
    return _to_call(fields.get("record", ""), fields.get("order", ""))


@router.post("/agent/keep")
async def post_keep(request: Request, caller: Agent) -> Response:
    """The agent's screen is still there."""
    fields = await form_of(request)
    kept = await take(shell_of(request), fields.get("record", ""), fields.get("order", ""), caller.name)
    return Response(status_code=204 if kept else 409)


@router.post("/agent/end")
async def post_end(request: Request, caller: Agent) -> Response:
    """Reached and done, not reached and to be called again, or given up."""
    fields = await form_of(request)
    record, order_id, how = fields.get("record", ""), fields.get("order", ""), fields.get("how", "")
    shell = shell_of(request)
    if how in AGAIN_AFTER:
        again_at = datetime.now(UTC) + AGAIN_AFTER[how]
        ended = await put_back(shell, record, order_id, caller.name, again_at)
    elif how in {"reached", "given_up"}:
        ended = await finish(shell, record, order_id, caller.name, was_reached=how == "reached")
    else:
        raise Problem(ProblemType.INVALID_BODY, "`how` is how the call ended", pointer="/how")
    return _to_queue("" if ended else "gone")


def _to_queue(why: str = "") -> Response:
    return RedirectResponse(f"/agent?{why}=1" if why else "/agent", 303)


def _to_call(record: str, order_id: str) -> Response:
    return RedirectResponse(f"/agent/call?{urlencode({'record': record, 'order': order_id})}", 303)
