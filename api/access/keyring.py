"""The keys that are good now, and whose each is; replaced as a whole when the file of keys changes."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from time import time
from typing import Final, Protocol

from api.access.callers import ANYBODY, DECIDES, Caller
from api.access.limits import Limits
from api.access.roles import Role
from api.problems import Problem, ProblemType

_DIGEST_BYTES: Final = 32
_BEARER: Final = b"bearer "


def digest_of(key: bytes) -> bytes:
    """What is kept of a key. A key is 256 random bits: nothing can be guessed, so no slow hash has to hide it."""
    return blake2b(key, digest_size=_DIGEST_BYTES).digest()


class Keyring:
    """Callers by the digests of their keys."""

    def __init__(self, callers: Mapping[bytes, Caller] | None = None) -> None:
        self._callers: dict[bytes, Caller] = dict(callers or {})
        self.origins: frozenset[str] = frozenset(
            origin for caller in self._callers.values() for origin in caller.origins
        )
        """The web sites whose pages hold a key."""

    def __len__(self) -> int:
        return len(self._callers)

    def find(self, key: bytes) -> Caller | None:
        """Whose key it is, good or expired; None for a key that nobody has.

        How long a look-up takes tells nothing of the keys: who does not know a key cannot steer its digest.
        """
        return self._callers.get(digest_of(key))


class KnowsPeople(Protocol):
    """Tells people from one another, where they can sign in."""

    def of_session(self, headers: Iterable[tuple[bytes, bytes]], *, proof: str | None) -> Caller | None:
        """See `api.access.people.People.of_session`."""

    def of_token(self, token: str) -> Caller | None:
        """See `api.access.people.People.of_token`."""


class Gate:
    """Tells who calls, from the headers of a request; refuses whoever it does not know."""

    def __init__(
        self,
        keyring: Keyring,
        *,
        is_open: bool = False,
        people: KnowsPeople | None = None,
        limits: Limits | None = None,
    ) -> None:
        """`is_open`: whoever reaches the port may do everything. Without `people`, nobody can sign in."""
        self.keyring = keyring
        self.is_open = is_open
        self.people = people
        self.limits = Limits() if limits is None else limits

    def caller(self, headers: Iterable[tuple[bytes, bytes]], proof: str | None = "") -> Caller:
        """Who sent a request, which is counted: by a key, by an access token, or by a session.

        Args:
            headers: of the request.
            proof: see `api.access.people.People.of_session`.

        Raises:
            Problem: nobody we know, a page of another site, or somebody who asks too often.
        """
        caller = self._caller(headers, proof)
        if caller.origins:
            _check_origin(headers, caller)
        self.limits.take(caller)
        return caller

    def _caller(self, headers: Iterable[tuple[bytes, bytes]], proof: str | None) -> Caller:
        for name, value in headers:
            if name == b"authorization":
                return self.bearer(value)
        if self.people is not None:
            person = self.people.of_session(headers, proof=proof)
            if person is not None:
                return person
        if self.is_open:
            return ANYBODY
        raise self.refusal("send `authorization: Bearer` and a key")

    def decider(self, headers: Iterable[tuple[bytes, bytes]]) -> Caller:
        """Who asks for a decision.

        Raises:
            Problem: nobody we know, or nobody who may ask.
        """
        caller = self.caller(headers)
        if not caller.decides:
            raise not_for(*DECIDES)
        return caller

    def bearer(self, value: bytes) -> Caller:
        """Whose `authorization` header this is.

        Raises:
            Problem: its key is not good.
        """
        caller = None
        if value[:7].lower() == _BEARER:
            caller = self.keyring.find(value[7:])
            if caller is None and self.people is not None:
                caller = self.people.of_token(value[7:].decode("latin-1"))
        if caller is None:
            if self.is_open:
                return ANYBODY
            raise self.refusal("the key is not one of this installation's")
        if time() >= caller.expires_at_s:
            raise self.refusal("the key has expired")
        return caller

    def refusal(self, why: str) -> Problem:
        """What a caller is told that sent no good key."""
        if not len(self.keyring):
            why = "this installation has no keys yet; its operator makes one with `nextbest keys add`"
        return Problem(ProblemType.UNAUTHENTICATED, why)


def _check_origin(headers: Iterable[tuple[bytes, bytes]], caller: Caller) -> None:
    """See that a page of a site that the key names made the request, or one of our own, or no page."""
    origin = host = b""
    for name, value in headers:
        if name == b"origin":
            origin = value
        elif name == b"host":
            host = value
    if origin and not origin.endswith(b"//" + host) and origin.decode("latin-1") not in caller.origins:
        raise Problem(ProblemType.FORBIDDEN, "this key is for pages of other sites")


def not_for(*roles: Role) -> Problem:
    """What a caller is told that has none of the roles."""
    return Problem(ProblemType.FORBIDDEN, f"this is for {', '.join(roles)}")
