"""Field `t` of a record: the terms that were quoted to a customer and may still hold, as MessagePack.

`{action hash: [terms, until]}`, by the hash under which contacts know an action, so that a renamed one keeps its word.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from engine.plan import Plan
from engine.quotes import Quoted

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(dict[int, tuple[dict[str, float], int]]).decode


def encode_quotes(quoted: Mapping[int, Quoted]) -> bytes:
    """The field's bytes."""
    return _encode(quoted)


def decode_quotes(stored: bytes | None) -> dict[int, Quoted]:
    """What the field says; absent, nothing was quoted.

    Raises:
        msgspec.MsgspecError: the bytes are no such field.
    """
    return {action: Quoted(*quote) for action, quote in _decode(stored).items()} if stored else {}


def after(plan: Plan, before: Mapping[int, Quoted], quotes: Mapping[int, Quoted], now_s: int) -> bytes:
    """The field after a decision quoted terms: with those of before that still hold; empty where nothing is new."""
    by_hash = {plan.actions[action].hash: quote for action, quote in quotes.items()}
    if all(before.get(action) == quote for action, quote in by_hash.items()):
        return b""
    return encode_quotes({action: quote for action, quote in before.items() if now_s < quote.until_s} | by_hash)
