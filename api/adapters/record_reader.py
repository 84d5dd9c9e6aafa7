"""Reads customers' records for one plan: by position, where a field has the plan's own schema or layout."""

from collections.abc import Mapping
from typing import Final

import msgspec

from api.adapters.records import decode_consent, decode_events, decode_needs, decode_profile
from api.ports import StoredRecord
from api.schemas import Degraded
from api.serving import RecordUnreadable
from engine.contacts import unpack
from engine.decision import Snapshot
from engine.events import EventLayout
from engine.facts import EMPTY_CONSENT, Consent, Held, ProfileSchema
from engine.ids import FactName

MAX_CONSENTS: Final = 4_096
_NO_NEEDS: Final[Mapping[FactName, int]] = {}
_BROKEN: Final = (msgspec.MsgspecError, ValueError, TypeError, KeyError, IndexError)


class RecordReader:
    """Implements `api.serving.SnapshotReader`."""

    def __init__(self, schema: ProfileSchema, layout: EventLayout) -> None:
        self._schema = schema
        self._layout = layout
        self._width = len(schema.columns)
        self._consents: dict[bytes, Consent] = {}
        self._others: dict[int, ProfileSchema] = {}
        self.unknown: set[int] = set()
        """Hashes of schemas that were met and not known; `learn` makes them known."""

    def learn(self, schema: ProfileSchema) -> None:
        """Be able to read profiles of another schema."""
        self._others[schema.hash] = schema
        self.unknown.discard(schema.hash)

    def read(self, stored: StoredRecord) -> Snapshot:
        """See `SnapshotReader`. An event state of another layout is no state: what it held is unknown."""
        missing: Degraded = "consent"
        try:
            consent = self._consent(stored.consent) if stored.consent else EMPTY_CONSENT
            missing = "contacts"
            contacts = unpack(stored.contacts) if stored.contacts else ()
            missing = "record"
            return Snapshot(
                known=stored.owner is not None,
                profile=self._profile(stored.profile) if stored.profile else None,
                events=decode_events(stored.events, self._layout) if stored.events else None,
                needs=decode_needs(stored.needs) if stored.needs else _NO_NEEDS,
                contacts=contacts,
                consent=consent,
                outcome_count=stored.outcome_count,
            )
        except _BROKEN as error:
            raise RecordUnreadable(missing) from error

    def _consent(self, stored: bytes) -> Consent:
        """Most customers' consents are alike, byte for byte; read each kind once."""
        known = self._consents.get(stored)
        if known is None:
            if len(self._consents) >= MAX_CONSENTS:
                self._consents.clear()
            known = self._consents[stored] = decode_consent(stored)
        return known

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
