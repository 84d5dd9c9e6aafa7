"""A caller whom we know: who it is, its roles, and what it may ask about."""

from typing import Final

from api.access.roles import EVERY_ROLE, Role
from api.problems import Problem, ProblemType
from api.schemas import DecisionRequest, IdentityBody

NEVER_S: Final = float("inf")
DECIDES: Final = (Role.TOUCHPOINT, Role.TELLER, Role.AGENT)
"""Who may ask for decisions."""


class Caller:
    """Who calls. An empty scope is no limit; made once for a key or a request of a person, read by every request."""

    def __init__(
        self,
        *,
        name: str,
        roles: frozenset[Role],
        channels: frozenset[str] = frozenset(),
        placements: frozenset[str] = frozenset(),
        schemes: frozenset[str] = frozenset(),
        origins: frozenset[str] = frozenset(),
        expires_at_s: float = NEVER_S,
        shown_as: str = "",
        csrf: str = "",
        is_person: bool = False,
        per_s: float = 0.0,
    ) -> None:
        """`name` is for logs and the audit, such as `key:atm-north`; `shown_as` is what a page calls a person."""
        self.name = name
        self.roles = roles
        self.channels = channels
        self.placements = placements
        self.schemes = schemes
        """The identity schemes by which it may name customers."""
        self.origins = origins
        """The web sites whose pages hold the key; a key without any is held by a server."""
        self.expires_at_s = expires_at_s
        self.shown_as = shown_as or name
        self.csrf = csrf
        """What a page of somebody who signed in sends with every change; empty for a key."""
        self.is_person = is_person
        self.per_s = per_s
        """Requests a second that it may make; 0: as many as others of its kind."""
        self.decides = any(role in roles for role in DECIDES)
        self.sees_reasons = Role.TELLER in roles or Role.AGENT in roles
        """Whether answers on staff channels tell it factors and reasons."""
        self.scoped = bool(channels or placements or schemes)

    def has(self, *roles: Role) -> bool:
        """Whether it has one of the roles."""
        return any(role in self.roles for role in roles)

    def check_question(self, request: DecisionRequest) -> None:
        """See that it may ask this.

        Raises:
            Problem: the question names a channel, a placement or an identity scheme outside its scope.
        """
        if not self.scoped:
            return
        self.check_channel(request.channel)
        if self.placements:
            for at, placement in enumerate(request.placements):
                if placement.id not in self.placements:
                    raise _outside("placement", f"/placements/{at}/id")
        if self.schemes:
            identity = request.identity
            if isinstance(identity, IdentityBody):
                if identity.scheme not in self.schemes:
                    raise _outside("identity scheme", "/identity/scheme")
            else:
                for at, each in enumerate(identity):
                    if each.scheme not in self.schemes:
                        raise _outside("identity scheme", f"/identity/{at}/scheme")

    def check_channel(self, channel: str) -> None:
        """See that it may speak for a channel.

        Raises:
            Problem: it may not.
        """
        if self.channels and channel not in self.channels:
            raise _outside("channel", "/channel")

    def check_scheme(self, scheme: str) -> None:
        """See that it may name customers in this way.

        Raises:
            Problem: it may not.
        """
        if self.schemes and scheme not in self.schemes:
            raise _outside("identity scheme", "/identity/scheme")


ANYBODY: Final = Caller(name="anybody", roles=EVERY_ROLE, shown_as="Anybody")
"""Who calls an installation that is open to all on its machine."""


def _outside(what: str, pointer: str) -> Problem:
    return Problem(ProblemType.FORBIDDEN, f"this key is not for the {what} asked for", pointer=pointer)
