"""Tracking tokens: what an outcome needs to know, packed, and signed with keyed BLAKE2b so that nobody forges it.

A token travels through web pages and logs, so the record's name inside is masked with a keyed pad: customer numbers do
not show.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from enum import StrEnum
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from api.security import Secrets

GRACE_S: Final = 30 * 86_400
"""A token is taken for so long after its offer's `valid_until`."""
_SIGNATURE_BYTES: Final = 16
_PAD_BYTES: Final = 64


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
