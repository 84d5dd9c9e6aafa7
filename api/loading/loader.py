"""Loads a bank's files: reads and judges all of them first, and only then writes, one customer at a time."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from datetime import time as day_time
from pathlib import Path
from typing import Final

import polars as pl

from api.adapters.records import encode_layout, encode_schema
from api.loading.assembly import Assembler
from api.loading.binding import Bound, bind
from api.loading.day import day_of, readings_of
from api.loading.encoding import encode_customer
from api.loading.intake import CUSTOMER, Intake, Progress, take_in
from api.loading.issues import Issue, Issues
from api.loading.mapping import Mapping as MappingFile
from api.loading.report import LoadReport
from api.loading.staging import Staging, buckets_for
from api.loading.tables import size_of
from api.loading.target import Target
from api.ports import Identity, LoadedRecord, RecordStore
from engine.ids import CustomerId

BATCH: Final = 20_000
"""Records that are written together: enough of each partition to make its lease worth taking."""
_RECORDS: Final = "records"
_IDENTITIES: Final = "named"
_SILENT: Final = "is not mapped, so all themes and triggers are off for everybody: map it, or state `{constant: false}`"


@dataclass(slots=True)
class _Course:
    """What a load has come to."""

    customers: int = 0
    identities: int = 0
    shared: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One load: what is read, for which rules, and where it may put staged rows."""

    mapping: MappingFile
    folder: Path
    target: Target
    ruleset: str
    staging: Path
    now: datetime
    progress: Progress

    async def run(self, store: RecordStore | None) -> LoadReport:
        """Read and judge everything, then write it; without a store only read and judge.

        Raises:
            MappingErrors: the mapping does not fit the rules or the files; nothing was written.
            SourceError: a file is missing or damaged; nothing was written.
            StagingBusy: another load stages its rows in the same folder.
            StoreUnavailable: the store failed while writing; loading again completes it.
        """
        course, issues = _Course(), Issues()
        bound = bind(self.mapping, self.folder, self.target)
        self._note_what_is_missing(issues)
        size = sum(size_of(table, self.folder) for table in self.mapping.tables.values())
        with Staging(self.staging, buckets_for(size)) as staging:
            with course.phase("read"):
                intake = take_in(
                    bound, self.folder, staging, readings_of(self.mapping, self.target, self.now), issues, self.progress
                )
            with course.phase("assemble"):
                self._assemble(bound, staging, intake, issues, course)
            with course.phase("write"):
                if store is not None:
                    await self._write_records(staging, store)
                await self._write_identities(staging, store, course)
        return LoadReport(
            mapping=self.mapping.path,
            ruleset=self.ruleset,
            as_of=self.as_of.isoformat(),
            tables=intake.tables,
            customers=course.customers,
            identities=course.identities,
            shared_identities=course.shared,
            written=store is not None,
            seconds=course.seconds,
            issues=issues,
        )

    @property
    def as_of(self) -> date:
        """The day that the data describe."""
        return day_of(self.mapping, self.target, self.now)

    def _note_what_is_missing(self, issues: Issues) -> None:
        """A bank that maps consent and forgets objections has silenced its themes and triggers without knowing it."""
        for consent in self.mapping.consents:
            if consent.objection is None and self.target.objection_guarded:
                issues.add(Issue(self.mapping.path, consent.span.line, "profiling_objection", _SILENT))

    def _kept_since_s(self, intake: Intake) -> int | None:
        if not self.mapping.events:
            return None
        if self.mapping.history_since is not None:
            return int(datetime.combine(self.mapping.history_since, day_time(), self.target.zone).timestamp())
        return intake.first_event_s if intake.first_event_s is not None else int(self.now.timestamp())

    def _assemble(self, bound: Bound, staging: Staging, intake: Intake, issues: Issues, course: _Course) -> None:
        """Stage finished records, and who is named by what."""
        assembler = Assembler(
            bound,
            self.target,
            staging,
            issues,
            as_of_day=self.as_of.toordinal(),
            kept_since_s=self._kept_since_s(intake),
        )
        for bucket in range(staging.buckets):
            customers = assembler.customers(bucket)
            for scheme, rows in assembler.identities(bucket, customers):
                staging.append(_IDENTITIES, rows.with_columns(pl.lit(scheme).alias("scheme")), by="value")
            records = [encode_customer(loaded, self.target) for loaded in customers]
            if records:
                staging.append(_RECORDS, pl.DataFrame(records, schema=_RECORD_COLUMNS, orient="row"), by=CUSTOMER)
            course.customers += len(records)
            self.progress("assembling customers", course.customers)

    async def _write_records(self, staging: Staging, store: RecordStore) -> None:
        await store.put_schema(self.target.schema.hash, encode_schema(self.target.schema))
        await store.put_layout(self.target.layout.hash, encode_layout(self.target.layout))
        written = 0
        for bucket in range(staging.buckets):
            for batch in _batches(staging.read(_RECORDS, bucket)):
                await store.load([LoadedRecord(*row) for row in batch.iter_rows()])
                written += len(batch)
                self.progress("writing customers", written)

    async def _write_identities(self, staging: Staging, store: RecordStore | None, course: _Course) -> None:
        """After the records, so that an identity never leads to one that is not there yet."""
        for bucket in range(staging.buckets):
            for batch in _batches(_named(staging.read(_IDENTITIES, bucket))):
                named = {
                    Identity(scheme, value): [CustomerId(customer) for customer in customers]
                    for scheme, value, customers in batch.iter_rows()
                }
                if store is not None:
                    await store.identify(named)
                course.identities += len(named)
                course.shared += sum(len(customers) > 1 for customers in named.values())
                self.progress("writing identities", course.identities)


_RECORD_COLUMNS: Final = {
    CUSTOMER: pl.String,
    "profile": pl.Binary,
    "events": pl.Binary,
    "needs": pl.Binary,
    "contacts": pl.Binary,
    "consent": pl.Binary,
    "outcome_count": pl.Int64,
}


def _batches(rows: pl.DataFrame | None) -> Sequence[pl.DataFrame]:
    return [] if rows is None else list(rows.iter_slices(BATCH))


def _named(rows: pl.DataFrame | None) -> pl.DataFrame | None:
    """One line for each scheme and value, with the customers that it means in the order of their ids."""
    if rows is None:
        return None
    return rows.group_by("scheme", "value", maintain_order=True).agg(pl.col(CUSTOMER).unique().sort())
