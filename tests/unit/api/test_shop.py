"""/shop: the demonstration bank's pages, where there is a demonstration and nowhere else."""

from pathlib import Path

from api.cli.people import Person, write_people
from api.problems import TYPE_PREFIX
from api.web.files import PEOPLE
from tests.unit.api.shells import running

BROWSER = {"accept": "text/html,application/xhtml+xml"}


async def test_real_installation_has_no_such_pages() -> None:
    async with running() as house:
        for path in ("/", "/shop", "/shop/shop.js", "/savings/isa"):
            answer = await house.client.get(path, headers=BROWSER)
            assert answer.json()["type"] == TYPE_PREFIX + "not_found"


async def test_home_page_is_what_a_browser_is_shown_under_a_strict_policy() -> None:
    async with running(demonstration=True) as house:
        root = await house.client.get("/", headers=BROWSER)
        page = await house.client.get("/shop", headers=BROWSER)
    assert (root.status_code, root.headers["location"]) == (307, "/shop")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<nextbest-banner" in page.text
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_link_of_an_offer_leads_somewhere_and_a_wrong_address_of_the_api_does_not() -> None:
    async with running(demonstration=True) as house:
        page = await house.client.get("/savings/isa", headers=BROWSER)
        wrong = await house.client.get("/v1/decision", headers=BROWSER)
        tool = await house.client.get("/savings/isa", headers={"accept": "application/json"})
        probe = await house.client.get("/livez")
    assert "Back to the home page" in page.text
    assert (wrong.status_code, tool.status_code) == (404, 404)
    assert probe.text == "ok\n"


async def test_customers_to_be_are_those_that_the_demonstration_found(tmp_path: Path) -> None:
    async with running(demonstration=True, data_dir=tmp_path) as house:
        nobody = await house.client.get("/shop/people.json")
        write_people(tmp_path / PEOPLE, (Person(customer="C0000001", who="aged 34, employed"),))
        somebody = await house.client.get("/shop/people.json")
    assert nobody.json() == []
    assert somebody.json() == [{"customer": "C0000001", "who": "aged 34, employed"}]
