"""The client of a provider: which tokens are taken, keys that change, and claims that give roles."""

import time
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from api.access.people import RoleMap
from api.access.provider import Provider, SignInFailed
from api.access.roles import Role
from api.access.sessions import Pending

ISSUER = "https://id.bank.example"
PENDING = Pending(state="s", nonce="n", verifier="v" * 48, target="/", began_s=0)
OLD = ECKey.generate_key("P-256", {"kid": "old", "alg": "ES256", "use": "sig"})
NEW = RSAKey.generate_key(2048, {"kid": "new", "alg": "RS256", "use": "sig"})


def claims(**changes: object) -> dict[str, Any]:
    good = {"iss": ISSUER, "sub": "u1", "aud": "nextbest", "exp": int(time.time()) + 60, "nonce": "n", "roles": []}
    return {name: value for name, value in (good | changes).items() if value is not None}


class Bank:
    """A provider that gives the token that a test wants."""

    def __init__(self, token: str = "", keys: tuple[ECKey | RSAKey, ...] = (OLD,)) -> None:
        self.token = token
        self.keys = keys
        self.sent: list[str] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request.url.path)
        match request.url.path:
            case "/.well-known/openid-configuration":
                found: Mapping[str, Any] = {
                    "issuer": ISSUER,
                    "authorization_endpoint": f"{ISSUER}/authorize",
                    "token_endpoint": f"{ISSUER}/token",
                    "jwks_uri": f"{ISSUER}/keys",
                }
            case "/keys":
                found = {"keys": [dict(each) for each in KeySet(list(self.keys)).as_dict(private=False)["keys"]]}
            case _:
                found = {"id_token": self.token}
        return httpx.Response(200, json=found)

    def provider(self, audience: str = "") -> Provider:
        return Provider(
            httpx.AsyncClient(transport=httpx.MockTransport(self.answer)),
            issuer=ISSUER,
            client_id="nextbest",
            client_secret="",
            audience=audience,
            redirect_uri="https://offers.bank.example/sign-in/callback",
        )


def signed(key: ECKey | RSAKey | OctKey = OLD, alg: str = "ES256", kid: str = "old", **changes: object) -> str:
    return jwt.encode({"alg": alg, "kid": kid}, claims(**changes), key)


async def test_good_token_says_who_it_is() -> None:
    assert (await Bank(signed()).provider().claims("code", PENDING))["sub"] == "u1"


@pytest.mark.parametrize(
    "token",
    [
        signed(iss="https://other.example"),
        signed(aud="other"),
        signed(exp=int(time.time()) - 120),
        signed(exp=None),
        signed(nonce="other"),
        signed(sub=None),
        signed(azp="other"),
        signed(ECKey.generate_key("P-256"), kid="old"),
        signed(OctKey.import_key("s" * 32), alg="HS256"),
        "not.a.token",
        "",
    ],
    ids=[
        "issuer",
        "audience",
        "expired",
        "endless",
        "nonce",
        "nobody",
        "client",
        "forged",
        "shared key",
        "junk",
        "none",
    ],
)
async def test_token_that_is_not_for_us_is_refused(token: str) -> None:
    with pytest.raises(SignInFailed):
        await Bank(token).provider().claims("code", PENDING)


async def test_new_key_of_the_provider_is_fetched_when_a_token_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = Bank(signed())
    provider = bank.provider()
    await provider.claims("code", PENDING)
    bank.token, bank.keys = signed(NEW, alg="RS256", kid="new"), (NEW,)
    monkeypatch.setattr(provider, "_keys_at", time.monotonic() - 11)
    assert (await provider.claims("code", PENDING))["sub"] == "u1"
    assert bank.sent.count("/keys") == 2


async def test_tokens_with_unknown_keys_do_not_make_us_ask_again_and_again() -> None:
    bank = Bank(signed(NEW, alg="RS256", kid="new"))
    provider = bank.provider()
    for _ in range(5):
        with pytest.raises(SignInFailed):
            await provider.claims("code", PENDING)
    assert bank.sent.count("/keys") == 1


async def test_provider_under_another_name_is_not_trusted() -> None:
    bank = Bank(signed())
    provider = bank.provider()
    provider._issuer = f"{ISSUER}/"
    with pytest.raises(SignInFailed, match="calls itself"):
        await provider.claims("code", PENDING)


async def test_access_tokens_are_taken_only_for_the_audience_that_settings_name() -> None:
    token = signed(aud="offers-api")
    without, bank = Bank().provider(), Bank().provider("offers-api")
    assert bank.access_claims(token) is None  # no keys yet
    await bank.look()
    await without.look()
    assert (bank.access_claims(token) or {})["sub"] == "u1"
    assert bank.access_claims(signed()) is None
    assert without.access_claims(token) is None


@pytest.mark.parametrize(
    ("claim", "by_value", "said", "roles"),
    [
        ("roles", {}, {"roles": ["teller", "other"]}, {Role.TELLER}),
        ("roles", {}, {"roles": "agent"}, {Role.AGENT}),
        ("roles", {}, {"roles": ["touchpoint"]}, set()),
        ("roles", {}, {}, set()),
        ("roles", {}, {"roles": [1, None, {}]}, set()),
        ("realm.groups", {"G1": ["marketer", "approver"]}, {"realm": {"groups": ["G1"]}}, {"marketer", "approver"}),
        ("roles", {"G1": ["teller"]}, {"roles": ["operator"]}, set()),
    ],
)
def test_roles_come_from_the_claim_that_settings_name(
    claim: str, by_value: dict[str, list[Role]], said: dict[str, object], roles: set[Role]
) -> None:
    assert RoleMap(claim, {key: [Role(each) for each in found] for key, found in by_value.items()}).of(said) == roles
