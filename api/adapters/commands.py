"""Packing commands for a store node, and telling its errors from its answers."""

from typing import Any

import hiredis

from api.ports import StoreUnavailable

Word = str | bytes | int

Reply = Any
"""What hiredis makes of an answer: bytes, int, None, a list of these, or a `ReplyError` as a value."""


def pack(*words: Word) -> bytes:
    """A command as it travels."""
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]  # published as a tuple of one
    return packed


def error_code(error: hiredis.ReplyError) -> str:
    """The first word of an error reply: what is wrong, without keys or values."""
    return str(error).split(" ", 1)[0]


def checked(reply: Reply) -> Reply:
    """The reply, unless it is an error.

    Raises:
        StoreUnavailable: it is.
    """
    if isinstance(reply, hiredis.ReplyError):
        raise StoreUnavailable(f"the store answered with {error_code(reply)}")
    return reply
