"""Signs what machines keep, with a key of the installation's own; a machine that has pinned it shows nothing else."""

import hashlib
from base64 import b64encode
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group that P-256 works in. Source: FIPS 186-5, SP 800-186 section 3.2.1.3."""
_HALF: Final = 32
_SIGNING: Final = ec.ECDSA(SHA256(), deterministic_signing=True)
"""One content has one signature, so that every process of the installation serves the same bytes."""


class Seal:
    """ECDSA on P-256: every browser of the last ten years verifies it with WebCrypto."""

    def __init__(self, secret: bytes) -> None:
        """`secret` is the installation's; the key is drawn from it, and says nothing about it."""
        drawn = hashlib.blake2b(key=secret, person=b"nextbest-kiosk", digest_size=64).digest()
        self._key = ec.derive_private_key(int.from_bytes(drawn) % (_ORDER - 1) + 1, ec.SECP256R1())
        public = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public = b64encode(public).decode()
        """What a page pins: the public key as SubjectPublicKeyInfo."""

    def sign(self, content: bytes) -> str:
        """The signature as WebCrypto takes it: both numbers, 32 bytes each."""
        numbers = decode_dss_signature(self._key.sign(content, _SIGNING))
        return b64encode(b"".join(number.to_bytes(_HALF) for number in numbers)).decode()
