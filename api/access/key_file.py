"""The file of keys that an operator administers: digests, scopes and times; never a key itself."""

import fcntl
import os
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from api.access.callers import NEVER_S, Caller
from api.access.keyring import Keyring, digest_of
from api.access.roles import Role

PREFIX: Final = "nbk_"
"""Every key begins with it, so that scanners of source code find one that was committed."""
NAME: Final = re.compile("[a-z0-9][a-z0-9._-]{0,63}")
_ID_BYTES: Final = 4
_KEY_BYTES: Final = 32
_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")


class KeysUnusable(Exception):
    """The file of keys cannot be read or is not what it should be, or a change of it cannot be made; says why."""


class Scope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a key is for; an empty part is no limit."""

    role: Role
    channels: tuple[str, ...] = ()
    placements: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    """The identity schemes by which its holder may name customers."""
    origins: tuple[str, ...] = ()
    """The web sites whose pages hold it."""
    per_s: Annotated[float, Meta(ge=0)] = 0.0
    """Requests a second that its holder may make; 0: as many as others of the kind."""


class KeyEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One key, as it is kept; several of one name are good at once while a key is rotated."""

    id: str
    name: str
    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    scope: Scope
    created_at: datetime
    expires_at: datetime | None = None

    def is_good(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires_at is None or now < self.expires_at

    def caller(self) -> Caller:
        """Who calls with it."""
        return Caller(
            name=f"key:{self.name}",
            roles=frozenset({self.scope.role}),
            channels=frozenset(self.scope.channels),
            placements=frozenset(self.scope.placements),
            schemes=frozenset(self.scope.schemes),
            origins=frozenset(self.scope.origins),
            per_s=self.scope.per_s,
            expires_at_s=NEVER_S if self.expires_at is None else self.expires_at.timestamp(),
        )


class _Held(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: tuple[KeyEntry, ...] = ()


class KeyFile:
    """One installation's file of keys; changes are made one at a time and appear whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> tuple[KeyEntry, ...]:
        """All keys, expired ones as well; none where there is no file.

        Raises:
            KeysUnusable: it cannot be read, others may write it, or it is not a file of keys.
        """
        try:
            if self.path.stat().st_mode & 0o022:
                raise KeysUnusable(f"{self.path} can be written by others: run `chmod 600 {self.path}`")
            return msgspec.json.decode(self.path.read_bytes(), type=_Held).keys
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise KeysUnusable(f"{self.path} cannot be read: {error.strerror}") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise KeysUnusable(f"{self.path} is not a file of keys: {error}") from error

    def keyring(self) -> Keyring:
        """What serves.

        Raises:
            KeysUnusable: see `entries`.
        """
        return Keyring({bytes.fromhex(entry.digest): entry.caller() for entry in self.entries()})

    def add(
        self, name: str, scope: Scope, now: datetime, *, expires_at: datetime | None = None, key: str = ""
    ) -> tuple[KeyEntry, str]:
        """Make a key, unless one is given that was made elsewhere; the key itself is kept nowhere.

        Raises:
            KeysUnusable: the name is taken or no name, or the scope makes no sense.
        """
        if not NAME.fullmatch(name):
            raise KeysUnusable(f"`{name}` is no name: up to 64 small letters, digits, `.`, `_` and `-`")
        if scope.role is not Role.TOUCHPOINT and (scope.origins or scope.placements):
            raise KeysUnusable("placements and origins are for keys of the role touchpoint")
        for origin in scope.origins:
            if not _ORIGIN.fullmatch(origin):
                raise KeysUnusable(f"`{origin}` is no origin: write https://www.bank.example, without a path")
        key = key or mint()
        digest = digest_of(key.encode()).hex()
        entry = KeyEntry(
            id=secrets.token_hex(_ID_BYTES),
            name=name,
            digest=digest,
            scope=scope,
            created_at=now,
            expires_at=expires_at,
        )
        with self._changing() as held:
            if any(each.name == name and each.is_good(now) for each in held):
                raise KeysUnusable(f"there is a key `{name}` already: `nextbest keys rotate {name}` makes another")
            self._write([*(each for each in held if each.name != name), entry])
        return entry, key

    def rotate(self, name: str, now: datetime, overlap: timedelta) -> tuple[KeyEntry, str]:
        """Make another key of the same scope; those before it stay good for a while.

        Raises:
            KeysUnusable: no good key has this name.
        """
        key = mint()
        with self._changing() as held:
            good = [each for each in held if each.name == name and each.is_good(now)]
            if not good:
                raise KeysUnusable(f"no good key is named `{name}`")
            newest = max(good, key=lambda each: each.created_at)
            entry = msgspec.structs.replace(
                newest,
                id=secrets.token_hex(_ID_BYTES),
                digest=digest_of(key.encode()).hex(),
                created_at=now,
                expires_at=None if newest.expires_at is None else now + (newest.expires_at - newest.created_at),
            )
            ends = now + overlap
            ending = [
                msgspec.structs.replace(each, expires_at=min(each.expires_at or ends, ends)) if each in good else each
                for each in held
            ]
            self._write([each for each in ending if each.name != name or each.is_good(now)] + [entry])
        return entry, key

    def revoke(self, name_or_id: str) -> tuple[KeyEntry, ...]:
        """Take keys away by their name, or one by its id; they are refused from then on.

        Raises:
            KeysUnusable: there is no such key.
        """
        with self._changing() as held:
            gone = tuple(each for each in held if name_or_id in {each.name, each.id})
            if not gone:
                raise KeysUnusable(f"no key is named `{name_or_id}`, and none has this id")
            self._write([each for each in held if each not in gone])
        return gone

    @contextmanager
    def _changing(self) -> Iterator[tuple[KeyEntry, ...]]:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.path.with_name(f"{self.path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self.entries()

    def _write(self, entries: Sequence[KeyEntry]) -> None:
        draft = self.path.with_name(f"{self.path.name}.new")
        body = msgspec.json.format(msgspec.json.encode(_Held(tuple(entries))), indent=2)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(body + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)


def mint() -> str:
    """A new key: 256 random bits, as text that any header may carry."""
    return PREFIX + urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).rstrip(b"=").decode("ascii")


def utc_now() -> datetime:
    """The clock of whoever administers keys."""
    return datetime.now(UTC)
