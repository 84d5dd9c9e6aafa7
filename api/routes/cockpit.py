"""/cockpit: every touchpoint of one customer side by side, a day to play, plugs to pull; in demonstrations only."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import iter_route_contexts
from starlette.responses import JSONResponse

from api.access.callers import Caller
from api.access.required import OPEN, require
from api.access.roles import Role
from api.cockpit.day import day_for
from api.cockpit.plugs import Plugs
from api.forms import PlugForm
from api.problems import Problem, ProblemType
from api.routes.reading import read_one, shell_of
from api.routes.web import serve
from api.web.files import read_files
from api.web.pages import page

router = APIRouter(include_in_schema=False)

Operator = Annotated[Caller, Depends(require(Role.OPERATOR))]
SCREENS: Final = {"atm": "/atm", "web": "/shop", "teller": "/teller", "agent": "/agent"}
POLICY: Final = {"frame-src": "'self'", "frame-ancestors": "'self'"}
_FRESH: Final = {"cache-control": "no-cache"}
_KEPT_BY_NOBODY: Final = {"cache-control": "no-store"}


@router.get("/cockpit")
async def get_cockpit(request: Request, caller: Operator) -> Response:
    """The page."""
    shell = shell_of(request)
    plan = shell.service.plan
    steps = [
        {"event": step.event, "source": step.source, "hour": step.hour, "title": step.title, "data": step.data}
        for step in day_for(plan)
    ]
    served = {each.path for each in iter_route_contexts(request.app.routes)}
    shown = [name for name, path in SCREENS.items() if path in served]
    values = {"csrf": caller.csrf, "steps": steps, "zone": plan.zone.key}
    return page(request, "cockpit.html", policy=POLICY, cockpit=values, screens=shown)


@router.get("/cockpit/plugs", dependencies=[Depends(require(Role.OPERATOR))])
async def get_plugs(request: Request) -> Response:
    """Which plugs are out."""
    return JSONResponse(_told(_plugs(request)), headers=_KEPT_BY_NOBODY)


@router.post("/cockpit/plugs", dependencies=[Depends(require(Role.OPERATOR))])
async def post_plugs(request: Request) -> Response:
    """Pull one, or put it back; half a minute later it comes back by itself."""
    form, plugs = await read_one(request, PlugForm), _plugs(request)
    if not form.out:
        plugs.put_back(form.plug)
    elif not plugs.pull(form.plug):
        raise Problem(ProblemType.INVALID_BODY, "the store is not this demonstration's own", pointer="/plug")
    return JSONResponse(_told(plugs), headers=_KEPT_BY_NOBODY)


@router.get("/cockpit/{name}", dependencies=[Depends(OPEN)])
async def get_file(request: Request, name: str) -> Response:
    """A module or style of the page."""
    file = read_files("cockpit").get(name)
    if file is None:
        raise Problem(ProblemType.NOT_FOUND)
    return serve(request, file, _FRESH)


def _plugs(request: Request) -> Plugs:
    plugs = shell_of(request).plugs
    if plugs is None:
        raise Problem(ProblemType.NOT_FOUND)
    return plugs


def _told(plugs: Plugs) -> dict[str, bool]:
    return {str(plug): out for plug, out in plugs.out.items()}
