"""The cockpit's page: whole, quiet and readable, whatever the service behind it answers."""

from playwright.sync_api import Browser, Page, expect

from tests.browser.bank import answering, stalling
from tests.browser.judging import judge, narrow

DECIDED = {"decision_id": "d", "decided_at": "2026-11-22T10:00:00.000Z", "propositions": [], "degraded": []}


def opened(browser: Browser, origin: str, said: list[str], *, stalls: bool = False) -> Page:
    """The cockpit with answers from here, and with what its console complained about."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, service_workers="block")
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "console",
        lambda message: (
            said.append(message.text)
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )
    for path in ("decisions", "explanations"):
        page.route(f"**/v1/{path}", stalling if stalls else answering(DECIDED))
    page.goto(f"{origin}/cockpit")
    return page


def test_axe_finds_nothing_and_narrow_windows_show_it_whole(browser: Browser, whole: str) -> None:
    said: list[str] = []
    page = opened(browser, whole, said)
    page.locator("body[data-ready]").wait_for()
    page.locator("#pulse .full").first.wait_for(state="attached")
    judge(page)
    narrow(page, "main .button:visible, main select")
    assert said == []
    page.context.close()


def test_service_that_never_answers_leaves_the_page_whole(browser: Browser, whole: str) -> None:
    said: list[str] = []
    page = opened(browser, whole, said, stalls=True)
    page.locator("body[data-ready]").wait_for()
    expect(page.get_by_role("button", name="Unplug the model")).to_be_enabled()
    page.get_by_role("button", name="Unplug the model").dblclick()
    plug = page.get_by_role("button", name="Plug it in again")
    expect(plug).to_have_attribute("aria-pressed", "true")
    plug.click()
    expect(page.get_by_role("button", name="Unplug the model")).to_be_visible()
    assert said == []
    page.context.close()


def test_event_that_is_not_taken_is_said(browser: Browser, whole: str) -> None:
    page = opened(browser, whole, [])
    page.route("**/v1/events", answering({"type": "urn:nextbest:problem:store_unavailable"}, 503))
    page.locator("body[data-ready]").wait_for()
    page.get_by_role("button", name="Salary paid in").click()
    expect(page.locator("#story")).to_have_text("Salary paid in: not taken, the store is away")
    page.context.close()


def test_screens_may_be_framed_by_the_cockpit_alone(browser: Browser, whole: str) -> None:
    page = opened(browser, whole, [])
    answer = page.request.get(f"{whole}/cockpit")
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'self'" in policy
    assert "frame-src 'self'" in policy
    assert "unsafe" not in policy
    page.context.close()
