"""A provider of identities for demonstrations: whoever comes picks whom to be. Nothing here proves anything."""

import secrets
import time
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from itsdangerous import BadSignature, URLSafeSerializer
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from api.access.roles import Role

_ALGORITHM: Final = "ES256"
_CODE_LASTS_S: Final = 60
_TOKEN_LASTS_S: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class DevPerson:
    """Somebody to be."""

    role: Role
    name: str
    also: tuple[Role, ...] = ()


PEOPLE: Final = (
    DevPerson(role=Role.TELLER, name="Tess Hale"),
    DevPerson(role=Role.AGENT, name="Amir Rahimi"),
    DevPerson(role=Role.MARKETER, name="Mina Okafor"),
    DevPerson(role=Role.APPROVER, name="Paula Brandt"),
    DevPerson(role=Role.COMPLIANCE, name="Colin Reyes"),
    DevPerson(role=Role.ANALYST, name="Anna Lindqvist"),
    DevPerson(role=Role.OPERATOR, name="Oscar Nilsen", also=(Role.TELLER, Role.AGENT)),
)


class _Code(msgspec.Struct, frozen=True, kw_only=True):
    role: Role
    client_id: str
    redirect_uri: str
    nonce: str
    challenge: str
    until_s: int
    id: str


class CodeRefused(Exception):
    """A code that was not given here, is too old, was used, or belongs to somebody else."""


class DevProvider:
    """Gives codes and tokens; its key lives as long as the process."""

    def __init__(self, issuer: str, redirect_uri: str) -> None:
        """`redirect_uri`: the only address to which codes go."""
        self.issuer = issuer
        self.redirect_uri = redirect_uri
        self._key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(4), "use": "sig", "alg": _ALGORITHM})
        self._codes = URLSafeSerializer(secrets.token_bytes(32))
        self._used: set[str] = set()

    def metadata(self) -> dict[str, object]:
        """The discovery document."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [_ALGORITHM],
            "code_challenge_methods_supported": ["S256"],
        }

    def keys(self) -> dict[str, Any]:
        """The public keys."""
        return {"keys": [dict(each) for each in KeySet([self._key]).as_dict(private=False)["keys"]]}

    def code(self, role: Role, *, client_id: str, redirect_uri: str, nonce: str, challenge: str) -> str:
        """A code for whoever picked this role.

        Raises:
            CodeRefused: it would go to an address that is not ours.
        """
        if redirect_uri != self.redirect_uri:
            raise CodeRefused
        code = _Code(
            role=role,
            client_id=client_id,
            redirect_uri=redirect_uri,
            nonce=nonce,
            challenge=challenge,
            until_s=int(time.time()) + _CODE_LASTS_S,
            id=secrets.token_hex(8),
        )
        return str(self._codes.dumps(msgspec.to_builtins(code)))

    def id_token(self, code: str, *, client_id: str, redirect_uri: str, verifier: str) -> str:
        """Who a code is for; each code once.

        Raises:
            CodeRefused: it is not good, or not this caller's.
        """
        try:
            held = msgspec.convert(self._codes.loads(code), _Code)
        except (BadSignature, msgspec.ValidationError) as error:
            raise CodeRefused from error
        same = (held.client_id, held.redirect_uri) == (client_id, redirect_uri)
        proven = create_s256_code_challenge(verifier) == held.challenge
        if not same or not proven or held.id in self._used or time.time() > held.until_s:
            raise CodeRefused
        self._used.add(held.id)
        person = next(each for each in PEOPLE if each.role is held.role)
        now_s = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": f"demo-{person.role}",
            "aud": client_id,
            "iat": now_s,
            "exp": now_s + _TOKEN_LASTS_S,
            "nonce": held.nonce,
            "name": person.name,
            "roles": [person.role, *person.also],
        }
        return jwt.encode({"alg": _ALGORITHM, "kid": self._key.kid}, claims, self._key)
