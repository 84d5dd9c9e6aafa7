"""The banner on a bank's page: what it shows and when, what it reports, and what it never does."""

import pytest
from playwright.sync_api import Route, expect

from tests.browser.bank import (
    OWN,
    Bank,
    a_call,
    a_decision,
    an_option,
    answering,
    banner,
    offered,
    stalling,
)

SHIFTS = """() => new Promise((tell) => {
  let sum = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => (sum += entry.value)))
    .observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => setTimeout(() => tell(sum), 100));
})"""


def test_offer_replaces_the_banks_own_words_under_a_strict_policy(bank: Bank) -> None:
    page = bank.open()
    offer = offered(page)
    expect(offer.get_by_role("heading")).to_have_text("Savings that the taxman leaves alone")
    expect(offer.get_by_role("link")).to_have_attribute("href", f"{bank.origin}/savings/isa")
    expect(offer).not_to_contain_text("Our own words.")


def test_visitor_asks_as_a_visitor_and_a_customer_as_who_they_are(bank: Bank) -> None:
    first = bank.open()
    offered(first)
    (asked,) = bank.questions
    assert asked["identity"] == {"scheme": "web_visitor", "value": asked["session_id"]}
    assert (asked["channel"], asked["moment"], asked["placements"]) == ("web", "page_viewed", [{"id": "hero"}])
    offered(bank.open('<nextbest-banner placement="hero" identity="customer_id:C1" session="s9"></nextbest-banner>'))
    assert bank.questions[1]["identity"] == {"scheme": "customer_id", "value": "C1"}
    assert bank.questions[1]["session_id"] == "s9"


def test_reloading_stays_in_the_same_visit(bank: Bank) -> None:
    """So that a second look costs no cap."""
    page = bank.open()
    offered(page)
    page.reload()
    offered(page)
    assert len({asked["session_id"] for asked in bank.questions}) == 1


def test_banners_of_one_page_ask_together_and_a_repeated_placement_keeps_its_own_words(bank: Bank) -> None:
    both = a_decision(an_option())
    both["propositions"] += a_decision(an_option(headline="Beside it"), placement="sidebar")["propositions"]
    bank.decide = answering(both)
    places = ("hero", "sidebar", "hero")
    page = bank.open(
        "".join(f'<nextbest-banner placement="{name}" budget-ms="8000">{OWN}</nextbest-banner>' for name in places)
    )
    expect(offered(page, "sidebar").get_by_role("heading")).to_have_text("Beside it")
    assert [each["placements"] for each in bank.questions] == [[{"id": "hero"}, {"id": "sidebar"}]]
    expect(banner(page).nth(1)).to_contain_text("Our own words.")


def test_nothing_on_the_page_moves_when_a_long_offer_comes(bank: Bank) -> None:
    bank.decide = answering(a_decision(an_option(body="A very long sentence that goes on. " * 60)))
    page = bank.open()
    offered(page)
    assert page.evaluate(SHIFTS) == 0


def test_late_answer_is_never_swapped_in(bank: Bank) -> None:
    held: list[Route] = []
    bank.decide = held.append
    page = bank.open(f'<nextbest-banner placement="hero" budget-ms="200">{OWN}</nextbest-banner>')
    page.wait_for_timeout(600)
    answering(a_decision(an_option()))(held[0])
    page.wait_for_timeout(300)
    expect(banner(page)).to_contain_text("Our own words.")
    expect(banner(page)).to_have_attribute("data-state", "default")


def test_answer_whose_body_stalls_half_way_is_left_alone(bank: Bank) -> None:
    page = bank.open(f'<nextbest-banner placement="hero" budget-ms="300" service="/stalling">{OWN}</nextbest-banner>')
    page.wait_for_timeout(1_500)
    expect(banner(page)).to_have_attribute("data-state", "default")


BROKEN = {
    "no JSON": answering("<html>gateway"),
    "an empty object": answering({}),
    "another placement": answering(a_decision(an_option(), placement="sidebar")),
    "no treatment": answering(a_decision({"rank": 1, "tracking_token": "t"})),
    "a headline that is no text": answering(a_decision(an_option(headline={"x": 1}))),
    "a body that is no text": answering(a_decision(an_option(body=["x"]))),
    "null": answering("null"),
    "the placement's fallback": answering(a_decision()),
    "nothing at all": stalling,
}


@pytest.mark.parametrize("name", BROKEN)
def test_page_keeps_its_own_words_where_the_answer_is(bank: Bank, name: str) -> None:
    bank.decide = BROKEN[name]
    page = bank.open()
    bank.answered(page)
    expect(banner(page)).to_have_attribute("data-state", "default")
    expect(banner(page).get_by_role("link")).to_have_text("All accounts")
    assert bank.outcomes == []


@pytest.mark.parametrize("status", [401, 422, 500, 503])
def test_page_keeps_its_own_words_where_the_service_refuses(bank: Bank, status: int) -> None:
    """The browser itself notes the failed request; the banner says nothing."""
    bank.decide = answering({"type": "urn:nextbest:problem:internal"}, status)
    page = bank.open()
    page.wait_for_timeout(300)
    expect(banner(page)).to_contain_text("Our own words.")
    assert all("Failed to load resource" in each for each in bank.said)
    bank.said.clear()


def test_placement_without_words_of_its_own_shows_the_fallback(bank: Bank) -> None:
    bank.decide = answering(a_decision())
    page = bank.open('<nextbest-banner placement="hero" budget-ms="8000"></nextbest-banner>')
    expect(banner(page).get_by_role("heading")).to_have_text("Stay safe online")
    expect(banner(page).get_by_role("button")).to_have_count(0)


def test_hostile_words_are_shown_as_text(bank: Bank) -> None:
    attack = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    bank.decide = answering(
        a_decision(an_option(headline=attack, body=attack, call_to_action=attack, url="javascript:document.title=3"))
    )
    page = bank.open()
    offer = offered(page)
    expect(offer.get_by_role("heading")).to_have_text(attack)
    assert offer.locator("img, script, a").count() == 0
    assert page.title() == "Bank"


def test_impression_counts_after_one_second_half_in_view(bank: Bank) -> None:
    page = bank.open(above='<div class="nextbest-offer" id="tall"></div>')
    page.locator("#tall").evaluate("node => (node.style.height = '3000px')")
    offered(page)
    page.wait_for_timeout(1_300)
    assert bank.outcomes == []
    banner(page).scroll_into_view_if_needed()
    page.wait_for_timeout(400)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(1_300)
    assert bank.outcomes == []
    banner(page).scroll_into_view_if_needed()
    impression = bank.told(page, "impression")
    assert impression["tracking_token"] == "token-1"
    assert impression["occurred_at"].startswith("2026-11-22T10:00:")


def test_click_is_told_once_however_often_it_is_clicked_and_also_after_going_back(bank: Bank) -> None:
    page = bank.open()
    offered(page).get_by_role("link").dblclick()
    page.wait_for_url("**/savings/isa")
    page.go_back()
    offered(page).get_by_role("link").click()
    page.wait_for_url("**/savings/isa")
    bank.told(page, "click")
    assert {each["outcome_id"] for each in bank.outcomes if each["outcome"] == "click"} == {"d-hero.isa.click"}


def test_dismissed_offer_gives_way_to_the_banks_own_words_and_keeps_the_focus(bank: Bank) -> None:
    page = bank.open()
    offered(page).get_by_role("button", name="No, thank you").click()
    expect(banner(page)).to_contain_text("Our own words.")
    expect(banner(page)).to_be_focused()
    assert bank.told(page, "decline")["reason"] == "not_now"
    page.wait_for_timeout(1_200)
    assert [each["outcome"] for each in bank.outcomes] == ["decline"]


def test_offer_without_an_address_is_accepted_on_the_spot_once(bank: Bank) -> None:
    bank.decide = answering(a_decision(an_option(url=None)))
    page = bank.open()
    offered(page).get_by_role("button", name="Open a cash ISA").dblclick()
    expect(banner(page).get_by_role("status")).to_contain_text("Thank you.")
    bank.told(page, "accept")
    assert [each["outcome"] for each in bank.outcomes if each["outcome"] == "accept"] == ["accept"]


def test_call_me_by_keyboard_alone(bank: Bank) -> None:
    bank.decide = answering(a_decision(a_call()))
    page = bank.open()
    offered(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    field = page.get_by_label("Your phone number")
    expect(field).to_be_focused()
    page.keyboard.type("call me maybe")
    page.keyboard.press("Enter")
    expect(banner(page).get_by_role("status")).to_have_text("That does not look like a phone number.")
    assert bank.calls == []
    field.fill("020 7946 0123")
    page.keyboard.press("Enter")
    expect(banner(page).get_by_role("status")).to_have_text("Thank you. We will call you.")
    (call,) = bank.calls
    assert call["callback_id"] == "d-hero.isa.call"
    assert (call["phone_number"], call["tracking_token"], call["page"]) == ("020 7946 0123", "token-1", "/")
    assert [each["outcome"] for each in bank.outcomes if each["outcome"] != "impression"] == ["click"]


def test_call_that_does_not_reach_us_keeps_the_number_and_can_be_sent_again(bank: Bank) -> None:
    bank.decide = answering(a_decision(a_call()))
    bank.call = lambda route: route.abort()
    page = bank.open()
    offered(page).get_by_role("button", name="Ask an adviser to call me").click()
    page.get_by_label("Your phone number").fill("+44 20 7946 0123")
    page.get_by_role("button", name="Call me").click()
    expect(banner(page).get_by_role("status")).to_have_text("That did not reach us. Please try again.")
    bank.call = answering({"callback_id": "c", "status": "queued"}, 202)
    page.get_by_role("button", name="Call me").dblclick()
    expect(banner(page).get_by_role("status")).to_have_text("Thank you. We will call you.")
    assert len({call["callback_id"] for call in bank.calls}) == 1
    bank.said.clear()


def test_escape_closes_the_form_and_gives_the_focus_back(bank: Bank) -> None:
    bank.decide = answering(a_decision(a_call()))
    page = bank.open()
    button = offered(page).get_by_role("button", name="Ask an adviser to call me")
    button.click()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()


def test_texts_come_in_the_language_of_the_page(bank: Bank) -> None:
    page = bank.open(language="de-AT")
    expect(offered(page).get_by_role("button")).to_have_text("Nein, danke")


def test_offer_that_somebody_is_about_to_replace_with_a_click_is_not_swapped(bank: Bank) -> None:
    """Whoever has reached a link keeps it."""
    held: list[Route] = []
    bank.decide = held.append
    page = bank.open()
    banner(page).get_by_role("link").focus()
    answering(a_decision(an_option()))(held[0])
    page.wait_for_timeout(400)
    expect(banner(page).get_by_role("link")).to_be_focused()
    expect(banner(page)).to_have_attribute("data-state", "default")
