"""People: who they are by their session or by an access token, and which roles that gives them."""

from collections.abc import Iterable, Mapping, Sequence
from hmac import compare_digest
from typing import Any, Final

from api.access.callers import Caller
from api.access.provider import Provider, SignInFailed, WhyNot
from api.access.roles import Role
from api.access.sessions import CSRF_HEADER, PendingSignIns, Session, Sessions
from api.problems import Problem, ProblemType

_FOREIGN: Final = (b"cross-site", b"same-site")
"""What browsers say of a request that a page of another site made."""


class People:
    """Everything about people who sign in."""

    def __init__(
        self,
        *,
        provider: Provider,
        sessions: Sessions,
        pending: PendingSignIns,
        roles: "RoleMap",
        scope: str,
        public_url: str,
    ) -> None:
        self.provider = provider
        self.sessions = sessions
        self.pending = pending
        self.scope = scope
        self.public_url = public_url
        self._roles = roles

    def begin(self, claims: Mapping[str, Any]) -> Session:
        """A session for somebody whose ID token was checked.

        Raises:
            SignInFailed: they have no role here.
        """
        roles = self._roles.of(claims)
        if not roles:
            raise SignInFailed("no role here belongs to this person", WhyNot.NO_ROLE)
        subject = str(claims["sub"])
        return self.sessions.begin(subject, str(claims.get("name") or subject), roles)

    def of_session(self, headers: Iterable[tuple[bytes, bytes]], *, proof: str | None) -> Caller | None:
        """Whose session a request belongs to; None where it belongs to none.

        Args:
            headers: of the request.
            proof: what a form sent as its page's token, where that is no header; None for a request that changes
                nothing and needs no proof.

        Raises:
            Problem: it would change something, and is not one of our own pages'.
        """
        session = self.sessions.read(headers)
        if session is None:
            return None
        if proof is not None and not _is_ours(headers, session, proof):
            raise Problem(ProblemType.FORBIDDEN, "send the page's own `x-csrf-token`; no other site may do this")
        return Caller(
            name=f"person:{session.subject}",
            roles=frozenset(session.roles),
            shown_as=session.name,
            csrf=session.csrf,
            is_person=True,
        )

    def of_token(self, token: str) -> Caller | None:
        """Whose access token it is; None where it is not good."""
        claims = self.provider.access_claims(token)
        if claims is None:
            return None
        subject = str(claims["sub"])
        return Caller(
            name=f"person:{subject}",
            roles=frozenset(self._roles.of(claims)),
            expires_at_s=float(claims["exp"]),
            shown_as=str(claims.get("name") or subject),
            is_person=True,
        )

    def renewed(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """The `set-cookie` with which a session goes on, where it is time for one."""
        session = self.sessions.read(headers)
        return None if session is None else self.sessions.renewed(session)


class RoleMap:
    """Which roles a claim of the provider gives: by the settings' map, or else by the roles' own names."""

    def __init__(self, claim: str, roles_by_value: Mapping[str, Sequence[Role]]) -> None:
        self._path = claim.split(".")
        self._roles_by_value = roles_by_value or {role.value: (role,) for role in Role}

    def of(self, claims: Mapping[str, Any]) -> frozenset[Role]:
        """The roles; a person is no touchpoint, whatever the claim says."""
        found: Any = claims
        for step in self._path:
            found = found.get(step) if isinstance(found, dict) else None
        values = found if isinstance(found, list) else [found]
        given = (role for value in values if isinstance(value, str) for role in self._roles_by_value.get(value, ()))
        return frozenset(given) - {Role.TOUCHPOINT}


def _is_ours(headers: Iterable[tuple[bytes, bytes]], session: Session, proof: str) -> bool:
    sent = proof.encode()
    for name, value in headers:
        if name == CSRF_HEADER:
            sent = value
        elif name == b"sec-fetch-site" and value in _FOREIGN:
            return False
    return compare_digest(sent, session.csrf.encode())
