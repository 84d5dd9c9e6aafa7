"""Every route with every role: who is served and who is refused is what the routes declare."""

import pytest
from fastapi import APIRouter, Depends, FastAPI

from api.access.callers import Caller
from api.access.keyring import Keyring
from api.access.matrix import doors, with_table
from api.access.required import OPEN, Door, Undeclared, declared, require
from api.access.roles import EVERY_ROLE, Role
from api.problems import TYPE_PREFIX
from tests.unit.api.shells import EXPIRED_KEY, ROOT, a_keyring, key_of_role, running

DOORS = doors()
GUARDED = tuple(door for door in DOORS if door.served is not None)
OPEN_DOORS = {
    "/cockpit/{name}",
    "/",
    "/atm",
    "/atm/key.json",
    "/atm/pack.json",
    "/atm/{name}",
    "/dev/oidc/.well-known/openid-configuration",
    "/dev/oidc/authorize",
    "/dev/oidc/jwks",
    "/dev/oidc/token",
    "/livez",
    "/look",
    "/readyz",
    "/shop",
    "/shop/key.json",
    "/shop/people.json",
    "/sign-in",
    "/sign-in/callback",
    "/web/{path}",
    "/{path}",
}
QUESTION = {
    "identity": {"scheme": "customer_id", "value": "C0000001"},
    "channel": "atm",
    "placements": [{"id": "idle_screen"}],
}


def named(door: Door) -> str:
    return f"{door.methods[0]} {door.path}"


def path_of(door: Door) -> str:
    return door.path.replace("{id}", "C0000001").replace("{", "").replace("}", "")


async def answered(door: Door, key: str | None) -> tuple[int, str]:
    """The status and the kind of problem that a key gets; asked from another machine."""
    headers = {"authorization": "" if key is None else f"Bearer {key}", "x-forwarded-for": "192.0.2.1"}
    if key is None:
        del headers["authorization"]
    async with running(demonstration=True) as house:
        house.client.headers.pop("authorization")
        answer = await house.client.request(door.methods[0], path_of(door), headers=headers, json=QUESTION)
    problem = answer.json() if "problem" in answer.headers.get("content-type", "") else {}
    return answer.status_code, problem.get("type", "").removeprefix(TYPE_PREFIX)


@pytest.mark.parametrize("door", GUARDED, ids=named)
@pytest.mark.parametrize("role", Role)
async def test_route_serves_the_roles_that_it_declares_and_no_other(door: Door, role: Role) -> None:
    """Whoever passes gets whatever the route answers to such a body; nobody else gets that far."""
    assert door.served is not None
    status, kind = await answered(door, key_of_role(role))
    if role in door.served:
        assert status not in {401, 403}
    else:
        assert (status, kind) == (403, "forbidden")


@pytest.mark.parametrize("door", GUARDED, ids=named)
@pytest.mark.parametrize("key", [None, "", "nbk_nobody-has-this", EXPIRED_KEY])
async def test_route_refuses_whom_it_does_not_know(door: Door, key: str | None) -> None:
    """No key, an empty one, a forged or revoked one, one of yesterday."""
    assert await answered(door, key) == (401, "unauthenticated")


def test_what_is_open_to_everybody_is_a_short_list() -> None:
    """A route that becomes open is seen in review."""
    assert {door.path.replace("{path:path}", "{path}") for door in DOORS if door.served is None} == OPEN_DOORS


def test_guide_shows_the_matrix_as_it_is(update_golden: bool) -> None:
    """A change is seen in review; `--update-golden` writes it."""
    guide = ROOT / "docs" / "guides" / "access.md"
    if update_golden:
        guide.write_text(with_table(guide.read_text(encoding="utf-8")), encoding="utf-8")
    assert with_table(guide.read_text(encoding="utf-8")) == guide.read_text(encoding="utf-8")


def test_every_role_may_do_something() -> None:
    assert frozenset[Role]().union(*(door.served for door in GUARDED if door.served)) == EVERY_ROLE


def test_route_that_says_nothing_keeps_the_application_from_starting() -> None:
    app, router = FastAPI(docs_url=None, redoc_url=None), APIRouter()
    router.add_api_route("/v1/forgotten", lambda: None)
    app.include_router(router)
    with pytest.raises(Undeclared, match="GET /v1/forgotten does not say whom it serves"):
        declared(app.routes)


def test_application_inside_the_application_is_not_taken_for_guarded() -> None:
    app = FastAPI(docs_url=None, redoc_url=None)
    app.mount("/inside", FastAPI())
    with pytest.raises(Undeclared, match="/inside"):
        declared(app.routes)


def test_router_may_say_it_for_all_its_routes() -> None:
    app, router = FastAPI(docs_url=None, redoc_url=None), APIRouter(dependencies=[Depends(require(Role.TELLER))])
    router.add_api_route("/teller", lambda: None)
    router.add_api_route("/open", lambda: None, dependencies=[Depends(OPEN)])
    app.include_router(router)
    assert [(door.path, door.served) for door in declared(app.routes)] == [
        ("/teller", frozenset({Role.TELLER})),
        ("/open", frozenset({Role.TELLER})),
    ]


def test_route_without_a_role_is_a_mistake() -> None:
    with pytest.raises(Undeclared, match="needs a role"):
        require()


async def test_metrics_are_read_without_a_key_on_this_machine_unless_settings_say_otherwise() -> None:
    async with running() as house:
        house.client.headers.pop("authorization")
        assert (await house.client.get("/metrics")).status_code == 200
        assert (await house.client.get("/metrics", headers={"forwarded": "for=192.0.2.1"})).status_code == 401
    async with running(metrics_for="operator") as house:
        assert (await house.client.get("/metrics")).status_code == 200
        house.client.headers.pop("authorization")
        assert (await house.client.get("/metrics")).status_code == 401


ATM_KEY = Caller(
    name="key:atm",
    roles=frozenset({Role.TOUCHPOINT}),
    channels=frozenset({"atm"}),
    placements=frozenset({"idle_screen"}),
    schemes=frozenset({"card_token", "customer_id"}),
)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"channel": "web", "placements": [{"id": "hero"}]}, "/channel"),
        ({"placements": [{"id": "idle_screen"}, {"id": "receipt"}]}, "/placements/1/id"),
        ({"identity": {"scheme": "account_number", "value": "1"}}, "/identity/scheme"),
        ({"identity": [QUESTION["identity"], {"scheme": "web_visitor", "value": "1"}]}, "/identity/1/scheme"),
    ],
)
async def test_key_of_another_channel_placement_or_scheme_is_refused(change: dict[str, object], pointer: str) -> None:
    """It is told what its key is not for, and the service is never asked."""
    async with running(keyring=a_keyring(atm=ATM_KEY)) as house:
        house.client.headers["authorization"] = "Bearer atm"
        refused = await house.client.post("/v1/decisions", json=QUESTION | change)
        assert house.service.decided == []
        taken = await house.client.post("/v1/decisions", json=QUESTION)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (403, pointer)
    assert taken.status_code == 200


async def test_installation_without_keys_says_how_to_make_the_first_one() -> None:
    async with running(keyring=Keyring()) as house:
        answer = await house.client.post("/v1/decisions", json=QUESTION)
    assert answer.status_code == 401
    assert "nextbest keys add" in answer.json()["detail"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_open_access_asks_for_no_key() -> None:
    async with running(access="open", keyring=a_keyring()) as house:
        house.client.headers.pop("authorization")
        assert (await house.client.post("/v1/decisions", json=QUESTION)).status_code == 200
        assert (await house.client.get("/v1/orders")).status_code == 200


async def test_key_that_pages_hold_tells_no_events() -> None:
    page = Caller(name="key:page", roles=frozenset({Role.TOUCHPOINT}), origins=frozenset({"https://bank.example"}))
    async with running(keyring=a_keyring(page=page)) as house:
        answer = await house.client.post("/v1/events", json={}, headers={"authorization": "Bearer page"})
    assert answer.status_code == 403
