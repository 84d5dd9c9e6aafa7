"""The teller's screen in a real browser: by keyboard alone, without JavaScript, without a network, and to the eye."""

import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from api.ports import Stream
from bench.first_card import FIRST_CARD
from tests.browser.counter import Counter, offers, titles
from tests.browser.judging import is_in_sight, judge, narrow
from tests.browser.test_banner import SHIFTS
from tests.unit.api.shells import AUTHORIZED, Running


def find(page: Page, customer: str) -> None:
    """Type a number and press Enter."""
    # What is sent before the page is whole takes its place in the history.
    page.wait_for_load_state("load")
    page.get_by_role("searchbox").fill(customer)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(customer)


def test_whole_visit_by_keyboard_alone(counter: Counter, branch: tuple[str, Running]) -> None:
    """Found, declined with a reason, accepted, done: the hands never leave the keys."""
    customer = counter.customer("K1")
    page = counter.page()
    page.keyboard.type(customer)
    page.keyboard.press("Enter")
    expect(offers(page).first).to_be_focused()
    first, second = titles(page)
    page.keyboard.press("d")
    page.keyboard.press("1")
    expect(page.locator("#said")).to_contain_text(f"{first}, declined.")
    expect(offers(page).first).to_be_focused()
    assert first not in titles(page)
    assert second in titles(page)
    page.keyboard.press("2")
    expect(offers(page).nth(1)).to_be_focused()
    chosen = titles(page)[1]
    page.keyboard.press("a")
    expect(page.locator("#said")).to_contain_text(f"{chosen}, accepted.")
    page.keyboard.press("x")
    expect(page.get_by_role("searchbox")).to_be_focused()
    expect(page.get_by_role("heading", name="Who is next?")).to_be_visible()


def test_first_card_is_there_in_the_blink_of_an_eye(counter: Counter, capsys: pytest.CaptureFixture[str]) -> None:
    """From the key that sends the number until the card is painted; the figure is for the report."""
    taken = []
    for number in range(5):
        page = counter.page()
        page.get_by_role("searchbox").fill(counter.customer(f"B{number}"))
        ms, is_offer = page.evaluate(FIRST_CARD)
        taken.append(ms)
        assert is_offer
        expect(offers(page).first).to_be_visible()
    with capsys.disabled():
        sys.stdout.write(f"\nfirst offer card of the teller after {', '.join(f'{ms:.0f}' for ms in taken)} ms\n")


def test_keys_rest_while_somebody_writes_and_can_be_turned_off(counter: Counter) -> None:
    page = counter.visit(counter.customer("K2"))
    before = titles(page)
    page.keyboard.press("/")
    page.keyboard.type("ad la")
    expect(page.get_by_role("searchbox")).to_have_value("ad la")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Shortcuts on").click()
    page.keyboard.press("a")
    page.reload()
    expect(page.get_by_role("button", name="Shortcuts off")).to_be_visible()
    page.keyboard.press("a")
    page.wait_for_timeout(200)
    assert titles(page) == before


def test_double_click_and_going_back_order_once(counter: Counter, branch: tuple[str, Running]) -> None:
    customer = counter.customer("D1")
    page = counter.visit(customer)
    first = titles(page)[0]
    offers(page).first.get_by_role("button", name="Yes").dblclick()
    expect(page.locator("#said")).to_contain_text(f"{first}, accepted.")
    page.goto(counter.origin + "/teller")
    page.go_back()
    offers(page).first.wait_for()
    assert first not in titles(page)
    orders = [body for body in branch[1].bodies(Stream.FULFILMENT) if b'"record":"D1"' in body]
    assert len(orders) == 1


def test_way_back_inside_the_screen_shows_what_is_so_now(counter: Counter) -> None:
    one, two = counter.customer("W1"), counter.customer("W2")
    page = counter.page()
    find(page, one)
    find(page, two)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text(one)
    page.go_forward()
    expect(page.get_by_role("heading", level=1)).to_have_text(two)


def test_longer_queue_leaves_one_card_at_once(counter: Counter) -> None:
    page = counter.visit(counter.customer("Q1"))
    expect(offers(page)).to_have_count(2)
    page.get_by_role("button", name="Long queue").click()
    expect(offers(page)).to_have_count(1)
    page.keyboard.press("q")
    expect(offers(page)).to_have_count(3)


def test_card_counts_as_seen_after_one_second(counter: Counter) -> None:
    page = counter.visit(counter.customer("S1"))
    with page.expect_request(lambda request: "outcome=impression" in (request.post_data or "")) as seen:
        pass
    answered = seen.value.response()
    assert answered is not None
    assert answered.status == 204


def test_screen_works_without_javascript(browser: Browser, counter: Counter) -> None:
    customer = counter.customer("N1")
    with browser.new_context(java_script_enabled=False, locale="de-DE", extra_http_headers=AUTHORIZED) as context:
        page = context.new_page()
        page.goto(counter.origin + "/teller")
        find(page, customer)
        first = titles(page)[0]
        offers(page).first.locator("summary", has_text="Nein, weil").click()
        offers(page).first.get_by_role("button", name="Zu teuer").click()
        expect(page.locator("aside")).to_contain_text("abgelehnt: Zu teuer")
        assert first not in titles(page)


def test_page_stays_whole_while_the_service_is_away_and_goes_on_after(counter: Counter) -> None:
    page = counter.visit(counter.customer("A1"))
    before = titles(page)
    page.route("**/answers", lambda route: route.abort())
    offers(page).first.get_by_role("button", name="Later").click()
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer.")
    assert titles(page) == before
    page.unroute("**/answers")
    offers(page).first.get_by_role("button", name="Later").click()
    expect(page.locator("aside")).to_contain_text("later")
    expect(page.locator("#trouble")).to_be_empty()
    counter.said.clear()


def test_store_that_is_away_leaves_the_page_as_it_is(counter: Counter) -> None:
    page = counter.visit(counter.customer("A2"))
    before = titles(page)
    counter.state.available = False
    try:
        offers(page).first.get_by_role("button", name="Yes").click()
        expect(page.get_by_role("alert")).to_contain_text("The service does not answer.")
        assert titles(page) == before
    finally:
        counter.state.available = True
    counter.said.clear()


def test_network_that_stalls_is_told_and_a_late_answer_changes_nothing(counter: Counter) -> None:
    page = counter.visit(counter.customer("A3"))
    before, held = titles(page), list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/answers", hold)
    offers(page).first.get_by_role("button", name="Later").click()
    offers(page).first.get_by_role("button", name="Later").click()
    expect(page.get_by_role("alert")).to_contain_text("This takes longer than it should.", timeout=9_000)
    held[0].fulfill(status=200, body="<p>late</p>")
    assert titles(page) == before
    assert len([each for each in held if "outcome=later" in (each.request.post_data or "")]) == 1


def test_nothing_moves_by_itself(counter: Counter) -> None:
    page = counter.visit(counter.customer("L1"))
    assert page.evaluate(SHIFTS) == 0


def test_hostile_words_are_shown_as_text(counter: Counter) -> None:
    attack = '<img src=x onerror="document.title=1">'
    page = counter.visit(counter.customer(attack.replace("/", "")).replace('"', "%22"))
    expect(page.get_by_role("heading", level=1)).to_have_text(attack)
    assert page.locator("main img").count() == 0
    assert "Counter" in page.title()


def desk(counter: Counter) -> Page:
    return counter.page()


def nobody(counter: Counter) -> Page:
    return counter.page("/teller?find=nobody-of-that-name")


def visit(counter: Counter) -> Page:
    return counter.visit(counter.customer("X1", happened={"mortgage_application": 5}))


def three(counter: Counter) -> Page:
    page = counter.visit(counter.customer("X2"))
    page.get_by_role("button", name="Nobody waits").click()
    expect(offers(page)).to_have_count(3)
    return page


def declining(counter: Counter) -> Page:
    page = counter.visit(counter.customer("X3"))
    page.keyboard.press("d")
    expect(offers(page).first.get_by_role("button", name="Too expensive")).to_be_visible()
    return page


def no_offer(counter: Counter) -> Page:
    customer = counter.customer("X4", facts={"deceased": True})
    page = counter.page(f"/teller/customers/{customer}")
    expect(page.get_by_role("heading", name="No offer is due")).to_be_visible()
    return page


def stranger(counter: Counter) -> Page:
    page = counter.page("/teller/customers/nobody?visit=v1")
    counter.said.clear()
    return page


STATES = (desk, nobody, visit, three, declining, no_offer, stranger)


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_and_narrow_windows_show_it_whole(counter: Counter, state: Callable[[Counter], Page]) -> None:
    page = state(counter)
    judge(page)
    narrow(page, "main .button:visible, main input:visible")


def test_what_has_the_focus_is_never_beneath_the_answers(counter: Counter) -> None:
    """They stick to the window's end; what lies behind them comes out from there when it gets the focus."""
    page = counter.visit(counter.customer("F1", happened={"mortgage_application": 5}))
    page.set_viewport_size({"width": 1024, "height": 480})
    for behind in offers(page).first.locator("summary").all():
        behind.evaluate("node => scrollBy(0, node.getBoundingClientRect().bottom - innerHeight + 8)")
        behind.focus()
        assert is_in_sight(page)
