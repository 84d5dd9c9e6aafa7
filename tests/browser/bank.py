"""A page of a bank with a banner on it, under a strict policy, and an engine that answers as a test wants."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from playwright.sync_api import BrowserContext, Locator, Page, Route

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
OWN: Final = '<h2>Banking made simple</h2><p>Our own words.</p><a href="/accounts">All accounts</a>'
Answer = Callable[[Route], None]


def an_option(**treatment: object) -> dict[str, Any]:
    """An offer of a cash ISA as a decision carries it."""
    words: dict[str, object] = {
        "headline": "Savings that the taxman leaves alone",
        "body": "Interest in a cash ISA is free of income tax.",
        "call_to_action": "Open a cash ISA",
        "url": "/savings/isa",
    }
    return {
        "rank": 1,
        "action": "isa",
        "treatment_id": "isa/web.hero",
        "treatment": words | treatment,
        "leads_to": None,
        "valid_until": "2026-11-22T10:30:00.000Z",
        "tracking_token": "token-1",
    }


def a_call(**treatment: object) -> dict[str, Any]:
    """An offer that leads to a call."""
    return an_option(call_to_action="Ask an adviser to call me", **treatment) | {"leads_to": {"phone": "callback"}}


def a_decision(*options: dict[str, Any], placement: str = "hero") -> dict[str, Any]:
    """A whole answer for one placement; without an option the placement's fallback."""
    words = {"headline": "Stay safe online", "body": "We never ask for your password."}
    fallback = None if options else {"treatment_id": "web_default", "treatment": words}
    return {
        "decision_id": f"d-{placement}",
        "decided_at": "2026-11-22T10:00:00.000Z",
        "propositions": [{"placement": placement, "options": list(options), "fallback": fallback}],
    }


def answering(body: Mapping[str, Any] | str, status: int = 200) -> Answer:
    """Answers at once."""
    text = body if isinstance(body, str) else json.dumps(body)
    return lambda route: route.fulfill(status=status, content_type="application/json", body=text)


def stalling(route: Route) -> None:
    """Never answers."""


@dataclass(slots=True)
class Bank:
    """A bank's site: its pages and the engine's answers are made here, the banner is served by the product."""

    context: BrowserContext
    origin: str
    decide: Answer = field(default_factory=lambda: answering(a_decision(an_option())))
    call: Answer = field(default_factory=lambda: answering({"callback_id": "c", "status": "queued"}, 202))
    questions: list[dict[str, Any]] = field(default_factory=list)
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """What the console complained about."""

    def open(self, banners: str = "", *, language: str = "en", above: str = "", path: str = "/") -> Page:
        """A page with banners on it; by default one, in the hero."""
        shown = banners or f'<nextbest-banner placement="hero" budget-ms="8000">{OWN}</nextbest-banner>'
        html = (
            f'<!doctype html><html lang="{language}"><head><title>Bank</title>'
            '<meta name="viewport" content="width=device-width">'
            '<link rel="stylesheet" href="/web/tokens.css">'
            '<link rel="stylesheet" href="/web/banner/nextbest-banner.css">'
            '<script type="module" src="/web/banner/nextbest-banner.js"></script></head>'
            f'<body><main><h1>Bank</h1>{above}{shown}<p id="below">Below</p></main></body></html>'
        )
        page = self._page()
        headers = {"content-security-policy": POLICY, "content-type": "text/html; charset=utf-8"}
        page.route("**/*", lambda route: route.fulfill(status=200, headers=headers, body=html))
        page.route(re.compile("/web/|/stalling/"), lambda route: route.continue_())
        self._answer_on(page)
        page.goto(self.origin + path)
        return page

    def visit(self, path: str) -> Page:
        """A page that the product itself serves."""
        page = self._page()
        self._answer_on(page)
        page.goto(self.origin + path)
        return page

    def _page(self) -> Page:
        page = self.context.new_page()
        page.on("console", lambda message: self.said.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        return page

    def _answer_on(self, page: Page) -> None:
        page.route(f"{self.origin}/v1/decisions", lambda route: self._kept(route, self.questions, self.decide))
        page.route("**/v1/outcomes", lambda route: self._kept(route, self.outcomes, answering({"results": []}, 202)))
        page.route("**/v1/callbacks", lambda route: self._kept(route, self.calls, self.call))

    def _kept(self, route: Route, log: list[dict[str, Any]], reply: Answer) -> None:
        log.append(json.loads(route.request.post_data_buffer or b"{}"))
        reply(route)

    def answered(self, page: Page) -> None:
        """Wait until the engine was asked, and the page has had time to make something of the answer."""
        for _ in range(100):
            if self.questions:
                break
            page.wait_for_timeout(20)
        assert self.questions
        page.wait_for_timeout(200)

    def told(self, page: Page, outcome: str) -> dict[str, Any]:
        """Wait until an outcome was sent; it."""
        for _ in range(100):
            found = [each for each in self.outcomes if each["outcome"] == outcome]
            if found:
                return found[0]
            page.wait_for_timeout(50)
        raise AssertionError(f"no {outcome} among {[each['outcome'] for each in self.outcomes]}")


def banner(page: Page, placement: str = "hero") -> Locator:
    """The element."""
    return page.locator(f'nextbest-banner[placement="{placement}"]')


def offered(page: Page, placement: str = "hero") -> Locator:
    """The element, once it shows an offer."""
    found = page.locator(f'nextbest-banner[placement="{placement}"][data-state="offer"]')
    found.wait_for()
    return found
