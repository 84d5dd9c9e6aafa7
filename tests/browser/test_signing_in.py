"""Signing in and out in a real browser, and the pages that say what cannot be done: whole, readable, with a way on."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.judging import judge, narrow
from tests.browser.serving import Served, serving


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A demonstration that asks who comes."""
    with serving(tmp_path_factory.mktemp("guarded"), access="keys") as served:
        yield served


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB", service_workers="block")
    context.set_default_timeout(10_000)
    yield context
    context.close()


def picking(context: BrowserContext, guarded: Served) -> Page:
    page = context.new_page()
    page.goto(f"{guarded.origin}/teller")
    expect(page.get_by_role("heading", name="Who are you today?")).to_be_visible()
    return page


def signed_in(context: BrowserContext, guarded: Served) -> Page:
    page = picking(context, guarded)
    page.get_by_role("link", name="Tess Hale").click()
    expect(page.get_by_role("heading", name="Who is next?")).to_be_visible()
    return page


def signed_out(context: BrowserContext, guarded: Served) -> Page:
    page = signed_in(context, guarded)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    return page


def begun_elsewhere(context: BrowserContext, guarded: Served) -> Page:
    page = context.new_page()
    page.goto(f"{guarded.origin}/sign-in/callback?code=c&state=s")
    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
    return page


def for_others(context: BrowserContext, guarded: Served) -> Page:
    page = signed_in(context, guarded)
    page.goto(f"{guarded.origin}/agent")
    expect(page.get_by_role("heading", name="This page is for others")).to_be_visible()
    return page


def nowhere(context: BrowserContext, guarded: Served) -> Page:
    page = signed_in(context, guarded)
    page.goto(f"{guarded.origin}/cockpit/no-such-page")
    expect(page.get_by_role("heading", name="That did not work")).to_be_visible()
    return page


def no_customer(context: BrowserContext, guarded: Served) -> Page:
    page = signed_in(context, guarded)
    page.goto(f"{guarded.origin}/teller/customers/nobody?visit=v1")
    expect(page.get_by_text("There is no such customer.")).to_be_visible()
    return page


STATES = (picking, signed_out, begun_elsewhere, for_others, nowhere, no_customer)


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_and_narrow_windows_show_it_whole(
    context: BrowserContext, guarded: Served, state: Callable[[BrowserContext, Served], Page]
) -> None:
    page = state(context, guarded)
    judge(page)
    narrow(page, "main .button:visible")


def test_somebody_with_another_role_signs_in_as_somebody_else_and_arrives(
    context: BrowserContext, guarded: Served
) -> None:
    page = for_others(context, guarded)
    page.get_by_role("link", name="Sign in as somebody else").click()
    page.get_by_role("link", name="Amir Rahimi").click()
    expect(page).to_have_url(re.compile("/agent$"))
    expect(page.get_by_text("Signed in as Amir Rahimi")).to_be_visible()


def test_whole_sign_in_by_keyboard_alone(context: BrowserContext, guarded: Served) -> None:
    """Skip link, home, languages, then the people."""
    page = picking(context, guarded)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Tess Hale")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_session_that_has_ended_meanwhile_leads_to_the_sign_in_and_back(
    context: BrowserContext, guarded: Served
) -> None:
    """What was forged, or has run out, is no session."""
    page = signed_in(context, guarded)
    (cookie,) = [each for each in context.cookies() if each["name"] == "nextbest"]
    value = str(cookie["value"])
    context.add_cookies([{"name": "nextbest", "value": value[:-4] + "AAAA", "url": guarded.origin}])
    page.get_by_role("searchbox").fill("C0000001")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Who are you today?")).to_be_visible()
