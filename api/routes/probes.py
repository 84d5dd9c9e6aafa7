"""/livez, /readyz and /metrics: what an orchestrator and Prometheus ask."""

from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse

from api.access.callers import ANYBODY, Caller
from api.access.required import OPEN, Required
from api.access.roles import Role
from api.forms import Readiness, ReloadView
from api.ports import StoreStatus
from api.reloading.status import ReloadStatus
from api.routes.reading import answer, shell_of
from api.security import is_loopback
from api.watch import is_full


class _HereOr(Required):
    """Lets whoever asks from this machine itself pass besides, where the settings say so."""

    unless = "asked from this machine, where `metrics_for` says `loopback`"

    async def __call__(self, request: Request) -> Caller:
        if shell_of(request).settings.metrics_for == "loopback" and _is_from_here(request):
            return ANYBODY
        return await super().__call__(request)


def _is_from_here(request: Request) -> bool:
    """A request that somebody passed on came from elsewhere."""
    passed_on = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip"))
    return not passed_on and request.client is not None and is_loopback(request.client.host)


router = APIRouter()
_METRICS: Final = _HereOr(frozenset({Role.OPERATOR}))


@router.get(
    "/livez",
    summary="Whether the process runs",
    response_class=PlainTextResponse,
    dependencies=[Depends(OPEN)],
)
async def livez() -> Response:
    """The event loop answers; nothing else is asked."""
    return PlainTextResponse("ok\n")


@router.get(
    "/readyz",
    summary="Whether the process serves, and with what missing",
    response_model=Readiness,
    dependencies=[Depends(OPEN)],
)
async def readyz(request: Request) -> Response:
    """200 as soon as a bundle serves. A store that is away makes it `degraded`: fallbacks are answers too."""
    shell = shell_of(request)
    status = await shell.watch.look()
    missing = reasons(status)
    readiness = Readiness(
        status="degraded" if missing else "ready",
        reasons=missing,
        ruleset=shell.service.plan.hash,
        reload=_told(shell.reload),
        durability=status.durability,
    )
    return answer(readiness)


def _told(status: ReloadStatus) -> ReloadView:
    at = datetime.fromtimestamp(status.at_s, UTC) if status.at_s else None
    return ReloadView(result=status.result, ruleset=status.ruleset, errors=status.errors, at=at)


def reasons(status: StoreStatus) -> list[str]:
    """What is wrong with the store, in sentences for an operator."""
    if not status.available:
        return ["the store does not answer: decisions are fallbacks; outcomes, events and consent are refused with 503"]
    if is_full(status):
        return [
            f"the store's memory is {status.memory_used_share:.0%} full: decisions are fallbacks, events are refused"
        ]
    return []


@router.get(
    "/metrics",
    summary="Prometheus metrics of the whole installation",
    response_class=PlainTextResponse,
    dependencies=[Depends(_METRICS)],
)
async def metrics(request: Request) -> Response:
    """Counts of every process, added up."""
    return Response(shell_of(request).exposition(), media_type=CONTENT_TYPE_LATEST)
