"""The pages that the load test opens: they are there, and a part that a browser has is not sent again."""

import pytest

from loadtest.pages import CASH_MACHINE, HOME_PAGE, Kept, Page
from tests.unit.api.shells import running


@pytest.mark.parametrize("page", [CASH_MACHINE, HOME_PAGE])
async def test_page_is_whole_and_all_that_comes_with_it_is_served(page: Page) -> None:
    async with running(demonstration=True) as house:
        opened = await house.client.get(page.path, headers={"accept": "text/html"})
        statuses = {part: (await house.client.get(part)).status_code for part in page.parts}
    assert page.problem(opened.status_code, opened.content) is None
    assert set(statuses.values()) == {200}


def test_half_a_page_and_an_error_are_noticed() -> None:
    assert CASH_MACHINE.problem(200, b"<!doctype html>") == "not the whole page"
    assert CASH_MACHINE.problem(503, b"") == "status 503"


def test_browser_tells_what_it_has() -> None:
    kept = Kept()
    assert kept.headers("/a.css") == {}
    kept.keep("/a.css", '"1"')
    kept.keep("/b.css", None)
    assert kept.headers("/a.css") == {"if-none-match": '"1"'}
    assert kept.headers("/b.css") == {}
