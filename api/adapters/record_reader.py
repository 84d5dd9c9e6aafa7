"""Reads customers' records for one plan: by position, where a field has the plan's own schema or layout."""

from collections.abc import Mapping
from typing import Final

import msgspec

from api.adapters.records import decode_consent, decode_events, decode_needs, decode_profile, layout_of_events
from api.ports import StoredRecord
from api.quotes import decode_quotes
from api.schemas import Degraded
from api.serving import RecordUnreadable
from api.ties import with_ties
from engine.contacts import unpack
from engine.decision import Snapshot
from engine.events import EventLayout
from engine.facts import EMPTY_CONSENT, Consent, Held, ProfileSchema
from engine.ids import FactName
from engine.quotes import Quoted

MAX_CONSENTS: Final = 4_096
SETTLE_S: Final = 3_600
"""So long after events began to be folded under a layout, nobody folds under the one before any more."""
NEVER: Final = 2**62
"""An instant that no window reaches: a history kept since then is unknown."""
_NO_NEEDS: Final[Mapping[FactName, int]] = {}
_NOTHING_QUOTED: Final[Mapping[int, Quoted]] = {}
_BROKEN: Final = (msgspec.MsgspecError, ValueError, TypeError, KeyError, IndexError)


class RecordReader:
    """Implements `api.serving.SnapshotReader`."""

    def __init__(self, schema: ProfileSchema, layout: EventLayout) -> None:
        self._schema = schema
        self._layout = layout
        self._width = len(schema.columns)
        self._consents: dict[bytes, Consent] = {}
        self._others: dict[int, ProfileSchema] = {}
        self._layouts: dict[int, EventLayout] = {}
        self._begun_at_s = NEVER
        self.unknown: set[int] = set()
        """Hashes of schemas and layouts that were met and not known; `learn` and `learn_layout` make them known."""

    def learn(self, schema: ProfileSchema) -> None:
        """Be able to read profiles of another schema."""
        self._others[schema.hash] = schema
        self.unknown.discard(schema.hash)

    def learn_layout(self, layout: EventLayout, folded_since_s: int | None) -> None:
        """Be able to read event states of another layout; of our own, since when what it adds is kept."""
        self._layouts[layout.hash] = layout
        self.unknown.discard(layout.hash)
        if layout.hash == self._layout.hash and folded_since_s is not None:
            self._begun_at_s = folded_since_s + SETTLE_S

    def known(self) -> tuple[dict[int, ProfileSchema], dict[int, EventLayout]]:
        """Every schema and layout that can be read, our own among them."""
        return self._others | {self._schema.hash: self._schema}, self._layouts | {self._layout.hash: self._layout}

    def adopt(self, before: "RecordReader") -> None:
        """Know what the reader of the bundle before knows, and what that bundle's records look like."""
        schemas, layouts = before.known()
        self._others |= schemas
        self._layouts |= layouts

    def read(self, stored: StoredRecord) -> Snapshot:
        """See `SnapshotReader`. An event state of another layout is carried over; of an unknown one it is no state."""
        missing: Degraded = "consent"
        try:
            consent = self._consent(stored.consent) if stored.consent else EMPTY_CONSENT
            missing = "contacts"
            contacts = unpack(stored.contacts) if stored.contacts else ()
            missing = "record"
            return Snapshot(
                known=stored.owner is not None,
                profile=self._profile(stored.profile) if stored.profile else None,
                events=self._events(stored.events) if stored.events else None,
                needs=decode_needs(stored.needs) if stored.needs else _NO_NEEDS,
                contacts=contacts,
                consent=consent,
                outcome_count=stored.outcome_count,
                quoted=decode_quotes(stored.terms) if stored.terms else _NOTHING_QUOTED,
            )
        except _BROKEN as error:
            raise RecordUnreadable(missing) from error

    def present(self, stored: StoredRecord, now_s: int) -> StoredRecord:
        """See `SnapshotReader`."""
        try:
            profile = self._profile(stored.profile) if stored.profile else None
            return with_ties(stored, profile, self._schema, now_s)
        except _BROKEN as error:
            raise RecordUnreadable("record") from error

    def _consent(self, stored: bytes) -> Consent:
        """Most customers' consents are alike, byte for byte; read each kind once."""
        known = self._consents.get(stored)
        if known is None:
            if len(self._consents) >= MAX_CONSENTS:
                self._consents.clear()
            known = self._consents[stored] = decode_consent(stored)
        return known

    def _events(self, stored: bytes) -> list[int] | None:
        state = decode_events(stored, self._layout)
        if state is not None:
            return state
        layout_hash = layout_of_events(stored)
        source = self._layouts.get(layout_hash)
        if source is None:
            self.unknown.add(layout_hash)
            return None
        before = decode_events(stored, source)
        assert before is not None
        return self._layout.carry_over(before, source, self._begun_at_s)

    def _profile(self, stored: bytes) -> list[Held]:
        schema_hash, profile = decode_profile(stored)
        if schema_hash == self._schema.hash:
            if len(profile) != self._width:
                raise ValueError("a profile has one value a column")
            return profile
        other = self._others.get(schema_hash)
        if other is None:
            self.unknown.add(schema_hash)
            raise ValueError("a profile of a schema that is not known yet")
        return self._schema.convert(profile, other)
