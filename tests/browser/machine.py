"""A cash machine in a browser: a clock that a test turns, hands that take what comes, an engine that does as told."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Route, expect

from tests.browser.bank import Answer, answering

TICK_MS: Final = 500
SLOTS: Final = ("2026-11-24T10:00:00Z", "2026-11-24T14:30:00Z", "2026-11-25T10:00:00Z")
PHASES: Final = """
window.phases = [];
document.addEventListener("atm-phase", ({ detail }) => window.phases.push([detail.phase, detail.ticks]));
"""


def an_option(placement: str, *, leads_to: Mapping[str, str] | None = None, **treatment: object) -> dict[str, Any]:
    """A mortgage, as it may be shown to whoever stands near."""
    words: dict[str, object] = {
        "headline": "Thinking about a home of your own?",
        "body": "Our mortgage advisers can talk it through with you in branch, free of charge.",
        "call_to_action": "Book a conversation",
    }
    return {
        "rank": 1,
        "action": "mortgage_in_principle",
        "treatment_id": f"mortgage_in_principle/atm.{placement}",
        "treatment": words | treatment,
        "leads_to": {"branch": "appointment"} if leads_to is None else leads_to or None,
        "valid_until": "2026-11-22T10:30:00.000Z",
        "tracking_token": f"token-{placement}",
    }


def offering(**changes: Any) -> Answer:
    """An engine that offers the same for every placement."""

    def answer(route: Route) -> None:
        placement = json.loads(route.request.post_data_buffer or b"{}")["placements"][0]["id"]
        proposition = {"placement": placement, "options": [an_option(placement, **changes)], "fallback": None}
        body = {
            "decision_id": f"d-{placement}",
            "decided_at": "2026-11-22T10:00:00.000Z",
            "propositions": [proposition],
        }
        answering(body)(route)

    return answer


def nothing(route: Route) -> None:
    """An engine that has nothing to offer."""
    answering({"decision_id": "d", "decided_at": "2026-11-22T10:00:00.000Z", "propositions": []})(route)


@dataclass(slots=True)
class Kiosk:
    """A machine, and everything that its page asked and told."""

    context: BrowserContext
    origin: str
    decide: Answer = field(default_factory=offering)
    record: Answer = field(default_factory=lambda: answering({"status": "recorded"}, 202))
    slots: tuple[str, ...] = SLOTS
    questions: list[dict[str, Any]] = field(default_factory=list)
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def open(self, path: str = "/atm") -> Page:
        """The page, with its clock in the test's hand."""
        page = self.context.new_page()
        page.on("console", lambda message: self.said.append(message.text) if _matters(message) else None)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.route("**/v1/decisions", self._noting(self.questions, lambda: self.decide))
        page.route("**/v1/outcomes", self._noting(self.outcomes, lambda: self.record))
        page.route("**/v1/callbacks", self._noting(self.calls, lambda: answering({"status": "queued"}, 202)))
        page.route("**/v1/appointments*", self._noting([], lambda: answering({"slots": list(self.slots)})))
        page.add_init_script(PHASES)
        page.clock.install(time="2026-11-22T10:00:00Z")
        page.goto(self.origin + path)
        page.locator("body[data-pack][data-simulated=ready]").wait_for()
        page.clock.pause_at("2026-11-22T10:01:00Z")
        return page

    def told(self, page: Page, outcome: str) -> dict[str, Any]:
        """Wait until an outcome was sent; it."""
        for _ in range(100):
            found = [each for each in self.outcomes if each["outcome"] == outcome]
            if found:
                return found[0]
            page.wait_for_timeout(20)
        raise AssertionError(f"no {outcome} among {[each['outcome'] for each in self.outcomes]}")

    def _noting(self, log: list[dict[str, Any]], reply: Callable[[], Answer]) -> Callable[[Route], None]:
        def note(route: Route) -> None:
            log.append(json.loads(route.request.post_data_buffer or b"{}"))
            reply()(route)

        return note


def _matters(message: ConsoleMessage) -> bool:
    """Anything but the browser's word that a test has asked it to keep no worker."""
    return message.type != "log" and "blocked by Playwright" not in message.text


def tick(page: Page, times: int = 1) -> None:
    """Let the machine's clock go on."""
    page.clock.run_for(times * TICK_MS)


def until(page: Page, phase: str, most: int = 80) -> None:
    """Let the clock go on until a phase begins."""
    for _ in range(most):
        if page.locator(f'body[data-phase="{phase}"]').count():
            return
        tick(page)
    raise AssertionError(f"{phase} never came; it is {page.locator('body').get_attribute('data-phase')}")


def insert(page: Page) -> None:
    """Put the card in and wait for the PIN to be asked."""
    page.get_by_role("button", name="Insert the card").click()
    until(page, "pin")


def enter_pin(page: Page, digits: str = "1234") -> None:
    """On the keypad."""
    for digit in digits:
        page.keyboard.press(digit)
    page.keyboard.press("Enter")


def withdraw(page: Page, amount: str = "£50", *, receipt: bool = True) -> None:
    """From the PIN to the moment in which the cash is counted."""
    insert(page)
    enter_pin(page)
    until(page, "menu")
    page.get_by_role("button", name=amount, exact=False).first.click()
    page.get_by_role("button", name="Yes, please" if receipt else "No receipt").click()


def take_everything(page: Page) -> None:
    """Card, cash and receipt, as they come out; until the machine says thank you."""
    until(page, "card_out")
    page.get_by_role("button", name="Take the card").click()
    page.get_by_role("button", name="Take the cash").click()
    for _ in range(40):
        if page.locator('body[data-phase="receipt_out"]').count():
            page.get_by_role("button", name="Take the receipt").click()
        if page.locator('body[data-phase="ended"], body[data-phase="talk"]').count():
            return
        tick(page)
    raise AssertionError("the transaction did not end")


def offered(page: Page, placement: str) -> None:
    """Wait until an offer stands in the room."""
    expect(page.locator(f'.room[data-offer="{placement}"]')).to_be_visible()
