"""Rows of recorded decisions: the very values that each of them read, and what became of what it showed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from api import decision_record, replay
from api.adapters.record_reader import RecordReader
from api.decision_record import DecisionRecord
from api.learning.heard import Heard, Option
from api.serving import RecordUnreadable
from engine.contacts import Contact
from engine.facts import Held
from engine.ids import ActionId, ChannelId
from engine.plan import Plan
from models.arrays import Flags, Floats
from models.dataset import BankRows, Pick, settled
from models.errors import TrainingRefused
from models.features import FeatureSet
from models.logged import Read, RowReader
from models.rows import TrainingRows, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The impressions that rows are wanted of, in order of time."""

    rows: TrainingRows
    """Their columns are empty."""
    every: BankRows
    row_by_option: Mapping[Option, int]


def choose(heard: Heard, window: Window, *, pick: Pick, features: FeatureSet) -> Chosen:
    """Settle the impressions, and pick those that rows are wanted of.

    Raises:
        TrainingRefused: none is settled, or picked.
    """
    impressions, options = heard.impressions()
    positions, outcomes = settled(impressions, window)
    weight = pick(outcomes)
    picked = np.flatnonzero(weight)
    if not len(picked):
        raise TrainingRefused("no impression is left to make rows of")
    rows = TrainingRows(
        outcomes=outcomes.take(picked),
        features=features,
        matrix=np.full((len(picked), len(features.names)), np.nan),
        weight=weight[picked],
    )
    wanted = [options[position] for position in positions[picked].tolist()]
    return Chosen(
        rows=rows,
        every=BankRows(outcomes=outcomes, rows=rows, refused=()),
        row_by_option={option: row for row, option in enumerate(wanted)},
    )


@dataclass(slots=True)
class Rows:
    """The second walk: makes the rows that are wanted, each of what its decision read."""

    chosen: Chosen
    plan: Plan
    reader: RecordReader
    """Of the plan, and knowing the forms that older records have."""
    matrix: Floats = field(init=False)
    made: Flags = field(init=False)
    _one: RowReader = field(init=False)

    def __post_init__(self) -> None:
        self.matrix = self.chosen.rows.matrix.copy()
        self.made = np.zeros(len(self.matrix), dtype=bool)
        self._one = RowReader(self.chosen.rows.features, self.plan)

    def see(self, kind: str, body: bytes) -> None:
        """Take one entry of a decision stream."""
        if kind != "r":
            return
        try:
            record = decision_record.decode(body)
            wanted = self.wanted(record)
            if wanted:
                snapshot = self.reader.read(replay.stored_of(record))
                self.note(record, wanted, snapshot.profile or self.plan.profile_schema.empty(), snapshot.contacts)
        except (ValueError, RecordUnreadable):
            return

    def wanted(self, record: DecisionRecord) -> list[tuple[int, str]]:
        """The rows that a decision makes, and the action of each."""
        options = [action for _, actions in record.fill for action in actions]
        rows = self.chosen.row_by_option
        return [(rows[key], key[1]) for key in ((record.decision_id, action) for action in options) if key in rows]

    def note(
        self,
        record: DecisionRecord,
        wanted: Sequence[tuple[int, str]],
        profile: Sequence[Held],
        contacts: Sequence[Contact],
    ) -> None:
        """Make rows of a profile and contacts."""
        channel = self.plan.channel_by_id[ChannelId(record.channel)].position
        at_s = record.decided_at_us // 1_000_000
        for row, action in wanted:
            position = self.plan.position_by_action[ActionId(action)]
            self.matrix[row] = self._one.row(Read(at_s, channel, position, profile, contacts))
            self.made[row] = True

    def done(self) -> BankRows:
        """The rows; a record that could not be read has none."""
        rows = replace(self.chosen.rows, matrix=self.matrix)
        return replace(self.chosen.every, rows=rows.take(self.made))
