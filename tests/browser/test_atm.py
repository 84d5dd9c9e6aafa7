"""The cash machine: what it shows and when, what it reports, and that no offer ever costs the customer a moment."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.bank import Answer, answering, stalling
from tests.browser.machine import (
    SLOTS,
    Kiosk,
    enter_pin,
    insert,
    nothing,
    offered,
    offering,
    take_everything,
    tick,
    until,
    withdraw,
)
from tests.browser.test_banner import SHIFTS

MINE = "One moment, please"


def trace(page: Page) -> list[list[object]]:
    """The phases of the transaction and the ticks that had passed when each began."""
    phases: list[list[object]] = page.evaluate("window.phases")
    names = [name for name, _ in phases]
    return phases[: names.index("ended") + 1]


def transaction(kiosk: Kiosk, decide: Answer, press: str = "") -> list[list[object]]:
    """A whole transaction of somebody who is always as quick; the trace of its steps."""
    kiosk.decide = decide
    page = kiosk.open()
    withdraw(page)
    if press:
        offered(page, "waiting_screen")
        page.keyboard.press(press)
    take_everything(page)
    return trace(page)


def test_transaction_takes_the_same_steps_with_and_without_offers(kiosk: Kiosk) -> None:
    """Counted in steps of the machine's clock: offers that come, do not come, stall, fail, are wanted or declined."""
    without = transaction(kiosk, nothing)
    assert [name for name, _ in without][-1] == "ended"
    assert without[-1][1] > 20  # type: ignore[operator]  # ticks
    for decide, press in ((offering(), ""), (stalling, ""), (offering(), "1"), (offering(), "0")):
        assert transaction(kiosk, decide, press) == without


def test_offers_stand_only_where_the_machine_is_busy_and_never_before_the_pin_is_right(kiosk: Kiosk) -> None:
    page = kiosk.open()
    insert(page)
    expect(page.get_by_text("Thinking about a home")).to_have_count(0)
    enter_pin(page)
    until(page, "opening")
    offered(page, "idle_screen")
    until(page, "menu")
    expect(page.get_by_text("Thinking about a home")).to_have_count(0)
    page.keyboard.press("2")
    page.keyboard.press("1")
    offered(page, "waiting_screen")
    take_everything(page)
    assert [(each["moment"], each["placements"][0]["id"]) for each in kiosk.questions] == [
        ("card_inserted", "idle_screen"),
        ("waiting", "waiting_screen"),
        ("receipt", "receipt"),
    ]
    assert {each["identity"]["value"] for each in kiosk.questions} == {"tok_C0000001"}
    assert len({each["session_id"] for each in kiosk.questions}) == 1
    assert kiosk.questions[1]["context"] == {"cash_requested": 50}


def test_wanted_talk_is_asked_about_after_the_cash_and_books_a_time_in_the_branch(kiosk: Kiosk) -> None:
    page = kiosk.open("/atm?branch=high_street")
    withdraw(page)
    offered(page, "waiting_screen")
    page.get_by_role("button", name="Book a conversation").dblclick()
    expect(page.get_by_role("heading", name="We come back to it")).to_be_visible()
    take_everything(page)
    page.get_by_role("button", name="Tuesday 24 November at 14:30").dblclick()
    expect(page.get_by_role("heading")).to_contain_text("Booked for Tuesday 24 November")
    accept = kiosk.told(page, "accept")
    assert accept["appointment_at"] == SLOTS[1]
    assert accept["branch"] == "high_street"
    assert accept["tracking_token"] == "token-waiting_screen"
    assert [each["outcome"] for each in kiosk.outcomes].count("click") == 1
    assert [each["outcome"] for each in kiosk.outcomes].count("accept") == 1


def test_simple_offer_leads_to_a_call_and_is_not_sold_on_the_machine(kiosk: Kiosk) -> None:
    kiosk.decide = offering(leads_to={})
    page = kiosk.open()
    withdraw(page)
    offered(page, "waiting_screen")
    page.keyboard.press("1")
    take_everything(page)
    page.get_by_role("button", name="Yes, call me").click()
    expect(page.get_by_role("heading")).to_have_text("Thank you. We will call you.")
    (call,) = kiosk.calls
    assert call["tracking_token"] == "token-waiting_screen"
    assert "accept" not in {each["outcome"] for each in kiosk.outcomes}


def test_declined_offer_gives_way_to_the_machines_own_words_and_nothing_is_asked_later(kiosk: Kiosk) -> None:
    page = kiosk.open()
    withdraw(page)
    offered(page, "waiting_screen")
    page.keyboard.press("0")
    expect(page.get_by_role("heading", name=MINE)).to_be_visible()
    assert kiosk.told(page, "decline")["reason"] == "not_now"
    take_everything(page)
    tick(page, 8)
    expect(page.locator("body")).to_have_attribute("data-phase", "attract")


def test_impression_counts_after_a_second_and_not_before(kiosk: Kiosk) -> None:
    page = kiosk.open()
    withdraw(page)
    kiosk.outcomes.clear()
    offered(page, "waiting_screen")
    page.clock.run_for(900)
    assert kiosk.outcomes == []
    page.clock.run_for(200)
    assert kiosk.told(page, "impression")["outcome_id"] == "d-waiting_screen.mortgage_in_principle.impression"


def test_late_answer_is_never_swapped_in(kiosk: Kiosk) -> None:
    page = kiosk.open()
    insert(page)
    enter_pin(page)
    until(page, "menu")
    held: list[Route] = []
    kiosk.decide = held.append
    page.keyboard.press("2")
    page.keyboard.press("1")
    tick(page)
    own = page.get_by_role("heading", name=MINE)
    expect(own).to_be_visible()
    with page.expect_response("**/v1/decisions"):
        offering()(held[0])
    tick(page, 3)
    expect(own).to_be_visible()
    expect(page.locator(".room button")).to_have_count(0)


BROKEN: dict[str, Answer] = {
    "no JSON": answering("<html>gateway"),
    "an empty object": answering({}),
    "null": answering("null"),
    "no headline": offering(headline=None),
    "a body that is no text": offering(body=["x"]),
    "nothing to offer": nothing,
    "nothing at all": stalling,
}


@pytest.mark.parametrize("name", BROKEN)
def test_machine_shows_its_own_words_where_the_answer_is(kiosk: Kiosk, name: str) -> None:
    kiosk.decide = BROKEN[name]
    page = kiosk.open()
    withdraw(page)
    tick(page)
    expect(page.get_by_role("heading", name=MINE)).to_be_visible()
    assert kiosk.outcomes == []


@pytest.mark.parametrize("status", [401, 403, 422, 503])
def test_refusal_changes_nothing(kiosk: Kiosk, status: int) -> None:
    """An expired or forged key, another channel's, an unknown placement; the browser itself notes what failed."""
    kiosk.decide = answering({"type": "urn:nextbest:problem:forbidden"}, status)
    page = kiosk.open()
    withdraw(page)
    tick(page)
    expect(page.get_by_role("heading", name=MINE)).to_be_visible()
    assert all("Failed to load resource" in each for each in kiosk.said)
    kiosk.said.clear()


def test_time_that_somebody_else_has_just_taken_leaves_the_others(kiosk: Kiosk) -> None:
    page = kiosk.open()
    withdraw(page)
    offered(page, "waiting_screen")
    page.keyboard.press("1")
    take_everything(page)
    page.get_by_role("button", name="Wednesday 25 November").wait_for()
    taken, kept = kiosk.record, kiosk.slots[:2]
    kiosk.record, kiosk.slots = answering({"type": "urn:nextbest:problem:appointment_taken"}, 409), kept
    page.get_by_role("button", name="Wednesday 25 November").click()
    expect(page.get_by_text("Somebody has just taken that time.")).to_be_visible()
    expect(page.get_by_role("button", name="Wednesday 25 November")).to_have_count(0)
    kiosk.record = taken
    page.get_by_role("button", name="Tuesday 24 November at 10:00").click()
    expect(page.get_by_role("heading")).to_contain_text("Booked for Tuesday 24 November")
    assert all("Failed to load resource" in each for each in kiosk.said)
    kiosk.said.clear()


def test_booking_that_does_not_reach_us_says_so(kiosk: Kiosk) -> None:
    page = kiosk.open()
    withdraw(page)
    offered(page, "waiting_screen")
    page.keyboard.press("1")
    kiosk.record = lambda route: route.abort()
    take_everything(page)
    page.get_by_role("button", name="Wednesday 25 November").click()
    expect(page.get_by_role("heading")).to_have_text("That did not reach us. Please ask at the counter.")
    kiosk.said.clear()


def test_hostile_words_are_shown_as_text(kiosk: Kiosk) -> None:
    attack = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    kiosk.decide = offering(headline=attack, body=attack, call_to_action=attack)
    page = kiosk.open()
    withdraw(page)
    offered(page, "waiting_screen")
    expect(page.locator(".room h2")).to_have_text(attack)
    assert page.locator(".room img, .room script").count() == 0
    assert page.title() == "Harbour & Vale"


def test_nothing_moves_when_an_offer_comes(kiosk: Kiosk) -> None:
    kiosk.decide = offering(body="A very long sentence that goes on. " * 60)
    page = kiosk.open()
    withdraw(page)
    room = page.locator(".room")
    before = room.bounding_box()
    offered(page, "waiting_screen")
    assert room.bounding_box() == before
    expect(page.get_by_role("button", name="No, thank you")).to_be_in_viewport(ratio=1)
    page.clock.resume()
    assert page.evaluate(SHIFTS) == 0


@pytest.mark.parametrize(("decide", "printed"), [(nothing, False), (offering(), True)])
def test_receipt_has_a_line_about_an_offer_only_where_there_is_one(kiosk: Kiosk, decide: Answer, printed: bool) -> None:
    kiosk.decide = decide
    page = kiosk.open()
    page.set_viewport_size({"width": 1024, "height": 768})
    withdraw(page)
    until(page, "card_out")
    page.get_by_role("button", name="Take the card").click()
    page.get_by_role("button", name="Take the cash").click()
    expect(page.locator("body")).to_have_attribute("data-phase", "printing")
    tick(page)
    expect(page.get_by_text("Ask us about:")).to_be_visible(visible=printed)
