"""/sign-in and /sign-out: to the provider of identities and back, with a session at the end."""

from collections.abc import Collection
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import RedirectResponse

from api.access.people import People
from api.access.provider import SignInFailed, WhyNot
from api.access.required import OPEN, AnyStaff
from api.access.roles import Role
from api.problems import Problem, ProblemType
from api.routes.reading import shell_of
from api.web.pages import SIGN_IN, page

router = APIRouter(include_in_schema=False)

_HOME: Final = "/"
_SCREENS: Final = ((Role.TELLER, "/teller"), (Role.AGENT, "/agent"))
Target = Annotated[str, Query(alias="next", max_length=512)]
Answered = Annotated[str, Query(max_length=2_048)]


@router.get(SIGN_IN, dependencies=[Depends(OPEN)])
async def get_sign_in(request: Request, target: Target = _HOME) -> Response:
    """On to the provider's page; under the address that people come back to, or the browser would not know us there."""
    people = _people(request)
    if f"{request.url.scheme}://{request.url.netloc}" != people.public_url and "retried" not in request.query_params:
        url = request.url.include_query_params(retried=1)
        return _to(f"{people.public_url}{url.path}?{url.query}")
    pending = people.pending.begin(_own(target))
    try:
        answer = _to(await people.provider.address(pending, people.scope))
    except SignInFailed as failure:
        return _failed(request, failure)
    answer.headers.append("set-cookie", people.pending.cookie(pending))
    return answer


@router.get(f"{SIGN_IN}/callback", dependencies=[Depends(OPEN)])
async def get_callback(request: Request, code: Answered = "", state: Answered = "", error: Answered = "") -> Response:
    """Back from the provider: the code is exchanged, who it is for is checked, and a session begins."""
    people = _people(request)
    pending = people.pending.read(request.scope["headers"], state)
    if pending is None:
        return _failed(request, SignInFailed("it was not begun in this browser, or too long ago", WhyNot.LATE))
    if error or not code:
        return _failed(request, SignInFailed("the provider signed nobody in", WhyNot.NOBODY))
    try:
        session = people.begin(await people.provider.claims(code, pending))
    except SignInFailed as failure:
        return _failed(request, failure)
    target = pending.target if pending.target != _HOME else _screen_of(request, session.roles)
    answer = _to(target)
    answer.headers.append("set-cookie", people.sessions.cookie(session))
    answer.headers.append("set-cookie", people.pending.no_cookie())
    return answer


@router.post("/sign-out")
async def post_sign_out(request: Request, caller: AnyStaff) -> Response:
    """The session ends everywhere."""
    people = _people(request)
    session = people.sessions.read(request.scope["headers"])
    if caller.csrf and session is not None:
        people.sessions.end(session)
    answer = page(request, "signed_out.html")
    answer.headers.append("set-cookie", people.sessions.no_cookie())
    return answer


def _people(request: Request) -> People:
    people = shell_of(request).people
    if people is None:
        raise Problem(ProblemType.NOT_FOUND)
    return people


def _own(target: str) -> str:
    """A page of ours: an address on this very site, so that nobody is led elsewhere by a link to our sign-in."""
    is_own = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if is_own else _HOME


def _screen_of(request: Request, roles: Collection[Role]) -> str:
    """Where somebody works who has asked for no page."""
    if Role.OPERATOR in roles and shell_of(request).settings.demonstration:
        return "/cockpit"
    return next((screen for role, screen in _SCREENS if role in roles), _HOME)


def _failed(request: Request, failure: SignInFailed) -> Response:
    detail = str(failure) if failure.why is WhyNot.PROVIDER else ""
    return page(request, "sign_in_failed.html", status=403, why=failure.why, detail=detail)


def _to(address: str) -> Response:
    return RedirectResponse(address, 303, headers={"cache-control": "no-store"})
