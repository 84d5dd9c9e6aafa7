"""GET /atm: the cash machine's page, and what a machine keeps of it for when the service is away."""

import asyncio
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import JSONResponse

from api.access.demo_keys import ATM_KEY, read_keys
from api.access.required import OPEN
from api.kiosk.pack import offline_pack
from api.kiosk.screen import screen_values
from api.problems import Problem, ProblemType
from api.routes.reading import shell_of
from api.routes.web import serve
from api.web.files import read_files
from api.web.pages import page
from engine.ids import ChannelId

router = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])

CHANNEL: Final = ChannelId("atm")
WORKER: Final = "worker.js"
POLICY: Final = {"worker-src": "'self'", "trusted-types": "nextbest-atm"}
FRESH: Final = {"cache-control": "no-cache"}
"""A machine asks each time, and is told in a few bytes that nothing has changed."""


@router.get("/atm")
async def get_atm(request: Request) -> Response:
    """The page; nothing on it is about anybody."""
    shell = shell_of(request)
    values = screen_values(shell.service.plan, shell.seal, CHANNEL, demonstration=shell.settings.demonstration)
    return page(request, "atm.html", policy=POLICY, screen=values)


@router.get("/atm/pack.json")
async def get_pack(request: Request) -> Response:
    """The placements' own content, signed."""
    shell = shell_of(request)
    body = offline_pack(shell.service.plan, CHANNEL, shell.seal, datetime.now(UTC))
    return Response(body, media_type="application/json", headers=FRESH)


@router.get("/atm/key.json")
async def get_key(request: Request) -> Response:
    """The key of a demonstration's machine: it asks for placements of the channel, and can do nothing else."""
    settings = shell_of(request).settings
    if not settings.demonstration:
        raise Problem(ProblemType.NOT_FOUND)
    keys = await asyncio.to_thread(read_keys, settings.data_dir / ATM_KEY)
    return JSONResponse(dict(keys), headers={"cache-control": "no-store"})


@router.get("/atm/{name}")
async def get_file(request: Request, name: str) -> Response:
    """A module or style of the page."""
    file = read_files("atm").get(name)
    if file is None:
        raise Problem(ProblemType.NOT_FOUND)
    scope = {"service-worker-allowed": "/atm"} if name == WORKER else {}
    return serve(request, file, {**FRESH, **scope})
