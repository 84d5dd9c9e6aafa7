"""The phone agent's screen in a real browser: taking a call, ending it, and the queue that renews itself."""

import json
from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.counter import Counter, offers, titles
from tests.browser.judging import judge, narrow


def asks(counter: Counter, call: str, customer: str, **changes: object) -> None:
    """Somebody wants to be called."""
    asked = {
        "callback_id": f"{call}-{uuid4()}",
        "identity": {"scheme": "customer_id", "value": customer},
        "channel": "web",
        "page": "/savings",
        "phone_number": "020 7946 0123",
    }
    answer = counter.context.request.post(
        counter.origin + "/v1/callbacks",
        data=json.dumps(asked | changes),
        headers={"content-type": "application/json"},
    )
    assert answer.status == 202


def no_calls(counter: Counter) -> Page:
    """An empty queue; calls of other tests are over."""
    for entries in counter.state.streams.values():
        entries.clear()
    return counter.page("/agent")


def queue(counter: Counter) -> Page:
    no_calls(counter).close()
    asks(counter, "q1", counter.customer("P1"))
    asks(counter, "q2", counter.customer("P2"), call_after="2100-01-01T10:00:00Z")
    return counter.page("/agent")


def call(counter: Counter) -> Page:
    page = queue(counter)
    page.keyboard.press("n")
    expect(page.get_by_role("link", name="020 7946 0123")).to_be_visible()
    return page


def stranger(counter: Counter) -> Page:
    no_calls(counter).close()
    asks(counter, "q3", "", identity={"scheme": "web_visitor", "value": "v-17"})
    page = counter.page("/agent")
    page.keyboard.press("n")
    expect(page.get_by_text("The bank does not know this person yet.")).to_be_visible()
    return page


def test_call_by_keyboard_alone(counter: Counter) -> None:
    page = call(counter)
    expect(page.get_by_role("link", name="020 7946 0123")).to_be_focused()
    first = titles(page)[0]
    page.keyboard.press("d")
    page.keyboard.press("2")
    expect(page.locator("#said")).to_contain_text(f"{first}, declined.")
    assert first not in titles(page)
    page.keyboard.press("h")
    expect(page.get_by_role("heading", level=1)).to_have_text("0 calls to make")
    expect(page.get_by_text("tried once")).to_be_visible()


def test_call_that_is_done_leaves_the_queue_and_going_back_does_not_bring_it_back(counter: Counter) -> None:
    page = call(counter)
    page.get_by_role("button", name="Reached, done").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("0 calls to make")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("0 calls to make")


def test_new_call_appears_by_itself(counter: Counter) -> None:
    page = no_calls(counter)
    page.clock.install()
    page.reload()
    expect(page.get_by_text("Nobody wants to be called.")).to_be_visible()
    asks(counter, "q9", counter.customer("P9"))
    page.clock.run_for(6_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("One call to make")


STATES = (no_calls, queue, call, stranger)


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_and_narrow_windows_show_it_whole(counter: Counter, state: Callable[[Counter], Page]) -> None:
    page = state(counter)
    judge(page)
    narrow(page, "main .button:visible")


def test_queue_has_more_than_one_state_of_calls(counter: Counter) -> None:
    page = call(counter)
    page.goto(counter.origin + "/agent")
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    expect(page.get_by_text("Not before 1 Jan 2100")).to_be_visible()
    assert offers(page).count() == 0
