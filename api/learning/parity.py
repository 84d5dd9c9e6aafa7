"""Rebuilds the rows of recorded decisions from what happened, to be held against what the decisions read.

Contacts are those of earlier decisions, raised by the outcomes that came since; profiles are those of the bank's files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from api import decision_record, replay
from api.archiving.makers import Makers, NotHere
from api.decision_record import DecisionRecord
from api.learning.heard import Told
from api.learning.rows import Rows
from api.serving import RecordUnreadable
from engine.contacts import Contact
from engine.facts import HOLDS, Held
from engine.ids import ActionId
from engine.plan import Plan
from models.bank import Holdings, Snapshots, read_holdings, read_snapshots


class Profiles:
    """Profiles as a bank's files say that they were known, at the instants of decisions.

    Raises:
        TrainingRefused: a file is not there, or cannot be read.
    """

    def __init__(self, plan: Plan, bank_dir: Path, customers: Mapping[str, int]) -> None:
        schema = plan.profile_schema
        self._holds = schema.position_by_name[HOLDS]
        self._codes = customers
        self._snapshots: Snapshots = read_snapshots(bank_dir / "customers.parquet", schema, customers)
        self._dated = [
            (at, schema.columns[at].missing, known_at_s)
            for fact, known_at_s in self._snapshots.fact_known_at_s.items()
            if (at := schema.position_by_name.get(fact)) is not None
        ]
        self._holdings: Holdings = read_holdings(bank_dir / "products.parquet", schema, customers)

    def of(self, record: DecisionRecord) -> list[Held] | None:
        """A customer's profile; None where the files have none by then."""
        code, at_s = self._codes.get(record.record), record.decided_at_us // 1_000_000
        if code is None:
            return None
        place = int(self._snapshots.place(np.array([code]), np.array([at_s]))[0])
        if place < 0:
            return None
        profile = [*self._snapshots.profiles[place]]
        profile[self._holds] = self._holdings.mask(code, at_s)
        for position, missing, known_at_s in self._dated:
            if known_at_s[place] > at_s:
                profile[position] = missing
        return profile


@dataclass(slots=True)
class Rebuilt:
    """A walk that takes neither profiles nor contacts from the records.

    What a customer's first recorded decision read of contacts was loaded before, and is taken as it was.
    """

    rows: Rows
    makers: Makers
    told: Mapping[str, Sequence[Told]]
    profiles: Profiles
    missing: int = 0
    """Decisions whose rules or model are not kept: what they reserved is not known."""
    _contacts: dict[str, list[Contact]] = field(default_factory=dict)
    _passed: dict[str, int] = field(default_factory=dict)
    """By customer how many of the outcomes are told."""
    _sessions: dict[str, int] = field(default_factory=dict)
    """By decision the session that its contacts are of."""

    def see(self, kind: str, body: bytes) -> None:
        """Take one entry of a decision stream."""
        if kind != "r":
            return
        try:
            record = decision_record.decode(body)
            snapshot = self.rows.reader.read(replay.stored_of(record))
        except (ValueError, RecordUnreadable):
            return
        contacts = self._contacts.setdefault(record.record, list(snapshot.contacts))
        self._tell(record, contacts)
        wanted = self.rows.wanted(record)
        if wanted:
            profile = self.profiles.of(record) or self.rows.plan.profile_schema.empty()
            self.rows.note(record, wanted, profile, contacts)
        self._reserve(record, contacts)

    def _tell(self, record: DecisionRecord, contacts: list[Contact]) -> None:
        told, passed = self.told.get(record.record, ()), self._passed.get(record.record, 0)
        while passed < len(told) and told[passed].at_ms * 1_000 <= record.decided_at_us:
            self._raise(told[passed], contacts)
            passed += 1
        self._passed[record.record] = passed

    def _raise(self, told: Told, contacts: list[Contact]) -> None:
        """As the store does: the latest contact of the action in that session, never back to a lower state."""
        position = self.rows.plan.position_by_action.get(ActionId(told.action))
        if position is None:
            return
        mark = (self.rows.plan.actions[position].hash, self._sessions.get(told.decision))
        for at in range(len(contacts) - 1, -1, -1):
            if contacts[at][1:3] == mark:
                if told.state > contacts[at].state:
                    contacts[at] = contacts[at]._replace(state=int(told.state), reason=told.reason)
                return

    def _reserve(self, record: DecisionRecord, contacts: list[Contact]) -> None:
        try:
            _, decision = replay.decide_again(self.makers.serving(record), record, self.makers.exploration_key)
        except (NotHere, RecordUnreadable, KeyError, ValueError):
            self.missing += 1
            return
        self._sessions[record.decision_id] = decision.session_hash
        contacts += decision.new_contacts
