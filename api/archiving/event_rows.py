"""Makes rows of the archive out of events, taken in or put aside, each in the files of the day on which it came."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from api.archiving.chain import Head, link
from api.archiving.files import day_of
from api.archiving.tables import EVENTS, OTHERS, QUARANTINED, Row, Table
from api.entries import decode_event, decode_quarantine
from api.ports import Entry

Values = tuple[object, ...]
_to_json: Final = msgspec.json.Encoder().encode
_LATEST_MS: Final = 2**60 // 1_000
"""Instants beyond it do not fit into a column; whoever sent them meant none."""


class EventRows:
    """Makes rows of one kind of entry; of timers, wishes and whatever else a stream holds only the bytes are kept."""

    def __init__(self, table: Table, values: Callable[[bytes], Values]) -> None:
        self._table = table
        self._values = values

    def row(self, partition: int, head: Head, entry: Entry) -> tuple[Row, str]:
        """The row that follows a partition's head, and the day to whose files it belongs."""
        table, told = self._told(entry)
        values = (partition, head.sequence + 1, entry.id, *told)
        return Row(table, values, link(head.hash, table.name, values)), day_of(int(entry.id.partition("-")[0]))

    def _told(self, entry: Entry) -> tuple[Table, Values]:
        if entry.kind == "r":
            with suppress(ValueError, TypeError):
                return self._table, self._values(entry.body)
        return OTHERS, (entry.kind, entry.body)


def _event(body: bytes) -> Values:
    event = decode_event(body)
    return (
        _instant(event.received_ms),
        _instant(event.at_ms),
        event.record,
        event.type,
        event.source,
        event.id,
        _to_json(event.data).decode(),
        body,
    )


def _quarantined(recorded: bytes) -> Values:
    aside = decode_quarantine(recorded)
    told: Values = (None, None, None, None, None)
    with suppress(ValueError, TypeError):
        event = decode_event(aside.body)
        told = (event.record, event.type, event.source, event.id, _to_json(event.data).decode())
    return (_instant(aside.put_aside_ms), aside.reason, *told, aside.body, recorded)


def _instant(at_ms: int) -> int:
    if abs(at_ms) > _LATEST_MS:
        raise ValueError("no instant")
    return 1_000 * at_ms


def event_rows() -> EventRows:
    """Of the event streams."""
    return EventRows(EVENTS, _event)


def quarantine_rows() -> EventRows:
    """Of what was put aside, with what can be read of it."""
    return EventRows(QUARANTINED, _quarantined)
