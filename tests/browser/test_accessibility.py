"""Every state of the banner, and the demonstration's home page, as axe judges them and as narrow windows show them."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.bank import Bank, a_call, a_decision, an_option, answering, banner, offered
from tests.browser.judging import judge, narrow


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


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_and_narrow_windows_show_it_whole(bank: Bank, state: Callable[[Bank], Page]) -> None:
    page = state(bank)
    judge(page)
    narrow(page, "nextbest-banner button, nextbest-banner a.nextbest-act, nextbest-banner input")


def test_motion_is_spared_where_people_ask_for_it(bank: Bank) -> None:
    page = bank.open()
    offered(page)
    style = "getComputedStyle(document.querySelector('.nextbest-offer')).animationName"
    assert page.evaluate(style) == "nextbest-in"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(style) == "none"
