"""The Lua scripts of scripts/: each touches one slot and is called by its hash."""

import asyncio
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Final

import hiredis

from api.adapters.bulk import send_all
from api.adapters.commands import Reply, Word, checked, error_code, pack
from api.adapters.flights import Node

SOURCES: Final = files("api.adapters") / "scripts"


class Script:
    """One script by its name in scripts/."""

    __slots__ = ("_sha", "_source", "load")

    def __init__(self, name: str) -> None:
        self._source = (SOURCES / f"{name}.lua").read_bytes()
        self._sha = hashlib.sha1(self._source, usedforsecurity=False).hexdigest().encode()
        self.load = pack(b"SCRIPT", b"LOAD", self._source)
        """The packed command that makes a node know it."""

    def packed(self, keys: tuple[Word, ...], words: tuple[Word, ...]) -> bytes:
        """The command that runs it, on a node that knows it."""
        return pack(b"EVALSHA", self._sha, len(keys), *keys, *words)

    async def run(self, node: Node, keys: tuple[Word, ...], words: tuple[Word, ...], deadline: float) -> Reply:
        """Run it on a node; a node that has forgotten it is told it again.

        Raises:
            StoreUnavailable: no answer in time, or an error for an answer.
        """
        reply = await node.call(self.packed(keys, words), 1, deadline)
        if _has_forgotten(reply):
            reply = await node.call(pack(b"EVAL", self._source, len(keys), *keys, *words), 1, deadline)
        return checked(reply)

    async def run_all(self, calls: Sequence[tuple[Node, bytes]], deadline: float) -> list[Reply]:
        """Run what `packed` gave, each on its node, and give the replies in their order.

        Raises:
            StoreUnavailable: no answer in time, or an error for an answer; others may have been carried out.
        """
        replies = await send_all(calls, deadline)
        forgotten = [at for at, reply in enumerate(replies) if _has_forgotten(reply)]
        if forgotten:
            nodes = {calls[at][0] for at in forgotten}
            await asyncio.gather(*[node.call(self.load, 1, deadline) for node in nodes])
            again = await send_all([calls[at] for at in forgotten], deadline)
            for at, reply in zip(forgotten, again, strict=True):
                replies[at] = reply
        return [checked(reply) for reply in replies]


def _has_forgotten(reply: Reply) -> bool:
    return type(reply) is hiredis.ReplyError and error_code(reply) == "NOSCRIPT"


COMMIT: Final = Script("commit")
RECLAIM: Final = Script("reclaim")
OUTCOME: Final = Script("outcome")
CONSENT: Final = Script("consent")
APPEND_ONCE: Final = Script("append_once")
OWN: Final = Script("own")
NOTE_OWNER: Final = Script("note_owner")
FOLD: Final = Script("fold")
WAKE_DUE: Final = Script("wake_due")
TRIM_EVENTS: Final = Script("trim_events")
READ_STREAMS: Final = Script("read_streams")
LOAD: Final = Script("load")
REPORT: Final = Script("report")
HOLD: Final = Script("hold")
CHANGE_RECORD: Final = Script("change_record")
BOOK: Final = Script("book")
GIVE_BACK: Final = Script("give_back")
TAKE_LEASE: Final = Script("take_lease")
END_LEASE: Final = Script("end_lease")
SETTLE_UNITS: Final = Script("settle_units")
LOOK_AT_UNITS: Final = Script("look_at_units")
TAKE_BACK: Final = Script("take_back")

_OF_BUDGETS: Final = (TAKE_LEASE, END_LEASE, SETTLE_UNITS, LOOK_AT_UNITS, TAKE_BACK)
LOAD_ALL: Final = tuple(
    script.load
    for script in (
        *(COMMIT, RECLAIM, OUTCOME, CONSENT, APPEND_ONCE, OWN, NOTE_OWNER, FOLD, WAKE_DUE, LOAD, REPORT),
        *(HOLD, BOOK, GIVE_BACK),
        TRIM_EVENTS,
        READ_STREAMS,
        CHANGE_RECORD,
        *_OF_BUDGETS,
    )
)
"""What a new connection sends, so that a call never has to."""
