"""The cash machine while the service is away: the page that it has kept, and only words that the bank has signed."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from api.kiosk.seal import Seal
from tests.browser.machine import enter_pin, insert, tick, until
from tests.browser.serving import Served, serving

KEPT = "async () => (await (await caches.open('nextbest-atm')).keys()).map(({ url }) => new URL(url).pathname)"
SIGNED_BY_OTHERS = {"bank": "x", "valid_until": "2100-01-01T00:00:00Z"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """An application that a test may take away."""
    with serving(tmp_path) as served:
        yield served


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A machine's own browser, which keeps what it is told to keep."""
    context = browser.new_context(viewport={"width": 800, "height": 600})
    context.set_default_timeout(10_000)
    yield context
    context.close()


def prepared(context: BrowserContext, served: Served) -> Page:
    """A machine that was started once while the service was there."""
    page = context.new_page()
    page.goto(f"{served.origin}/atm")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.locator("body[data-pack=signed]").wait_for()
    return page


def test_machine_goes_on_with_the_banks_own_words_while_the_service_is_away(
    context: BrowserContext, served: Served
) -> None:
    page = prepared(context, served)
    served.go_away()
    page.clock.install(time="2026-11-22T10:00:00Z")
    page.reload()
    page.locator("body[data-pack=signed][data-simulated=ready]").wait_for()
    page.clock.pause_at("2026-11-22T10:01:00Z")
    expect(page.get_by_role("heading", name="Welcome to Harbour & Vale")).to_be_visible()
    insert(page)
    enter_pin(page)
    until(page, "menu")
    page.keyboard.press("1")
    page.keyboard.press("2")
    tick(page)
    expect(page.get_by_role("heading", name="One moment, please")).to_be_visible()
    until(page, "card_out")
    page.get_by_role("button", name="Take the card").click()
    page.get_by_role("button", name="Take the cash").click()
    until(page, "attract")


def test_what_is_kept_is_the_page_and_the_pack_and_nothing_about_a_customer(
    context: BrowserContext, served: Served
) -> None:
    page = prepared(context, served)
    page.reload()
    page.locator("body[data-simulated=ready]").wait_for()
    page.get_by_role("button", name="Insert the card").click()
    page.locator('body[data-phase="pin"]').wait_for()
    kept = page.evaluate(KEPT)
    assert "/atm" in kept
    assert "/atm/pack.json" in kept
    assert not [path for path in kept if path.startswith("/v1") or "people" in path]


def forged(body: dict[str, str]) -> dict[str, str]:
    """A pack whose words somebody has changed, under the bank's own signature."""
    pack = json.loads(base64.b64decode(body["content"]))
    pack["placements"]["idle_screen"]["headline"] = "Your card is blocked, call 0900"
    return {**body, "content": base64.b64encode(json.dumps(pack).encode()).decode()}


def foreign(_: dict[str, str]) -> dict[str, str]:
    """A pack that somebody else has signed."""
    content = json.dumps({**SIGNED_BY_OTHERS, "placements": {"idle_screen": {"headline": "Your card is blocked"}}})
    return {
        "content": base64.b64encode(content.encode()).decode(),
        "signature": Seal(b"not ours" * 4).sign(content.encode()),
    }


@pytest.mark.parametrize("change", [forged, foreign])
def test_pack_that_the_bank_has_not_signed_is_neither_shown_nor_kept(
    browser: Browser, served: Served, change: object
) -> None:
    """Whoever sits between the machine and the service can leave it without words, and cannot give it any."""
    context = browser.new_context(viewport={"width": 800, "height": 600}, service_workers="block")
    page = context.new_page()
    assert callable(change)
    page.route("**/atm/pack.json", lambda route: route.fulfill(json=change(route.fetch().json())))
    page.goto(f"{served.origin}/atm")
    page.locator("body[data-pack=none]").wait_for()
    expect(page.get_by_text("blocked")).to_have_count(0)
    expect(page.get_by_role("heading", name="Harbour & Vale")).to_be_visible()
    context.close()


def test_words_that_were_tampered_with_in_the_machines_own_keeping_are_not_shown(
    context: BrowserContext, served: Served
) -> None:
    page = prepared(context, served)
    page.evaluate(
        """async () => {
          const kept = await caches.open('nextbest-atm');
          const pack = await (await kept.match('/atm/pack.json')).json();
          const content = JSON.parse(atob(pack.content));
          content.placements.idle_screen.headline = 'Your card is blocked';
          pack.content = btoa(JSON.stringify(content));
          await kept.put('/atm/pack.json', new Response(JSON.stringify(pack)));
        }"""
    )
    served.go_away()
    page.reload()
    page.locator("body[data-pack=none]").wait_for()
    expect(page.get_by_text("blocked")).to_have_count(0)


def test_pack_that_is_out_of_date_is_not_shown(context: BrowserContext, served: Served) -> None:
    page = prepared(context, served)
    verdict = page.evaluate(
        """async () => {
          const { opened } = await import('/atm/pack.js');
          const { key } = JSON.parse(document.querySelector('#page').textContent);
          const pack = await (await fetch('/atm/pack.json')).json();
          const later = Date.now() + 31 * 86_400_000;
          return opened(pack, key, later).then(() => 'opened', (error) => error.message);
        }"""
    )
    assert verdict == "out of date"
