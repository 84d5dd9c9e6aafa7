"""/teller: the screen at the counter. Who is there, what is new of them, what to offer, and what became of it."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_urlsafe
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import RedirectResponse

from api.access.callers import Caller
from api.access.required import form_of, note_look, require
from api.access.roles import Role
from api.desk.answering import REASONS, take_down
from api.desk.finding import find_customers
from api.desk.offers import Deck, deal, staff_channel
from api.desk.person import Person, on_the_table, open_orders, person_of, read_person
from api.forms import OutcomeKind
from api.routes.reading import shell_of
from api.web.files import PEOPLE
from api.web.pages import PageRoute, formats_of, language_of, page
from engine.ids import CustomerId

Teller = Annotated[Caller, Depends(require(Role.TELLER))]
router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[Depends(require(Role.TELLER))])

LINE: Final = "line"
"""Cookie: how long the queue is, as the teller says."""
CARDS_BY_LINE: Final = {"none": 3, "short": 2, "long": 1}
"""The longer the queue, the fewer offers."""
USUAL_LINE: Final = "short"
_VISIT_BYTES: Final = 9
_MAX_VISIT: Final = 64


@router.get("/teller")
async def get_teller(request: Request, caller: Teller, find: str = "") -> Response:
    """Nobody is at the counter yet: find a customer, or receive one."""
    shell = shell_of(request)
    channel = staff_channel(shell.service.plan, shell.settings.teller_channel)
    found = await find_customers(shell, find)
    if len(found) == 1:
        return _to_visit(found[0], token_urlsafe(_VISIT_BYTES))
    await note_look(request, caller, *found)
    formats, now = formats_of(request, language_of(request)), datetime.now(UTC)
    people = [
        person_of(shell.service.plan, each, channel, "", (), formats, now)
        for each in await asyncio.gather(*(read_person(shell, customer) for customer in found))
    ]
    waiting = (
        await asyncio.to_thread(_waiting, shell.settings.data_dir / PEOPLE) if shell.settings.demonstration else ()
    )
    return page(request, "teller_desk.html", typed=find.strip(), people=people, waiting=waiting, **_of_line(request))


@router.get("/teller/customers/{customer}")
async def get_customer(request: Request, caller: Teller, customer: CustomerId, visit: str = "") -> Response:
    """Who is at the counter, and what to offer them."""
    if not 0 < len(visit) <= _MAX_VISIT:
        return _to_visit(customer, token_urlsafe(_VISIT_BYTES))
    await note_look(request, caller, customer)
    person, deck = await _visit(request, customer, visit)
    now = datetime.now(UTC)
    return page(
        request,
        "teller_visit.html",
        person=person,
        deck=deck,
        visit=visit,
        reasons=REASONS,
        now=now,
        typed="",
        **_of_line(request),
    )


async def _visit(request: Request, customer: str, visit: str) -> tuple[Person, Deck]:
    shell = shell_of(request)
    plan = shell.service.plan
    channel = staff_channel(plan, shell.settings.teller_channel)
    found = await read_person(shell, customer)
    cards, now = CARDS_BY_LINE[line_of(request)], datetime.now(UTC)
    shown = on_the_table(plan, found, channel, visit, now)
    deck, orders = await asyncio.gather(
        deal(shell, found.key.record, channel, visit, cards, shown), open_orders(shell, found.key)
    )
    formats = formats_of(request, language_of(request))
    return person_of(plan, found, channel, visit, orders, formats, now), deck


@router.post("/teller/customers/{customer}/answers")
async def post_answer(request: Request, customer: CustomerId, caller: Teller) -> Response:
    """What the customer said to a card; the next best one comes at once."""
    fields = await form_of(request)
    shell = shell_of(request)
    if await take_down(shell, fields, caller) is OutcomeKind.IMPRESSION:
        return Response(status_code=204)
    return _to_visit(customer, fields.get("visit", ""))


@router.post("/teller/line")
async def post_line(request: Request) -> Response:
    """How long the queue is; it decides how many cards are shown."""
    fields = await form_of(request)
    back = fields.get("back", "")
    response = RedirectResponse(back if back.startswith("/teller") else "/teller", 303)
    if fields.get("line") in CARDS_BY_LINE:
        response.set_cookie(LINE, fields["line"], httponly=True, samesite="lax", path="/teller")
    return response


def line_of(request: Request) -> str:
    """How long the queue is."""
    line = request.cookies.get(LINE, USUAL_LINE)
    return line if line in CARDS_BY_LINE else USUAL_LINE


def _of_line(request: Request) -> dict[str, Any]:
    query = f"?{request.url.query}" if request.url.query else ""
    return {"line": line_of(request), "lines": tuple(CARDS_BY_LINE), "back": request.url.path + query}


def _to_visit(customer: str, visit: str) -> Response:
    return RedirectResponse(f"/teller/customers/{quote(customer, safe='')}?visit={quote(visit, safe='')}", 303)


def _waiting(path: Path) -> Sequence[dict[str, str]]:
    """Customers whom the demonstration has standing in line."""
    try:
        people = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return ()
    return [{"customer": str(each["customer"]), "who": str(each["who"])} for each in people]
