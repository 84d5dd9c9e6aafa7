"""Pages of other sites: those that a key names may ask and read, and no other."""

import pytest

from api.access.callers import Caller
from api.access.roles import Role
from tests.unit.api.shells import Running, a_keyring, running

SHOP, OTHER = "https://www.bank.example", "https://evil.example"
PAGE = Caller(
    name="key:page", roles=frozenset({Role.TOUCHPOINT}), channels=frozenset({"web"}), origins=frozenset({SHOP})
)
QUESTION = {
    "identity": {"scheme": "web_visitor", "value": "v1"},
    "channel": "web",
    "placements": [{"id": "hero"}],
}
ALLOWS = "access-control-allow-origin"


async def ask(house: Running, origin: str | None, key: str = "page") -> tuple[int, str | None]:
    headers = {"authorization": f"Bearer {key}"} | ({} if origin is None else {"origin": origin})
    answer = await house.client.post("/v1/decisions", json=QUESTION, headers=headers)
    return answer.status_code, answer.headers.get(ALLOWS)


async def test_page_of_a_site_that_the_key_names_asks_and_reads() -> None:
    async with running(keyring=a_keyring(page=PAGE)) as house:
        assert await ask(house, SHOP) == (200, SHOP)
        assert await ask(house, None) == (200, None)
        assert await ask(house, "http://nextbest") == (200, None)  # our own page


async def test_page_of_another_site_is_refused_and_reads_nothing() -> None:
    async with running(keyring=a_keyring(page=PAGE)) as house:
        assert await ask(house, OTHER) == (403, None)
        assert await ask(house, "null") == (403, None)


async def test_refusal_can_be_read_by_the_page_that_caused_it() -> None:
    async with running(keyring=a_keyring(page=PAGE)) as house:
        assert await ask(house, SHOP, key="nobody's") == (401, SHOP)


@pytest.mark.parametrize("path", ["/v1/decisions", "/v1/outcomes", "/v1/callbacks"])
async def test_browser_is_told_beforehand_what_it_may_send(path: str) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    async with running(keyring=a_keyring(page=PAGE)) as house:
        house.client.headers.pop("authorization")
        told = await house.client.options(path, headers={**asked, "origin": SHOP})
        refused = await house.client.options(path, headers={**asked, "origin": OTHER})
    assert (told.status_code, told.headers[ALLOWS]) == (204, SHOP)
    assert "authorization" in told.headers["access-control-allow-headers"]
    assert ("access-control-allow-credentials" in told.headers) == (path == "/v1/outcomes")
    assert (refused.status_code, refused.headers.get(ALLOWS)) == (403, None)


async def test_what_is_for_staff_is_for_no_other_site() -> None:
    async with running(keyring=a_keyring(page=PAGE)) as house:
        answer = await house.client.get("/v1/customers/C0000001", headers={"origin": SHOP})
        assert ALLOWS not in answer.headers
        told = await house.client.options("/v1/customers/C0000001", headers={"origin": SHOP})
        assert ALLOWS not in told.headers
