"""/dev/oidc: the demonstration's own provider of identities, where one picks whom to be; no real bank has it."""

from functools import cache
from typing import Annotated, Final
from urllib.parse import parse_qsl

from authlib.common.urls import add_params_to_uri
from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import JSONResponse, RedirectResponse

from api.access.dev_provider import PEOPLE, CodeRefused, DevProvider
from api.access.opening import DEV_PROVIDER, provider_of
from api.access.provider import DISCOVERY
from api.access.required import OPEN
from api.access.roles import Role
from api.routes.reading import shell_of
from api.web.pages import page

router = APIRouter(prefix=DEV_PROVIDER, include_in_schema=False, dependencies=[Depends(OPEN)])

_LONGEST_BODY: Final = 8_192
Text = Annotated[str, Query(max_length=1_024)]


@router.get(DISCOVERY)
async def get_metadata(request: Request) -> Response:
    """What every client reads first."""
    return JSONResponse(_provider(request).metadata())


@router.get("/jwks")
async def get_keys(request: Request) -> Response:
    """The public keys."""
    return JSONResponse(_provider(request).keys())


@router.get("/authorize")
async def get_authorize(
    request: Request,
    client_id: Text,
    redirect_uri: Text,
    state: Text,
    nonce: Text,
    code_challenge: Text,
    person: Role | None = None,
) -> Response:
    """Whom to be; and back with a code, once somebody was picked."""
    if person is None or person is Role.TOUCHPOINT:
        links = {each.role: str(request.url.include_query_params(person=each.role.value)) for each in PEOPLE}
        return page(request, "dev_provider.html", people=PEOPLE, links=links)
    try:
        code = _provider(request).code(
            person, client_id=client_id, redirect_uri=redirect_uri, nonce=nonce, challenge=code_challenge
        )
    except CodeRefused:
        return JSONResponse({"error": "invalid_request"}, 400)
    return RedirectResponse(add_params_to_uri(redirect_uri, [("code", code), ("state", state)]), 303)


@router.post("/token")
async def post_token(request: Request) -> Response:
    """A token for a code."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > _LONGEST_BODY:
        return JSONResponse({"error": "invalid_request"}, 400)
    form = dict(parse_qsl((await request.body()).decode("ascii", "replace")))
    try:
        token = _provider(request).id_token(
            form.get("code", ""),
            client_id=form.get("client_id", ""),
            redirect_uri=form.get("redirect_uri", ""),
            verifier=form.get("code_verifier", ""),
        )
    except CodeRefused:
        return JSONResponse({"error": "invalid_grant"}, 400)
    answer = {"access_token": "none", "token_type": "Bearer", "id_token": token}
    return JSONResponse(answer, headers={"cache-control": "no-store"})


def _provider(request: Request) -> DevProvider:
    issuer, public_url = provider_of(shell_of(request).settings)
    return _made(f"{public_url}{DEV_PROVIDER}" if issuer is None else issuer, f"{public_url}/sign-in/callback")


@cache
def _made(issuer: str, redirect_uri: str) -> DevProvider:
    return DevProvider(issuer, redirect_uri)
