"""How a route says whom it serves: every route does, and one that says nothing keeps the application from starting.

`dependencies=[Depends(require(Role.TELLER))]` for a route or a whole router, a parameter
`caller: Annotated[Caller, Depends(require(Role.AGENT))]` where a route wants to know who it is, and
`dependencies=[Depends(OPEN)]` for what everybody may have.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import BaseRoute

from api.access.callers import Caller
from api.access.keyring import Gate, not_for
from api.access.looks import LookLog, LooksUnwritable
from api.access.roles import STAFF, Role
from api.access.sessions import CSRF_FIELD
from api.problems import Problem, ProblemType

FORM: Final = "application/x-www-form-urlencoded"
_LONGEST_PURPOSE: Final = 128
RENEWED: Final = "nextbest.renewed_session"
"""Where in a scope the cookie is that lets a session go on."""
_CHANGES_NOTHING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
DOCUMENT: Final = "/openapi.json"
"""FastAPI serves the contract itself, to whoever asks: it says nothing of customers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A route, and whom it serves."""

    path: str
    methods: tuple[str, ...]
    served: frozenset[Role] | None
    """The roles, one of which a caller needs; None: whoever comes."""
    unless: str
    """What opens it besides."""


class Required:
    """Lets only callers with one of some roles pass; as a dependency it gives the caller."""

    unless = ""
    """What lets others pass besides, in words."""

    def __init__(self, roles: frozenset[Role]) -> None:
        self.served: frozenset[Role] | None = roles

    async def __call__(self, request: Request) -> Caller:
        """Who calls.

        Raises:
            Problem: nobody we know, or nobody with such a role.
        """
        assert self.served is not None
        try:
            proof = None if request.method in _CHANGES_NOTHING else await _proof_of(request)
            caller = gate_of(request).caller(request.scope["headers"], proof)
        except Problem as problem:
            if problem.kind is ProblemType.UNAUTHENTICATED and opens_a_page(request):
                raise SignInNeeded(request.url.path) from problem
            raise
        if not self.served & caller.roles:
            raise not_for(*sorted(self.served))
        if caller.csrf:
            _renew(request)
        request.state.caller = caller
        return caller


class SignInNeeded(Exception):
    """Somebody opened a page without being signed in; `target` is the page."""

    def __init__(self, target: str) -> None:
        self.target = target
        super().__init__(target)


def opens_a_page(request: Request) -> bool:
    """Whether a person opens a page, and there is somewhere to sign in; programs are told with a status."""
    opens = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    return opens and request.app.state.shell.people is not None and "authorization" not in request.headers


async def _proof_of(request: Request) -> str:
    """What a page's form sent as its token; a page's own script sends it as a header."""
    if not request.headers.get("content-type", "").startswith(FORM):
        return ""
    return (await form_of(request)).get(CSRF_FIELD, "")


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a page's form.

    Raises:
        Problem: it is longer than any of our forms.
    """
    limit = request.app.state.shell.settings.max_body_bytes
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > limit:
        raise Problem(
            ProblemType.BODY_TOO_LARGE, f"at most {limit} bytes are taken, and their number is sent before them"
        )
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


async def note_look(request: Request, caller: Caller, *customers: str) -> None:
    """Note that somebody looks at customers, before they are shown: who, when, where, and why if that was said.

    Raises:
        Problem: it cannot be written down, so nothing may be shown.
    """
    looks: LookLog = request.app.state.shell.looks
    what = f"{request.method} {request.scope['route'].path}"
    purpose = request.headers.get("x-purpose", "")[:_LONGEST_PURPOSE]
    try:
        written = [looks.note(caller.name, customer, what, purpose) for customer in customers]
        await asyncio.gather(*map(asyncio.shield, written))
    except LooksUnwritable as error:
        raise Problem(ProblemType.LOOK_NOT_NOTED) from error


def _renew(request: Request) -> None:
    """Let the session go on; the application adds the cookie to whatever is answered."""
    cookie = request.app.state.shell.people.renewed(request.scope["headers"])
    if cookie is not None:
        request.scope[RENEWED] = cookie


class RequiredOrToken:
    """The same, or whoever sends no key at all and carries a token of ours in the body, which the route then reads.

    A page that is being left can send a report, but no key with it: the tracking token is what it has.
    """

    unless = "a tracking token in the body"

    def __init__(self, roles: frozenset[Role]) -> None:
        self.served: frozenset[Role] | None = roles
        self._required = Required(roles)

    async def __call__(self, request: Request) -> Caller | None:
        """Who calls; None for who has only the token.

        Raises:
            Problem: what was sent is no good key, or of nobody with such a role.
        """
        if not gate_of(request).is_open and "authorization" not in request.headers:
            if request.client is not None:
                gate_of(request).limits.take_from(request.client.host)
            return None
        return await self._required(request)


class Open:
    """Lets everybody pass: probes, public files, and what carries its own proof."""

    served: frozenset[Role] | None = None
    unless = ""

    async def __call__(self) -> None:
        """Nothing is asked."""


class Undeclared(Exception):
    """A route does not say whom it serves."""


OPEN: Final = Open()


def require(*roles: Role) -> Required:
    """What a route depends on that serves callers with one of these roles."""
    if not roles:
        raise Undeclared("`require` needs a role; a route that serves everybody depends on `OPEN`")
    return _required(frozenset(roles))


@cache
def _required(roles: frozenset[Role]) -> Required:
    """The same for the same roles: a router and its route that ask for them ask, and count, once."""
    return Required(roles)


def require_or_token(*roles: Role) -> RequiredOrToken:
    """What a route depends on whose body may carry its own proof."""
    return RequiredOrToken(frozenset(roles))


AnyStaff = Annotated[Caller, Depends(require(*STAFF))]


def gate_of(request: Request) -> Gate:
    """What tells who calls."""
    gate: Gate = request.app.state.shell.access
    return gate


def declared(routes: Sequence[BaseRoute]) -> tuple[Door, ...]:
    """Every route, and what it says of its callers.

    Raises:
        Undeclared: one says nothing.
    """
    return tuple(_door(route) for route in iter_route_contexts(routes) if route.path != DOCUMENT)


def _door(route: RouteContext) -> Door:
    methods, path = tuple(sorted(route.methods or ())), str(route.path)
    dependant = getattr(route, "dependant", None)
    found = [] if dependant is None else list(_found(dependant))
    if not found:
        raise Undeclared(
            f"{', '.join(methods)} {path} does not say whom it serves: let it depend on `require(...)` or `OPEN`"
        )
    asked = [each.served for each in found if each.served is not None]
    # All that a route depends on is asked, so whom it serves is whom all of them serve.
    return Door(
        path=path,
        methods=methods,
        served=frozenset.intersection(*asked) if asked else None,
        unless=", or ".join(each.unless for each in found if each.unless),
    )


def _found(dependant: Dependant) -> Iterator[Required | RequiredOrToken | Open]:
    for each in dependant.dependencies:
        if isinstance(each.call, Required | RequiredOrToken | Open):
            yield each.call
        yield from _found(each)
