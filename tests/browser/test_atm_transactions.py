"""The cash machine's transactions: PIN, card, cash, languages, by keypad and by touch, and whoever walks away."""

import pytest
from playwright.sync_api import expect

from tests.browser.machine import Kiosk, enter_pin, insert, offered, take_everything, tick, until, withdraw

FILLED = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
SMALL = "all => all.filter((each) => Math.min(each.offsetHeight, each.offsetWidth) < 44).map((each) => each.outerHTML)"


def test_wrong_pin_three_times_keeps_the_card(kiosk: Kiosk) -> None:
    page = kiosk.open()
    insert(page)
    for _ in range(3):
        enter_pin(page, "0000")
        tick(page, 2)
    expect(page.get_by_role("heading", name="We have kept your card")).to_be_visible()
    until(page, "attract")
    assert [each["moment"] for each in kiosk.questions] == ["card_inserted"]


@pytest.mark.parametrize("phase", ["pin", "menu", "counting"])
def test_card_that_is_pulled_out_ends_it_at_any_moment(kiosk: Kiosk, phase: str) -> None:
    page = kiosk.open()
    insert(page)
    if phase != "pin":
        enter_pin(page)
        until(page, "menu")
    if phase == "counting":
        page.keyboard.press("1")
        page.keyboard.press("1")
    page.get_by_role("button", name="Pull the card out").click()
    expect(page.get_by_role("heading", name="You have taken your card")).to_be_visible()
    until(page, "attract")
    page.get_by_role("button", name="Insert the card").click()
    until(page, "pin")


def test_machine_that_keeps_the_card_says_so_and_starts_anew(kiosk: Kiosk) -> None:
    page = kiosk.open()
    insert(page)
    page.evaluate("document.dispatchEvent(new CustomEvent('atm-card', { detail: { state: 'retained' } }))")
    expect(page.get_by_role("heading", name="We have kept your card")).to_be_visible()
    until(page, "attract")


@pytest.mark.parametrize(
    ("after", "ticks", "said"), [("menu", 60, "Take your card"), ("card_out", 40, "We have kept your card")]
)
def test_nobody_there_any_more(kiosk: Kiosk, after: str, ticks: int, said: str) -> None:
    """A machine that waits in vain gives the card back, and takes in what nobody takes."""
    page = kiosk.open()
    insert(page)
    enter_pin(page)
    until(page, "menu")
    if after == "card_out":
        page.keyboard.press("0")
    tick(page, ticks)
    expect(page.get_by_role("heading", name=said)).to_be_visible()


def test_bank_that_does_not_answer_gives_the_card_back(kiosk: Kiosk) -> None:
    page = kiosk.open()
    page.evaluate("document.addEventListener('atm-pin', (said) => said.stopImmediatePropagation(), true)")
    insert(page)
    enter_pin(page)
    tick(page, 4)
    expect(page.get_by_role("heading", name="Checking with your bank")).to_be_visible()
    tick(page, 2)
    expect(page.get_by_role("heading", name="Take your card")).to_be_visible()
    expect(page.get_by_text("Your bank did not answer.")).to_be_visible()


def test_cash_that_nobody_takes_goes_back(kiosk: Kiosk) -> None:
    page = kiosk.open()
    withdraw(page)
    until(page, "card_out")
    page.get_by_role("button", name="Take the card").click()
    tick(page, 40)
    expect(page.get_by_role("heading", name="We have taken the cash back")).to_be_visible()


def test_talk_that_nobody_answers_ends_and_the_next_card_ends_it_at_once(kiosk: Kiosk) -> None:
    page = kiosk.open()
    for waits in (False, True):
        withdraw(page)
        offered(page, "waiting_screen")
        page.keyboard.press("1")
        take_everything(page)
        expect(page.get_by_role("heading", name="When shall we talk?")).to_be_visible()
        if waits:
            tick(page, 61)
            expect(page.locator("body")).to_have_attribute("data-phase", "attract")
        else:
            page.evaluate(
                "document.dispatchEvent(new CustomEvent('atm-card', { detail: { state: 'inserted', token: 't2' } }))"
            )
            expect(page.locator("body")).to_have_attribute("data-phase", "reading")
            page.keyboard.press("Escape")
            until(page, "pin")
            page.keyboard.press("Escape")
            page.get_by_role("button", name="Take the card").click()
            until(page, "attract")


def test_double_press_does_not_choose_on_the_next_screen(kiosk: Kiosk) -> None:
    page = kiosk.open()
    insert(page)
    enter_pin(page)
    until(page, "menu")
    page.get_by_role("button", name="£20", exact=True).dblclick()
    expect(page.get_by_role("heading", name="Would you like a receipt?")).to_be_visible()


def test_going_back_and_forth_starts_anew(kiosk: Kiosk) -> None:
    page = kiosk.open()
    insert(page)
    page.goto(f"{kiosk.origin}/shop")
    page.go_back()
    expect(page.locator("body")).to_have_attribute("data-phase", "attract")


def test_whole_transaction_by_touch_alone_with_large_targets(kiosk: Kiosk) -> None:
    page = kiosk.open()
    page.set_viewport_size({"width": 800, "height": 600})
    insert(page)
    small: list[str] = []

    def note_small_targets() -> None:
        small.extend(page.locator("main button, header button, #simulated button").evaluate_all(SMALL))
        assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
            800,
            600,
        ]

    note_small_targets()
    for digit in "1234":
        page.get_by_role("button", name=digit, exact=True).click()
    page.get_by_role("button", name="Enter").click()
    until(page, "menu")
    note_small_targets()
    page.get_by_role("button", name="Another amount").click()
    for digit in "120":
        page.get_by_role("button", name=digit, exact=True).click()
    note_small_targets()
    page.get_by_role("button", name="Enter").click()
    page.get_by_role("button", name="Yes, please").click()
    offered(page, "waiting_screen")
    note_small_targets()
    page.get_by_role("button", name="Book a conversation").click()
    take_everything(page)
    page.get_by_role("button", name="Tuesday 24 November at 10:00").click()
    expect(page.get_by_role("heading")).to_contain_text("Booked for")
    assert small == []


def test_amount_that_no_notes_make_is_not_taken(kiosk: Kiosk) -> None:
    page = kiosk.open()
    insert(page)
    enter_pin(page)
    until(page, "menu")
    page.keyboard.press("5")
    for key in ("4", "5", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("body")).to_have_attribute("data-phase", "amount")
    page.keyboard.press("Backspace")
    for key in ("4", "0", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("body")).to_have_attribute("data-phase", "paper")


def test_another_language_lasts_until_the_next_customer(kiosk: Kiosk) -> None:
    page = kiosk.open()
    insert(page)
    page.get_by_role("button", name="Deutsch").click()
    expect(page.get_by_role("heading", name="PIN eingeben")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Karte nehmen").click()
    until(page, "attract")
    expect(page.get_by_text("Insert your card")).to_be_visible()
