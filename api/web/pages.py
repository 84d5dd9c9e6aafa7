"""Pages from templates: what every page is given, and the policy under which browsers show it.

A template sees `text` (the texts of the reader's language), `formats`, `language`, `bank_name` and `reader` (who calls,
where the route asks) besides its own values; everything that it writes is escaped.
"""

import re
from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.access.sessions import CSRF_FIELD
from api.problems import Problem, ProblemType
from api.routes.reading import shell_of
from api.web.formats import Formats, locale_of
from api.web.texts import ENGLISH, Texts, languages, texts_in

TEMPLATES: Final = Path(__file__).parent / "templates"
LANGUAGE: Final = "language"
"""Query parameter and cookie: the language that the reader has chosen."""
SIGN_IN: Final = "/sign-in"
_SCREENS: Final = frozenset({"/agent", "/cockpit", "/teller"})
_YEAR_S: Final = 365 * 86_400
_ACCEPTED: Final = re.compile(r"([a-zA-Z]{2,3})(?:-[a-zA-Z0-9-]+)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?")

POLICY: Final[Mapping[str, str]] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
"""What a page may do; a page that needs more says so."""
HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


@cache
def environment() -> Environment:
    """The templates, read once; a name that a template is not given is an error, not an empty place."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def prepare() -> None:
    """Read every template and text now, so that no request waits for it."""
    for name in environment().list_templates():
        environment().get_template(name)
    for language in languages():
        texts_in(language)


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    policy: Mapping[str, str] | None = None,
    **values: Any,
) -> Response:
    """A page for whoever asks.

    Args:
        request: whose language it is in.
        template: a file of `templates/`.
        status: of the answer.
        policy: directives that replace those of `POLICY` or come on top.
        values: what the template shows.
    """
    language = language_of(request)
    plan = shell_of(request).service.plan
    shown = environment().get_template(template)
    body = shown.render(
        text=texts_in(language),
        formats=formats_of(request, language),
        language=language,
        languages=languages(),
        bank_name=plan.bank_name,
        in_language={each: _in(each, request) for each in languages()},
        reader=getattr(request.state, "caller", None),
        csrf_field=CSRF_FIELD,
        **values,
    )
    response = Response(body, status, media_type="text/html", headers={**HEADERS, **_framed(request, policy or {})})
    if request.query_params.get(LANGUAGE) in languages():
        response.set_cookie(LANGUAGE, language, max_age=_YEAR_S, httponly=True, samesite="lax")
    return response


class PageRoute(APIRoute):
    """A route whose problems are told as pages to browsers, since a person reads them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, around which problems become pages."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except Problem as problem:
                if "text/html" not in request.headers.get("accept", ""):
                    raise
                shell_of(request).metrics.problems.add((self.name, problem.kind))
                return problem_page(request, problem)

        return handled


def problem_page(request: Request, problem: Problem) -> Response:
    """A problem in the reader's language, as far as there are words for it."""
    if problem.kind is ProblemType.FORBIDDEN and request.method == "GET":
        again = f"{SIGN_IN}?{urlencode({'next': request.url.path})}"
        return page(request, "not_for_you.html", status=problem.status, sign_in=again)
    text = text_of(request)
    why = text.or_else(f"shared.problem.{problem.kind}", text(f"shared.problem.{problem.status // 100}xx"))
    screen = f"/{request.url.path.split('/')[1]}"
    return page(request, "problem.html", status=problem.status, why=why, home=screen if screen in _SCREENS else "/")


def text_of(request: Request) -> Texts:
    """The texts in the reader's language, for sentences that code picks."""
    return texts_in(language_of(request))


def formats_of(request: Request, language: str) -> Formats:
    """How to write values in a language, with the bank's currency and zone."""
    plan = shell_of(request).service.plan
    return Formats(locale=locale_of(language, plan.locale), currency=plan.currency, zone=plan.zone)


def language_of(request: Request) -> str:
    """The language that was asked for, was chosen earlier, or that the browser prefers; English otherwise."""
    wanted = (request.query_params.get(LANGUAGE), request.cookies.get(LANGUAGE), *_accepted(request))
    return next((each for each in wanted if each in languages()), ENGLISH)


def _in(language: str, request: Request) -> str:
    """The address of this very page in another language."""
    url = request.url.include_query_params(**{LANGUAGE: language})
    return f"{url.path}?{url.query}"


def _accepted(request: Request) -> list[str]:
    """Languages of the browser, the most wanted first."""
    header = request.headers.get("accept-language", "")[:200]
    found = [(float(match[2] or 1), match[1].lower()) for match in _ACCEPTED.finditer(header)]
    return [language for _, language in sorted(found, key=lambda each: -each[0])]


def _framed(request: Request, more: Mapping[str, str]) -> dict[str, str]:
    """The policy as a header; the demonstration may show our screens side by side, in frames of its own."""
    frames = {"frame-ancestors": "'self'"} if shell_of(request).settings.demonstration else {}
    directives = {**POLICY, **frames, **more}
    return {"content-security-policy": "; ".join(f"{name} {value}" for name, value in directives.items())}
