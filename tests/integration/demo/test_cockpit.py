"""The cockpit of a demonstration that runs, in a real Chromium: a day is played, plugs are pulled, answers go on."""

import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import launched
from tests.integration.demo.processes import Running, in_session, words

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

BARS = "kind => document.querySelectorAll(`#pulse .${kind}`).length"


@pytest.fixture(scope="module")
def demo(data_dir: Path) -> Iterator[Running]:
    """Running until the last test of the module."""
    with in_session(*words(data_dir)) as demo:
        yield demo


@pytest.fixture(scope="module")
def cockpit(demo: Running) -> Iterator[Page]:
    """The cockpit as the operator sees it, with every screen there."""
    with launched() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(20_000)
        page.goto(f"{demo.url}/cockpit")
        page.locator("#as-operator").click()
        page.locator("body[data-ready]").wait_for()
        yield page


def more(page: Page, kind: str) -> None:
    """Wait until another three answers are of a kind."""
    wanted = min(page.evaluate(BARS, kind) + 3, 40)
    for _ in range(200):
        if page.evaluate(BARS, kind) >= wanted:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"answers did not become {kind}")


def plugged(page: Page, plug: str, *, out: bool) -> None:
    """Pull a plug or put it back, and see that it is so."""
    page.locator(f"[data-plug={plug}]").click()
    expect(page.locator(f"[data-plug={plug}]")).to_have_attribute("aria-pressed", str(out).lower())


def test_screens_are_the_real_pages(cockpit: Page) -> None:
    expect(cockpit.frame_locator("[data-screen=atm] iframe").locator("body[data-phase]")).to_have_count(1)
    expect(cockpit.frame_locator("[data-screen=web] iframe").locator("nextbest-banner")).to_have_count(2)
    expect(cockpit.frame_locator("[data-screen=teller] iframe").locator("main")).to_be_visible()


def test_event_is_in_the_next_decision_and_on_every_screen(cockpit: Page) -> None:
    cockpit.get_by_role("button", name="Mortgage application").click()
    story = cockpit.locator("#story")
    expect(story).to_contain_text("Mortgage application: in the next decision after")
    expect(story).to_contain_text("on every screen after")


def test_answers_go_on_without_the_store_and_the_model(cockpit: Page) -> None:
    more(cockpit, "full")
    plugged(cockpit, "store", out=True)
    more(cockpit, "missing")
    plugged(cockpit, "store", out=False)
    more(cockpit, "full")
    plugged(cockpit, "model", out=True)
    more(cockpit, "missing")
    plugged(cockpit, "model", out=False)
    more(cockpit, "full")
    assert cockpit.evaluate(BARS, "lost") == 0
    expect(cockpit.locator("#degraded")).to_contain_text(re.compile("identity|record"))


def test_figures_are_those_of_the_metrics(cockpit: Page) -> None:
    expect(cockpit.locator("#rate")).to_have_text(re.compile(r"[1-9]\d*\.\d|0\.[1-9]"))
    expect(cockpit.locator("#p99")).to_contain_text("ms")


def test_touchpoints_may_not_pull_plugs(demo: Running, data_dir: Path) -> None:
    keys = json.loads((data_dir / "demo-keys.json").read_text())
    for key in ("", keys["touchpoint"], keys["teller"]):
        request = urllib.request.Request(
            f"{demo.url}/cockpit/plugs",
            b'{"plug": "model", "out": true}',
            {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {}),
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        with refused.value as answer:
            assert answer.code in (401, 403)
