"""Event states that the store keeps, read whatever layout they were folded under, and joined with loaded ones."""

from api.adapters.record_reader import RecordReader
from api.adapters.records import decode_events, encode_events
from api.known import learn_schemas
from api.ports import RecordStore, StoredRecord
from api.serving import RecordUnreadable
from engine.events import EventLayout
from engine.facts import ProfileSchema


class KeptStates:
    """Joins what is kept with what is loaded under one layout."""

    def __init__(self, schema: ProfileSchema, layout: EventLayout, records: RecordStore) -> None:
        self._layout = layout
        self._reader = RecordReader(schema, layout)
        self._records = records

    async def learn(self) -> None:
        """Learn every layout that the store has; to be called before anything is joined."""
        await learn_schemas(self._reader, self._records)

    def joined(self, kept: bytes, loaded: bytes) -> bytes | None:
        """Both, as `EventLayout.joined` joins them; None: nobody here can read the state that is kept."""
        if not kept or kept == loaded:
            return loaded
        ours, theirs = decode_events(loaded, self._layout), self._read(kept)
        if ours is None or theirs is None:
            return None
        return encode_events((self._layout, self._layout.joined(ours, theirs)))

    def _read(self, kept: bytes) -> list[int] | None:
        try:
            state = decode_events(kept, self._layout)
            if state is None:
                carried = self._reader.read(StoredRecord(events=kept)).events
                state = None if carried is None else list(carried)
        except (RecordUnreadable, ValueError):
            return None
        return state
