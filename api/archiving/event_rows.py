"""Makes rows of the archive out of entries of the event streams, each in the files of the day on which it came."""

from typing import Final

import msgspec

from api.archiving.chain import Head, link
from api.archiving.files import day_of
from api.archiving.tables import EVENTS, OTHERS, Row, Table
from api.entries import decode_event
from api.ports import Entry

_to_json: Final = msgspec.json.Encoder().encode
_LATEST_MS: Final = 2**60 // 1_000
"""Instants beyond it do not fit into a column; whoever sent them meant none."""


class EventRows:
    """Makes rows of events; of timers, wishes and whatever else a stream holds only the bytes are kept."""

    def row(self, partition: int, head: Head, entry: Entry) -> tuple[Row, str]:
        """The row that follows a partition's head, and the day to whose files it belongs."""
        try:
            table, values = _values(entry)
        except (ValueError, TypeError):
            table, values = OTHERS, (entry.kind, entry.body)
        values = (partition, head.sequence + 1, entry.id, *values)
        return Row(table, values, link(head.hash, table.name, values)), day_of(int(entry.id.partition("-")[0]))


def _values(entry: Entry) -> tuple[Table, tuple[object, ...]]:
    if entry.kind != "r":
        raise ValueError(entry.kind)
    event = decode_event(entry.body)
    if max(abs(event.at_ms), abs(event.received_ms)) > _LATEST_MS:
        raise ValueError("no instant")
    return EVENTS, (
        1_000 * event.received_ms,
        1_000 * event.at_ms,
        event.record,
        event.type,
        event.source,
        event.id,
        _to_json(event.data).decode(),
        entry.body,
    )
