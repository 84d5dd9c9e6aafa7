"""Tracking tokens and the secrets behind them, and what is said about the address that is listened on.

A token is what an outcome needs to know, packed, and signed with keyed BLAKE2b so that nobody forges it. It travels
through web pages and logs, so the record's name inside is masked with a keyed pad: customer numbers do not show.
"""

import hmac
import ipaddress
import json
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

GRACE_S: Final = 30 * 86_400
"""A token is taken for so long after its offer's `valid_until`."""
_SIGNATURE_BYTES: Final = 16
_PAD_BYTES: Final = 64
_KEY_BYTES: Final = 32


class SecretsUnusable(Exception):
    """The secrets file is missing, open to others, or not what it should be; says which in a plain sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The three keys of an installation, 32 bytes each; never shown."""

    token: bytes = field(repr=False)
    """Signs tracking tokens."""
    exploration: bytes = field(repr=False)
    """Keys the draws of exploration."""
    ids: bytes = field(repr=False)
    """Masks record names."""


def read_secrets(path: Path) -> Secrets:
    """Read a secrets file: JSON with `token`, `exploration` and `ids`, 32 bytes in hexadecimal each.

    Raises:
        SecretsUnusable: it cannot be read, others may read it, or a key is missing or malformed.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise SecretsUnusable(f"{path} can be read by others: run `chmod 600 {path}`")
        held = json.loads(path.read_bytes())
    except OSError as error:
        raise SecretsUnusable(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SecretsUnusable(f"{path} is not JSON") from error
    return Secrets(**{name: _key(path, held, name) for name in ("token", "exploration", "ids")})


def _key(path: Path, held: object, name: str) -> bytes:
    try:
        key = bytes.fromhex(held[name]) if isinstance(held, dict) else b""
    except (KeyError, TypeError, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise SecretsUnusable(f"{path} must hold `{name}`: {_KEY_BYTES} bytes in hexadecimal")
    return key


def read_or_mint_secrets(path: Path) -> Secrets:
    """Read the secrets file, making it first (owner-readable) where there is none; safe for several processes at once.

    Raises:
        SecretsUnusable: see `read_secrets`.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.new")
        keys = {name: secrets.token_hex(_KEY_BYTES) for name in ("token", "exploration", "ids")}
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(keys, file)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # appears whole or not at all, and never replaces what another process made
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return read_secrets(path)


class Tracked(NamedTuple):
    """What a tracking token says: which offer, made to whom, where, and until when it may be shown."""

    valid_until_s: int
    decided_at_ms: int
    partition: int
    record: str
    decision_id: str
    action: str
    action_hash: int
    channel: int
    """Position in the plan's channels, as contacts hold it."""
    placement: str
    rank: int
    treatment: str
    session_hash: int


class TokenFault(StrEnum):
    """Why a token is not taken."""

    INVALID = "invalid"
    EXPIRED = "expired"


class TokenRefused(Exception):
    """A token that was not made here, or that is too old; `tracked` is what an expired one says."""

    def __init__(self, fault: TokenFault, tracked: Tracked | None = None) -> None:
        self.fault = fault
        self.tracked = tracked
        super().__init__(fault)


class TokenCodec:
    """Mints and reads tracking tokens. The same offer gives the same token, so a repeated answer is the same answer."""

    __slots__ = ("_decode", "_encode", "_ids", "_key")

    def __init__(self, keys: Secrets) -> None:
        self._key = keys.token
        self._ids = keys.ids
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(
            tuple[int, int, int, bytes, str, str, int, int, str, int, str, int]
        ).decode

    def mint(self, offer: Tracked) -> str:
        """The token of an offer: base64url without padding, some 200 characters."""
        masked = self._mask(offer.record.encode(), offer.decision_id)
        payload = self._encode((*offer[:3], masked, *offer[4:]))
        signed = payload + self._signature(payload)
        return urlsafe_b64encode(signed).rstrip(b"=").decode("ascii")

    def read(self, token: str, now_s: float) -> Tracked:
        """What a token says.

        Raises:
            TokenRefused: it was not made with these keys, or it is past its time.
        """
        try:
            signed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError as error:
            raise TokenRefused(TokenFault.INVALID) from error
        payload, signature = signed[:-_SIGNATURE_BYTES], signed[-_SIGNATURE_BYTES:]
        if not hmac.compare_digest(self._signature(payload), signature):
            raise TokenRefused(TokenFault.INVALID)
        held = self._decode(payload)
        tracked = Tracked._make((*held[:3], self._mask(held[3], held[4]).decode(), *held[4:]))
        if now_s > tracked.valid_until_s + GRACE_S:
            raise TokenRefused(TokenFault.EXPIRED, tracked)
        return tracked

    def _signature(self, payload: bytes) -> bytes:
        return blake2b(payload, key=self._key, digest_size=_SIGNATURE_BYTES).digest()

    def _mask(self, name: bytes, decision_id: str) -> bytes:
        """Add the pad of a decision to a record's name; doing it twice gives the name back."""
        # INVARIANT: a decision id is used for one record only, so a pad never covers two names.
        seed = decision_id.encode()
        pad = blake2b(seed, key=self._ids, digest_size=_PAD_BYTES).digest()
        while len(pad) < len(name):
            pad += blake2b(seed + len(pad).to_bytes(2, "big"), key=self._ids, digest_size=_PAD_BYTES).digest()
        masked = int.from_bytes(name, "big") ^ int.from_bytes(pad[: len(name)], "big")
        return masked.to_bytes(len(name), "big")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def binding_sentence(host: str, port: int) -> str:
    """What an operator should know about the address that is listened on."""
    if is_loopback(host):
        return f"Listening on {host}:{port}, for this machine only."
    return (
        f"Listening on {host}:{port}, for anyone who can reach this machine: callers are not authenticated here, "
        "so a gateway has to do it."
    )
