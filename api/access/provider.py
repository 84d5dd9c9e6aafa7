"""The bank's provider of identities, as OpenID Connect has it: discovery, keys that change, codes and tokens."""

import logging
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import httpx
import msgspec
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from api.access.sessions import Pending

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures by a key that we do not have; never `none`, never one by a shared secret."""
DISCOVERY: Final = "/.well-known/openid-configuration"
_LEEWAY_S: Final = 60
_KEYS_EACH_S: Final = 300.0
_AGAIN_AFTER_S: Final = 10.0
"""For keys that are asked for because a token names one that we do not know: anybody can send such a token."""
_log = logging.getLogger(__name__)


class WhyNot(StrEnum):
    """What somebody who could not be signed in is told, in words of their language."""

    LATE = "late"
    """It was begun elsewhere, or too long ago."""
    NOBODY = "nobody"
    """The provider signed nobody in."""
    NO_ROLE = "no_role"
    """The provider knows them, and gives them no role here."""
    PROVIDER = "provider"
    """The provider is away, or answers with what it should not."""


class SignInFailed(Exception):
    """Somebody could not be signed in; says why to whoever runs this, without anything about them."""

    def __init__(self, detail: str, why: WhyNot = WhyNot.PROVIDER) -> None:
        super().__init__(detail)
        self.why = why


class _Metadata(msgspec.Struct):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class Provider:
    """One provider, and us as its client."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        issuer: str,
        client_id: str,
        client_secret: str,
        audience: str,
        redirect_uri: str,
    ) -> None:
        """`audience`: that of access tokens which callers of the API may send; none are taken where it is empty."""
        self._http = http
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._audience = audience
        self._redirect_uri = redirect_uri
        self._metadata: _Metadata | None = None
        self._keys: KeySet | None = None
        self._keys_at = -_KEYS_EACH_S

    async def address(self, pending: Pending, scope: str) -> str:
        """Where a browser is sent to sign in.

        Raises:
            SignInFailed: the provider does not answer.
        """
        metadata = await self._discovered()
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": scope,
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": create_s256_code_challenge(pending.verifier),
            "code_challenge_method": "S256",
        }
        address: str = add_params_to_uri(metadata.authorization_endpoint, list(asked.items()))
        return address

    async def claims(self, code: str, pending: Pending) -> Mapping[str, Any]:
        """Who came back with a code, as the checked ID token says.

        Raises:
            SignInFailed: the provider does not take the code, or its token is not what it should be.
        """
        metadata = await self._discovered()
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "client_id": self._client_id,
            "code_verifier": pending.verifier,
        }
        own = (self._client_id, self._client_secret) if self._client_secret else None
        answer = await self._json("POST", metadata.token_endpoint, sent, own)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SignInFailed("the provider gave no ID token")
        claims = await self._checked(token, self._client_id)
        if claims.get("nonce") != pending.nonce:
            raise SignInFailed("the ID token belongs to another sign-in")
        return claims

    def access_claims(self, token: str) -> Mapping[str, Any] | None:
        """What an access token says whose keys are known already; None where it is not good."""
        if not self._audience or self._keys is None:
            return None
        try:
            return self._verified(token, self._keys, self._audience)
        except SignInFailed:
            return None

    async def look(self) -> None:
        """Fetch the provider's keys now and then, so that access tokens can be checked without waiting."""
        if time.monotonic() - self._keys_at >= _KEYS_EACH_S:
            try:
                await self._fetch_keys()
            except SignInFailed as failure:
                self._keys_at = time.monotonic() - _KEYS_EACH_S + _AGAIN_AFTER_S
                _log.warning("nobody can sign in: %s", failure)

    async def _checked(self, token: str, audience: str) -> Mapping[str, Any]:
        keys = self._keys or await self._fetch_keys()
        try:
            return self._verified(token, keys, audience)
        except SignInFailed:
            if time.monotonic() - self._keys_at < _AGAIN_AFTER_S:
                raise
            return self._verified(token, await self._fetch_keys(), audience)

    def _verified(self, token: str, keys: KeySet, audience: str) -> Mapping[str, Any]:
        try:
            claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
            jwt.JWTClaimsRegistry(
                leeway=_LEEWAY_S,
                iss={"essential": True, "value": self._issuer},
                aud={"essential": True, "value": audience},
                exp={"essential": True},
                sub={"essential": True},
            ).validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise SignInFailed(f"the token is not good: {type(error).__name__}") from error
        if claims.get("azp", self._client_id) != self._client_id and audience == self._client_id:
            raise SignInFailed("the token was made for another client")
        return claims

    async def _discovered(self) -> _Metadata:
        if self._metadata is None:
            found = await self._json("GET", self._issuer.rstrip("/") + DISCOVERY)
            try:
                metadata = msgspec.convert(found, _Metadata)
            except msgspec.ValidationError as error:
                raise SignInFailed(f"the provider's configuration is not one: {error}") from error
            if metadata.issuer != self._issuer:
                raise SignInFailed(f"the provider calls itself {metadata.issuer}, not {self._issuer}")
            self._metadata = metadata
        return self._metadata

    async def _fetch_keys(self) -> KeySet:
        metadata = await self._discovered()
        found = await self._json("GET", metadata.jwks_uri)
        self._keys_at = time.monotonic()
        try:
            self._keys = KeySet.import_key_set(found)  # type: ignore[arg-type]  # what it is, is what is found out
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise SignInFailed("the provider's keys cannot be read") from error
        return self._keys

    async def _json(
        self, method: str, url: str, sent: Mapping[str, str] | None = None, own: tuple[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            answer = await self._http.request(method, url, data=sent, auth=own or httpx.USE_CLIENT_DEFAULT)
            answer.raise_for_status()
            found = answer.json()
        except httpx.HTTPStatusError as error:
            raise SignInFailed(f"the provider answered with {error.response.status_code}") from error
        except (httpx.HTTPError, ValueError) as error:
            raise SignInFailed("the provider does not answer") from error
        if not isinstance(found, dict):
            raise SignInFailed("the provider answered with something else")
        return found
