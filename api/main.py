"""The application: FastAPI for every route but the hot one, which is taken before FastAPI's own routing begins."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from api import bootstrap
from api.access import crossing
from api.access.required import RENEWED, SignInNeeded, declared, opens_a_page
from api.asgi import ClientGone, Message, Receive, Scope, Send
from api.beside import repeating
from api.faults import log_fault
from api.openapi import describe
from api.parsing import from_validation_error
from api.problems import Problem, ProblemType
from api.routes import (
    agent,
    appointments,
    atm,
    callbacks,
    cockpit,
    customers,
    dev_provider,
    events,
    explanations,
    groups,
    look,
    merges,
    orders,
    outcomes,
    probes,
    relations,
    shop,
    signing_in,
    teller,
    web,
)
from api.routes.decisions import PATH as DECISIONS
from api.routes.decisions import DecisionsDoor
from api.service_port import Shell
from api.settings import Settings
from api.web.pages import SIGN_IN, prepare, problem_page

_log = logging.getLogger(__name__)
Opening = Callable[[Settings], AbstractAsyncContextManager[Shell]]


class App(FastAPI):
    """FastAPI with one door in front of it."""

    door: DecisionsDoor | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in crossing.PATHS:
            origin = crossing.origin_of(scope)
            if origin is not None:
                origins = self.state.shell.access.keyring.origins
                if scope["method"] == "OPTIONS":
                    await crossing.answer_preflight(scope, send, origin, origins)
                    return
                if origin.decode("latin-1") in origins:
                    send = crossing.letting_read(scope["path"], origin, send)
        if scope["type"] == "http" and scope["path"] == DECISIONS and self.door is not None:
            await self.door(scope, receive, send)
            return
        try:
            await super().__call__(scope, receive, _renewing(scope, send))
        except ClientGone:
            return
        except Exception as error:
            if scope["type"] != "http":
                raise
            log_fault(_log, f"{scope['method']} {scope['path'].split('/')[1:3]}", error)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = describe(super().openapi())
        return self.openapi_schema


def create_app(settings: Settings | None = None, opening: Opening | None = None) -> App:
    """The application; `opening` builds what stands behind the routes for as long as the application runs.

    Raises:
        Undeclared: a route does not say whom it serves.
    """
    settings = settings or Settings()
    opening = opening or bootstrap.open_shell

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opening(settings) as shell:
            assert isinstance(app, App)
            app.state.shell = shell
            door = DecisionsDoor(shell.service, shell.access, shell.looks, shell.watch, shell.metrics, settings)

            async def show_in_flight() -> None:
                shell.metrics.in_flight.set((), door.in_flight)

            async with repeating(show_in_flight):
                app.door = door
                yield

    app = App(
        title="nextbest",
        summary="The next best action for a bank's customer, here and now, and why.",
        version=bootstrap.release(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    for module in (
        explanations,
        outcomes,
        events,
        customers,
        merges,
        relations,
        groups,
        callbacks,
        appointments,
        orders,
        probes,
        web,
        atm,
        teller,
        agent,
    ):
        app.include_router(module.router)
    app.include_router(signing_in.router)
    if settings.demonstration and settings.oidc_issuer is None:
        app.include_router(dev_provider.router)
    if settings.demonstration:
        app.include_router(look.router)
        app.include_router(cockpit.router)
        app.include_router(shop.router)
    declared(app.routes)
    prepare()
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(SignInNeeded, _on_sign_in_needed)
    app.add_exception_handler(RequestValidationError, _on_invalid_parameter)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_fault)
    return app


def _renewing(scope: Scope, send: Send) -> Send:
    """Adds the cookie with which a session goes on to whatever is answered."""

    async def renew(message: Message) -> None:
        if message["type"] == "http.response.start" and RENEWED in scope:
            message["headers"] = [*message["headers"], (b"set-cookie", scope[RENEWED].encode("latin-1"))]
        await send(message)

    return renew


async def _on_sign_in_needed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeeded)
    target = urlencode({"next": error.target})
    return RedirectResponse(f"{SIGN_IN}?{target}", 303, headers={"cache-control": "no-store"})


_API: Final = "/v1/"
_KIND_BY_STATUS: Final = {404: ProblemType.NOT_FOUND, 405: ProblemType.METHOD_NOT_ALLOWED}


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    route = request.scope.get("route")
    shell: Shell = request.app.state.shell
    shell.metrics.problems.add((getattr(route, "name", "none").removeprefix("post_"), error.kind))
    is_of_the_api = request.url.path.startswith(_API)
    if opens_a_page(request) and (error.kind is ProblemType.FORBIDDEN or not is_of_the_api):
        return problem_page(request, error)
    return Response(error.render(), error.status, error.headers())


async def _on_invalid_parameter(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return await _on_problem(request, from_validation_error(error.errors(), ProblemType.INVALID_REQUEST))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = _KIND_BY_STATUS.get(error.status_code, ProblemType.INVALID_REQUEST)
    return await _on_problem(request, Problem(kind, allow=(error.headers or {}).get("Allow", "")))


async def _on_fault(request: Request, _error: Exception) -> Response:
    return await _on_problem(request, Problem(ProblemType.INTERNAL))
