"""Signing in and out, over the demonstration's provider: the journey, and everything that must not work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from api.access.sessions import Session
from tests.unit.api.shells import Running, running

HTML = {"accept": "text/html"}
SITE = "http://nextbest"


@asynccontextmanager
async def demonstration(folder: Path) -> AsyncIterator[Running]:
    """A demonstration, and a browser that has no key."""
    async with running(demonstration=True, public_url=SITE, data_dir=folder) as house:
        house.client.headers.pop("authorization")
        house.client.headers.update(HTML)
        yield house


async def picked(house: Running, role: str, target: str = "/v1/orders") -> httpx.Response:
    """Go to sign in, pick somebody; what the provider sends back with."""
    begun = await house.client.get("/sign-in", params={"next": target})
    assert begun.status_code == 303
    page = await house.client.get(begun.headers["location"])
    assert f'id="as-{role}"' in page.text
    return await house.client.get(begun.headers["location"], params={**_asked(begun), "person": role})


def _asked(answer: httpx.Response) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def sign_in(house: Running, role: str, target: str = "/v1/orders") -> httpx.Response:
    """The whole way."""
    return await house.client.get((await picked(house, role, target)).headers["location"])


async def session_of(house: Running) -> Session:
    people = house.app.state.shell.people
    cookie = "; ".join(f"{name}={value}" for name, value in house.client.cookies.items())
    session = people.sessions.read([(b"cookie", cookie.encode())])
    assert isinstance(session, Session)
    return session


async def test_page_leads_to_the_sign_in_and_back(tmp_path: Path) -> None:
    async with demonstration(tmp_path) as house:
        asked = await house.client.get("/v1/orders")
        assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?next=%2Fv1%2Forders")
        came_back = await sign_in(house, "teller")
        assert (came_back.status_code, came_back.headers["location"]) == (303, "/v1/orders")
        cookie = came_back.headers.get_list("set-cookie")[0]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert (await house.client.get("/v1/orders")).json() == {"orders": []}


async def test_program_is_refused_and_not_led_to_a_page(tmp_path: Path) -> None:
    async with demonstration(tmp_path) as house:
        assert (await house.client.get("/v1/orders", headers={"accept": "application/json"})).status_code == 401
        assert (await house.client.post("/v1/events", json={})).status_code == 401


async def test_person_may_do_what_the_role_says_and_is_told_in_a_page_what_not(tmp_path: Path) -> None:
    async with demonstration(tmp_path) as house:
        await sign_in(house, "marketer")
        refused = await house.client.get("/v1/orders")
        assert refused.status_code == 403
        assert "This page is for others" in refused.text
        assert "default-src 'none'" in refused.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 403), ({"x-csrf-token": "guessed"}, 403), ({"x-csrf-token": "own", "sec-fetch-site": "cross-site"}, 403)],
)
async def test_change_needs_the_token_of_our_own_page(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    async with demonstration(tmp_path) as house:
        await sign_in(house, "teller")
        session = await session_of(house)
        own = {name: session.csrf if value == "own" else value for name, value in headers.items()}
        answer = await house.client.post("/v1/orders/status", json={}, headers=own)
        assert answer.status_code == status
        taken = await house.client.post("/v1/orders/status", json={}, headers={"x-csrf-token": session.csrf})
        assert taken.status_code == 422


async def test_decision_may_be_asked_for_by_a_page_of_ours(tmp_path: Path) -> None:
    question = {
        "identity": {"scheme": "customer_id", "value": "C0000001"},
        "channel": "branch",
        "placements": [{"id": "card"}],
    }
    async with demonstration(tmp_path) as house:
        await sign_in(house, "teller")
        csrf = (await session_of(house)).csrf
        assert (await house.client.post("/v1/decisions", json=question)).status_code == 403
        assert (await house.client.post("/v1/decisions", json=question, headers={"x-csrf-token": csrf})).is_success


async def test_who_signed_out_is_out_even_with_a_copy_of_the_cookie(tmp_path: Path) -> None:
    async with demonstration(tmp_path) as house:
        await sign_in(house, "agent")
        kept = dict(house.client.cookies)
        form = {"csrf_token": (await session_of(house)).csrf}
        assert (await house.client.post("/sign-out", data={"csrf_token": "wrong"})).status_code == 403
        out = await house.client.post("/sign-out", data=form)
        assert "You are signed out" in out.text
        assert not house.client.cookies.get("nextbest")
        again = await house.client.get("/v1/orders", headers={"cookie": f"nextbest={kept['nextbest']}"})
        assert again.status_code == 303


async def test_forged_cookie_is_nobody(tmp_path: Path) -> None:
    async with demonstration(tmp_path) as house:
        await sign_in(house, "teller")
        good = house.client.cookies["nextbest"]
        for forged in (good[:-2] + ("AA" if good[-2:] != "AA" else "BB"), "e30.x", "", "ü"):
            house.client.cookies.clear()
            headers = {"cookie": f"nextbest={forged}".encode("latin-1")}
            answer = await house.client.get("/v1/orders", headers=headers)  # type: ignore[arg-type]  # bytes are fine
            assert answer.status_code == 303


@pytest.mark.parametrize("seconds", [1_801, 36_001])
async def test_session_ends_when_nobody_is_there_and_in_any_case(
    tmp_path: Path, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with demonstration(tmp_path) as house:
        await sign_in(house, "teller")
        sessions = house.app.state.shell.people.sessions
        began, step = sessions._clock(), 1_700 if seconds > 36_000 else seconds
        seen = []
        for later in (*range(step, seconds, step), seconds):
            monkeypatch.setattr(sessions, "_clock", lambda at=began + later: at)
            seen.append((await house.client.get("/v1/orders")).status_code)
        assert seen == [200] * (len(seen) - 1) + [303]


@pytest.mark.parametrize("fault", ["state", "code", "used", "other browser", "refused"])
async def test_answer_of_the_provider_that_does_not_fit_signs_nobody_in(tmp_path: Path, fault: str) -> None:
    async with demonstration(tmp_path) as house:
        back = (await picked(house, "teller")).headers["location"]
        match fault:
            case "state":
                back = back.replace("state=", "state=x")
            case "code":
                back = back.replace("code=", "code=x")
            case "used":
                await house.client.get(back)
                house.client.cookies.delete("nextbest")
                again = await picked(house, "teller")
                back = again.headers["location"].replace(_asked(again)["code"], _asked_of(back)["code"])
            case "other browser":
                house.client.cookies.clear()
            case "refused":
                back = f"/sign-in/callback?error=access_denied&state={_asked_of(back)['state']}"
        answer = await house.client.get(back)
        assert answer.status_code == 403
        assert "You are not signed in" in answer.text
        assert not house.client.cookies.get("nextbest")


def _asked_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "/a\nb", "javascript:x"]
)
async def test_nobody_is_led_to_another_site(tmp_path: Path, target: str) -> None:
    async with demonstration(tmp_path) as house:
        assert (await sign_in(house, "teller", target)).headers["location"] == "/teller"


async def test_code_goes_to_no_other_address(tmp_path: Path) -> None:
    async with demonstration(tmp_path) as house:
        begun = await house.client.get("/sign-in")
        asked = {**_asked(begun), "redirect_uri": "https://evil.example/", "person": "teller"}
        assert (await house.client.get("/dev/oidc/authorize", params=asked)).status_code == 400


async def test_other_name_of_the_machine_is_left_before_signing_in(tmp_path: Path) -> None:
    """Or the browser would come back under a name for which it has no cookie."""
    async with demonstration(tmp_path) as house:
        answer = await house.client.get("http://localhost/sign-in?next=/teller")
        assert answer.headers["location"] == f"{SITE}/sign-in?next=%2Fteller&retried=1"


async def test_real_installation_has_no_such_provider_and_no_sign_in_until_one_is_named(tmp_path: Path) -> None:
    async with running(data_dir=tmp_path) as house:
        assert (await house.client.get("/dev/oidc/jwks")).status_code == 404
        assert (await house.client.get("/sign-in")).status_code == 404


async def test_provider_that_does_not_answer_is_said_in_a_page(tmp_path: Path) -> None:
    async with running(data_dir=tmp_path, oidc_issuer=f"{SITE}/gone", public_url=SITE) as house:
        answer = await house.client.get("/sign-in", headers=HTML)
        assert answer.status_code == 403
        assert "the provider answered with 404" in answer.text


@pytest.mark.parametrize(
    ("role", "screen"), [("teller", "/teller"), ("agent", "/agent"), ("operator", "/cockpit"), ("analyst", "/")]
)
async def test_who_asked_for_no_page_comes_to_their_own_screen(tmp_path: Path, role: str, screen: str) -> None:
    async with demonstration(tmp_path) as house:
        assert (await sign_in(house, role, "/")).headers["location"] == screen


@pytest.mark.parametrize(
    ("language", "said"), [("en", "was begun in another window"), ("de", "in einem anderen Fenster oder Browser")]
)
async def test_sign_in_that_was_begun_elsewhere_is_told_in_the_readers_language(
    tmp_path: Path, language: str, said: str
) -> None:
    async with demonstration(tmp_path) as house:
        answer = await house.client.get("/sign-in/callback", params={"code": "c", "state": "s", "language": language})
    assert answer.status_code == 403
    assert said in answer.text


@pytest.mark.parametrize("path", ["/agent", "/cockpit"])
async def test_screen_of_another_role_offers_to_sign_in_as_somebody_else(tmp_path: Path, path: str) -> None:
    async with demonstration(tmp_path) as house:
        await sign_in(house, "teller")
        answer = await house.client.get(path)
    assert answer.status_code == 403
    assert "This page is for others" in answer.text
    assert f"/sign-in?next=%2F{path[1:]}" in answer.text


async def test_address_that_does_not_exist_is_a_page_for_people_and_a_problem_for_programs(tmp_path: Path) -> None:
    async with demonstration(tmp_path) as house:
        page = await house.client.get("/atm/no-such-page")
        problem = await house.client.get("/atm/no-such-page", headers={"accept": "application/json"})
    assert (page.status_code, problem.status_code) == (404, 404)
    assert "There is no such page." in page.text
    assert problem.headers["content-type"] == "application/problem+json"
