"""Loads past events into histories that are kept already: all files are judged first, only then anything is written.

What the files say is joined with what each customer's state holds: each instant counts as often as in that of the two
where it stands more often, so that loading again changes nothing.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from datetime import time as day_time
from pathlib import Path
from typing import Final, Protocol

import polars as pl

from api.adapters.records import encode_events
from api.loading.assembly import INDEX, Assembler
from api.loading.binding import Bound, bind_events
from api.loading.day import day_of, readings_of
from api.loading.intake import CUSTOMER, Intake, Progress, take_in
from api.loading.issues import Issue, Issues
from api.loading.mapping import Mapping as MappingFile
from api.loading.report import Report
from api.loading.staging import Staging, buckets_for
from api.loading.tables import size_of
from api.loading.target import Target
from engine.ids import CustomerId

BATCH: Final = 20_000
"""Histories that are written together, while nobody else folds their partitions."""
_HISTORIES: Final = "histories"
_NOBODY: Final = "belongs to no customer of the store"
_COLUMNS: Final = {CUSTOMER: pl.String, "events": pl.Binary}


class Histories(Protocol):
    """The event states of a store."""

    async def lives_as(self, customers: Sequence[CustomerId]) -> Mapping[str, CustomerId]:
        """Which record holds each customer: their own, or of whom they were merged into; absent: there is none."""

    async def join(self, states: Sequence[tuple[CustomerId, bytes]]) -> None:
        """Join event states with those that are kept."""

    @property
    def left_alone(self) -> Mapping[str, int]:
        """How many histories were not written, by why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsReport(Report):
    """The account of one load of events."""

    @property
    def events(self) -> int:
        """Rows that were read and not refused."""
        return sum(count.read - count.refused for count in self.tables.values())

    def counts(self) -> dict[str, int]:
        """Events, and whose histories they are."""
        return {"events": self.events, "customers": self.customers}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsLoad:
    """One load of events: what is read, for which rules, and where it may put staged rows."""

    mapping: MappingFile
    folder: Path
    target: Target
    ruleset: str
    staging: Path
    now: datetime
    progress: Progress

    async def run(self, store: Histories, *, write: bool) -> EventsReport:
        """Read and judge everything, then write it; without `write` only judge.

        Raises:
            MappingErrors: the mapping does not fit the rules or the files; nothing was written.
            SourceError: a file is missing or damaged; nothing was written.
            StagingBusy: another load stages its rows in the same folder.
            StoreUnavailable: the store failed; loading again completes what was begun.
        """
        issues, seconds = Issues(), dict[str, float]()
        bound = bind_events(self.mapping, self.folder, self.target)
        size = sum(size_of(table, self.folder) for table in bound.mapping.tables.values())
        with Staging(self.staging, buckets_for(size)) as staging:
            with _phase(seconds, "read"):
                readings = readings_of(bound.mapping, self.target, self.now)
                intake = take_in(bound, self.folder, staging, readings, issues, self.progress)
            with _phase(seconds, "assemble"):
                customers = await self._assemble(bound, staging, store, issues)
            with _phase(seconds, "write"):
                if write:
                    await self._write(staging, store)
        return self._report(intake, customers, store, issues, seconds, write=write)

    def _report(
        self,
        intake: Intake,
        customers: int,
        store: Histories,
        issues: Issues,
        seconds: Mapping[str, float],
        *,
        write: bool,
    ) -> EventsReport:
        return EventsReport(
            mapping=self.mapping.path,
            ruleset=self.ruleset,
            as_of=day_of(self.mapping, self.target, self.now).isoformat(),
            tables=intake.tables,
            customers=customers,
            written=write,
            seconds=seconds,
            issues=issues,
            left_alone=store.left_alone,
        )

    def _kept_since_s(self, issues: Issues) -> int:
        """Since when the files tell of everything that the rules look back on; now, where nobody says so."""
        since = self.mapping.history_since
        now_s = int(self.now.timestamp())
        if since is None:
            return now_s
        told, layout = self._told(), self.target.layout
        asked = {kept.event for kept in layout.filters} | {fact.event for fact in layout.running}
        untold = sorted(asked - told)
        if untold:
            reason = f"is passed over: the files do not tell of {', '.join(untold)}, which rules look back on"
            issues.add(Issue(self.mapping.path, 0, "history_since", reason))
            return now_s
        return int(datetime.combine(since, day_time(), self.target.zone).timestamp())

    def _complete_since(self, state: Sequence[int], since_s: int) -> list[int]:
        """A state that says of each single filter and fact since when it is kept: others may be kept for longer."""
        layout = self.target.layout
        own = [since_s] * (layout.width - layout.own_offset)
        return [*state[: layout.own_offset], *own, *state[layout.width :]]

    def _told(self) -> set[str]:
        """The types of events that the files may hold."""
        constants = [line.event.constant for line in self.mapping.events]
        if None in constants:
            return set(self.target.events)
        return {name for names in constants for name in names or ()}

    async def _assemble(self, bound: Bound, staging: Staging, store: Histories, issues: Issues) -> int:
        """Stage finished event states under the records that they belong to."""
        since_s = self._kept_since_s(issues)
        assembler = Assembler(
            bound,
            self.target,
            staging,
            issues,
            as_of_day=day_of(self.mapping, self.target, self.now).toordinal(),
            kept_since_s=since_s,
            nobody=_NOBODY,
        )
        told_of = 0
        for bucket in range(staging.buckets):
            lives_as = await store.lives_as(_named_in(bound, staging, bucket))
            known = pl.DataFrame({CUSTOMER: pl.Series(sorted(lives_as), dtype=pl.String)}).with_row_index(INDEX)
            states = assembler.events(known, bucket) or []
            rows = [
                (lives_as[customer], encode_events((self.target.layout, self._complete_since(state, since_s))))
                for customer, state in zip(known[CUSTOMER].to_list(), states, strict=True)
            ]
            staging.append(_HISTORIES, pl.DataFrame(rows, schema=_COLUMNS, orient="row"), by=CUSTOMER)
            told_of += len(rows)
            self.progress("assembling histories", told_of)
        return told_of

    async def _write(self, staging: Staging, store: Histories) -> None:
        written = 0
        for bucket in range(staging.buckets):
            rows = staging.read(_HISTORIES, bucket)
            for batch in [] if rows is None else rows.iter_slices(BATCH):
                await store.join([(CustomerId(customer), state) for customer, state in batch.iter_rows()])
                written += len(batch)
                self.progress("writing histories", written)


def _named_in(bound: Bound, staging: Staging, bucket: int) -> list[CustomerId]:
    """The customers of a bucket's rows."""
    parts = [staging.read(use.name, bucket) for use in bound.uses.events]
    named = {customer for part in parts if part is not None for customer in part[CUSTOMER].unique().to_list()}
    return sorted(CustomerId(customer) for customer in named)


@contextmanager
def _phase(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - started
