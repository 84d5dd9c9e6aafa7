"""Sessions of people who signed in: a signed cookie, and on the server nothing but who signed out early."""

import secrets
import time
from collections.abc import Callable, Iterable
from hashlib import blake2b, sha256
from hmac import compare_digest
from pathlib import Path
from typing import Final

import msgspec
from itsdangerous import BadSignature, URLSafeSerializer

from api.access.roles import Role

CSRF_HEADER: Final = b"x-csrf-token"
CSRF_FIELD: Final = "csrf_token"
_RENEWED_AFTER_S: Final = 60
_ID_BYTES: Final = 16


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who signed in, and since when; instants in seconds."""

    id: str
    subject: str
    """Who it is, as the provider of identities says; stays the same when a name changes."""
    name: str
    roles: tuple[Role, ...]
    csrf: str
    """What a page has to send with every change, so that no other site's page can make one."""
    began_s: int
    seen_s: int


class Sessions:
    """Begins, reads, renews and ends sessions."""

    def __init__(
        self,
        key: bytes,
        ended: "EndedSessions",
        *,
        is_secure: bool,
        idle_s: int,
        longest_s: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`is_secure`: browsers send the cookie over https alone."""
        self._signer = _signer(key, "session")
        self._ended = ended
        self._idle_s = idle_s
        self._longest_s = longest_s
        self._clock = clock
        self._attributes = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if is_secure else "")
        # A `__Host-` cookie can be set by nobody but this very host, over https.
        self.cookie_name = "__Host-nextbest" if is_secure else "nextbest"
        self._cookie_bytes = self.cookie_name.encode()

    def begin(self, subject: str, name: str, roles: Iterable[Role]) -> Session:
        """A new session; its id is never one that the browser sent."""
        now_s = int(self._clock())
        return Session(
            id=secrets.token_urlsafe(_ID_BYTES),
            subject=subject,
            name=name,
            roles=tuple(sorted(set(roles))),
            csrf=secrets.token_urlsafe(_ID_BYTES),
            began_s=now_s,
            seen_s=now_s,
        )

    def cookie(self, session: Session) -> str:
        """The `set-cookie` that hands a session to the browser."""
        value = self._signer.dumps(msgspec.to_builtins(session))
        return f"{self.cookie_name}={value}{self._attributes}"

    def no_cookie(self) -> str:
        """The `set-cookie` that takes it away."""
        return f"{self.cookie_name}={self._attributes}; Max-Age=0"

    def read(self, headers: Iterable[tuple[bytes, bytes]]) -> Session | None:
        """The session of a request; None where there is none, or it was forged, is over, or was ended."""
        value = _cookie(headers, self._cookie_bytes)
        if value is None:
            return None
        try:
            session = msgspec.convert(self._signer.loads(value), Session)
        except (BadSignature, msgspec.ValidationError):
            return None
        now = self._clock()
        is_over = now > session.seen_s + self._idle_s or now > session.began_s + self._longest_s
        return None if is_over or session.id in self._ended else session

    def renewed(self, session: Session) -> str | None:
        """The `set-cookie` that says that somebody is still there; None where that was said a moment ago."""
        now_s = int(self._clock())
        if now_s - session.seen_s < _RENEWED_AFTER_S:
            return None
        return self.cookie(msgspec.structs.replace(session, seen_s=now_s))

    def end(self, session: Session) -> None:
        """Nobody goes on with it, wherever its cookie may be."""
        self._ended.add(session.id)


class EndedSessions:
    """Sessions that were ended before their time; all processes of an installation on one machine share the folder."""

    def __init__(self, folder: Path, longest_s: int) -> None:
        self._folder = folder
        self._longest_s = longest_s
        self._ids: frozenset[str] = frozenset()

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._ids

    def add(self, session_id: str) -> None:
        """End one."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self._folder / session_id).touch(0o600)
        self._ids = self._ids | {session_id}

    def look(self) -> None:
        """See what other processes ended, and forget what would be over by now in any case."""
        if not self._folder.is_dir():
            return
        kept = set()
        for each in self._folder.iterdir():
            if time.time() - each.stat().st_mtime > self._longest_s:
                each.unlink(missing_ok=True)
            else:
                kept.add(each.name)
        self._ids = frozenset(kept)


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is at the provider's page; what comes back from there has to fit."""

    state: str
    nonce: str
    verifier: str
    target: str
    """The page that was wanted."""
    began_s: int


class PendingSignIns:
    """Keeps what was begun in a signed cookie of its own, for some minutes."""

    LASTS_S: Final = 600
    COOKIE: Final = "nextbest-sign-in"

    def __init__(self, key: bytes, *, is_secure: bool, clock: Callable[[], float] = time.time) -> None:
        self._signer = _signer(key, "sign-in")
        self._clock = clock
        self._attributes = "; Path=/sign-in; HttpOnly; SameSite=Lax" + ("; Secure" if is_secure else "")

    def begin(self, target: str) -> Pending:
        """A new one, with a state, a nonce and a verifier that nobody can guess."""
        state, nonce, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        return Pending(state=state, nonce=nonce, verifier=verifier, target=target, began_s=int(self._clock()))

    def cookie(self, pending: Pending) -> str:
        """The `set-cookie` that keeps it."""
        value = self._signer.dumps(msgspec.to_builtins(pending))
        return f"{self.COOKIE}={value}{self._attributes}; Max-Age={self.LASTS_S}"

    def no_cookie(self) -> str:
        """The `set-cookie` that takes it away."""
        return f"{self.COOKIE}={self._attributes}; Max-Age=0"

    def read(self, headers: Iterable[tuple[bytes, bytes]], state: str) -> Pending | None:
        """What was begun with this state in this very browser; None where nothing was, or too long ago."""
        value = _cookie(headers, self.COOKIE.encode())
        try:
            pending = msgspec.convert(self._signer.loads(value or ""), Pending)
        except (BadSignature, msgspec.ValidationError):
            return None
        in_time = self._clock() <= pending.began_s + self.LASTS_S
        return pending if in_time and compare_digest(pending.state.encode(), state.encode()) else None


def session_key(token_key: bytes) -> bytes:
    """The key that signs cookies, derived from the installation's own."""
    return blake2b(b"nextbest sessions", key=token_key).digest()


def _signer(key: bytes, purpose: str) -> URLSafeSerializer:
    return URLSafeSerializer(key, salt=purpose, signer_kwargs={"digest_method": sha256, "key_derivation": "hmac"})


def _cookie(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    for header, value in headers:
        if header == b"cookie":
            for part in value.split(b";"):
                key, equals, text = part.strip().partition(b"=")
                if equals and key == name:
                    return text.decode("latin-1")
    return None
