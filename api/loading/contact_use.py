"""Turns rows of past contacts into the states that caps, cooling-off and features read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from api.loading.cells import Reading
from api.loading.event_use import LATER
from api.loading.mapping import Cell, Contacts, Where
from api.loading.target import Target
from api.loading.uses import BOOLEAN, INSTANT, POSITION, TEXT, BadValue, Field, Read, read_fields
from engine.contacts import Contact, ContactState, DeclineReason, hash32
from engine.facts import FactSpec, FactType
from engine.ids import FactName

_REASONS = FactSpec(
    name=FactName("decline reason"),
    type=FactType.CATEGORY,
    values=tuple(reason.name.lower() for reason in DeclineReason),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactUse:
    """Rows that each are an offer shown; stages the fields of `engine.contacts.Contact` of those that still count."""

    name: str
    contacts: Contacts
    target: Target

    @property
    def table(self) -> str:
        """The table whose rows it reads."""
        return self.contacts.table

    @property
    def where(self) -> Where:
        """Which rows it reads."""
        return self.contacts.where

    def cells(self) -> Iterator[Cell]:
        """Everything that it reads."""
        return iter(self.contacts.cells.values())

    def read(self, rows: pl.DataFrame, reading: Reading) -> Read:
        """Every row is checked; old ones that nothing looks back to are left out."""
        channel = FactSpec(name=FactName("channel"), type=FactType.CATEGORY, values=self.target.channels)
        specs = {"at": INSTANT, "channel": channel, "action": TEXT, "session": TEXT, "decline_reason": _REASONS}
        fields = tuple(
            Field(name=name, cell=cell, spec=specs.get(name, BOOLEAN), required=name in ("at", "channel", "action"))
            for name, cell in self.contacts.cells.items()
        )
        read = read_fields(fields, rows, reading)
        late = (read.values["at"] > reading.until_s).arg_true().to_list()
        label = self.contacts.cells["at"].column or "at"
        bad = read.bad + tuple(BadValue(position, label, LATER, True) for position in late)
        return Read(self._still_counting(self._states(read.values), reading), bad)

    def _states(self, values: pl.DataFrame) -> pl.DataFrame:
        complete = values.with_row_index(POSITION).drop_nulls(("at", "channel", "action"))
        accepts = [
            at for at, channel in enumerate(self.target.channels) if self.target.positives.get(channel) == "accept"
        ]
        answered = {
            "positive": pl.when(pl.col("channel").is_in(accepts))
            .then(pl.lit(int(ContactState.ACCEPTED)))
            .otherwise(pl.lit(int(ContactState.CLICKED))),
            "declined": pl.lit(int(ContactState.DECLINED)),
            "converted": pl.lit(int(ContactState.CONVERTED)),
        }
        states = [
            pl.when(pl.col(name)).then(state).otherwise(int(ContactState.SHOWN))
            for name, state in answered.items()
            if name in complete.columns
        ]
        reason = pl.col("decline_reason").fill_null(0) if "decline_reason" in complete.columns else pl.lit(0)
        return complete.select(
            POSITION,
            "at",
            "channel",
            _hashed(complete["action"]).alias("action_hash"),
            pl.col("session") if "session" in complete.columns else pl.lit(None, dtype=pl.String).alias("session"),
            pl.max_horizontal(pl.lit(int(ContactState.SHOWN)), *states).cast(pl.Int64).alias("state"),
            reason.cast(pl.Int64).alias("reason"),
        )

    def _still_counting(self, contacts: pl.DataFrame, reading: Reading) -> pl.DataFrame:
        """Ask the target once for each combination of action, state and reason how far back it counts."""
        kinds = contacts.select("action_hash", "state", "reason").unique()
        since = [reading.until_s - self.target.counts_for_s(*kind) for kind in kinds.iter_rows()]
        oldest = kinds.with_columns(pl.Series("since", since, dtype=pl.Int64))
        joined = contacts.join(oldest, on=("action_hash", "state", "reason"), how="left", maintain_order="left")
        counting = joined.filter(pl.col("at") >= pl.col("since"))
        return counting.with_columns(_hashed(counting["session"]).alias("session_hash")).drop("since", "session")


def _hashed(texts: pl.Series) -> pl.Series:
    """32 bits for each text, 0 where there is none."""
    known = texts.drop_nulls().unique()
    hashes = pl.Series([hash32(text) for text in known.to_list()], dtype=pl.Int64)
    return texts.replace_strict(known, hashes, default=0, return_dtype=pl.Int64)


def confirmed(row: Sequence[int]) -> Contact:
    """A staged contact: at, action, session, channel, state, reason; it was shown, so nothing of it can lapse."""
    at, action_hash, session_hash, channel, state, reason = row
    return Contact(at, action_hash, session_hash, channel, state, reason, validity=0)
