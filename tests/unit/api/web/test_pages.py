"""Pages: their language, their policy, and that nothing in them is markup but what templates bring."""

import pytest
from jinja2 import UndefinedError

from api.web.pages import environment
from tests.unit.api.shells import running


@pytest.mark.parametrize(
    ("header", "language"),
    [("de-AT,de;q=0.9,en;q=0.5", "de"), ("en;q=0.1, de;q=0.8", "de"), ("fr", "en"), ("", "en"), (";;q=9,,--", "en")],
)
async def test_page_is_in_the_language_that_the_browser_prefers(header: str, language: str) -> None:
    async with running(demonstration=True) as house:
        page = await house.client.get("/look", headers={"accept-language": header})
    assert f'<html lang="{language}">' in page.text


async def test_chosen_language_is_kept_and_keeps_the_address() -> None:
    async with running(demonstration=True) as house:
        chosen = await house.client.get("/look?a=1&language=de")
        later = await house.client.get("/look", headers={"accept-language": "en"})
        wrong = await house.client.get("/look?language=xx")
    assert 'href="/look?a=1&amp;language=en"' in chosen.text
    assert '<html lang="de">' in later.text
    assert "set-cookie" not in wrong.headers


async def test_policy_allows_nothing_of_others_and_no_inline_code() -> None:
    async with running(demonstration=True) as house:
        page = await house.client.get("/look")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in policy
    assert "trusted-types 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert " style=" not in page.text
    assert "<script>" not in page.text


async def test_real_installation_has_no_page_of_parts() -> None:
    async with running() as house:
        assert (await house.client.get("/look")).status_code == 404


def test_what_a_template_shows_is_escaped_and_what_it_lacks_is_an_error() -> None:
    shown = environment().from_string("<p title='{{ words }}'>{{ words }}</p>")
    assert shown.render(words="<b>'") == "<p title='&lt;b&gt;&#39;'>&lt;b&gt;&#39;</p>"
    with pytest.raises(UndefinedError):
        shown.render()
