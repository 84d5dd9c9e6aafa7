"""Every state of the banner, and the demonstration's home page, as axe judges them and as narrow windows show them."""

from collections.abc import Callable
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.bank import Bank, a_call, a_decision, an_option, answering, banner, offered

WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def default(bank: Bank) -> Page:
    bank.decide = answering(a_decision())
    page = bank.open()
    expect(banner(page)).to_have_attribute("data-state", "default")
    return page


def offer(bank: Bank) -> Page:
    page = bank.open()
    offered(page)
    return page


def long_offer(bank: Bank) -> Page:
    bank.decide = answering(a_decision(an_option(body="A very long sentence that goes on. " * 60)))
    return offer(bank)


def form(bank: Bank) -> Page:
    bank.decide = answering(a_decision(a_call()))
    page = offer(bank)
    banner(page).get_by_role("button").first.click()
    return page


def wrong_number(bank: Bank) -> Page:
    page = form(bank)
    page.get_by_role("button", name="Call me").click()
    expect(page.get_by_label("Your phone number")).to_have_attribute("aria-invalid", "true")
    return page


def shop(bank: Bank) -> Page:
    return bank.visit("/shop")


STATES = (default, offer, long_offer, form, wrong_number, shop)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(bank: Bank, state: Callable[[Bank], Page], scheme: Literal["light", "dark"]) -> None:
    page = state(bank)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    found = Axe().run(page, options=WCAG)
    assert found.response["violations"] == []
    assert found.response["passes"]


@pytest.mark.parametrize("state", STATES)
def test_narrowest_window_needs_no_sideways_scrolling(bank: Bank, state: Callable[[Bank], Page]) -> None:
    """320 pixels: a desktop at 400 percent."""
    page = state(bank)
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    targets = page.locator("nextbest-banner button, nextbest-banner a.nextbest-act, nextbest-banner input")
    assert all(size >= 44 for size in targets.evaluate_all("all => all.map((each) => each.offsetHeight)"))


def test_motion_is_spared_where_people_ask_for_it(bank: Bank) -> None:
    page = bank.open()
    offered(page)
    style = "getComputedStyle(document.querySelector('.nextbest-offer')).animationName"
    assert page.evaluate(style) == "nextbest-in"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(style) == "none"
