"""Every state of the cash machine as axe judges it, light and dark."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.judging import judge
from tests.browser.machine import Kiosk, enter_pin, insert, offered, take_everything, until, withdraw


def attract(_: Page) -> None:
    """As it stands when nobody is there."""


def pin(page: Page) -> None:
    insert(page)


def menu(page: Page) -> None:
    insert(page)
    enter_pin(page)
    until(page, "menu")


def amount(page: Page) -> None:
    menu(page)
    page.keyboard.press("5")


def offer(page: Page) -> None:
    withdraw(page)
    offered(page, "waiting_screen")


def card_out(page: Page) -> None:
    menu(page)
    page.keyboard.press("0")


def receipt(page: Page) -> None:
    withdraw(page)
    until(page, "card_out")
    page.get_by_role("button", name="Take the card").click()
    page.get_by_role("button", name="Take the cash").click()
    offered(page, "receipt")


def talk(page: Page) -> None:
    offer(page)
    page.keyboard.press("1")
    take_everything(page)
    page.get_by_role("button", name="Wednesday 25 November").wait_for()


@pytest.mark.parametrize("state", [attract, pin, menu, amount, offer, card_out, receipt, talk])
def test_axe_finds_nothing(kiosk: Kiosk, state: Callable[[Page], None]) -> None:
    page = kiosk.open()
    page.emulate_media(reduced_motion="reduce")
    state(page)
    page.clock.resume()
    judge(page)
