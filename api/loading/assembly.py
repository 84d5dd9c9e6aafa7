"""Puts the staged rows of a bucket together: everything that a record holds, judged before anything is written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from api.loading.binding import Bound
from api.loading.contact_use import confirmed
from api.loading.fold import fold_events
from api.loading.intake import CUSTOMER, FILE
from api.loading.issues import Issue, Issues
from api.loading.profiles import held_products, profiles, summarised, unique_customers, within_range
from api.loading.staging import Staging
from api.loading.tables import ROW
from api.loading.target import Target
from api.loading.uses import OBJECTION
from engine.contacts import Contact, ContactState
from engine.facts import GROUPS, HOLDS, SEGMENTS, Consent, Held
from engine.ids import CustomerId, FactName

INDEX: Final = "\x1findex"
_NOBODY: Final = "belongs to no customer of this load"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCustomer:
    """Everything that the files say of one customer; None where no source was mapped."""

    customer: CustomerId
    profile: Sequence[Held]
    events: Sequence[int] | None
    contacts: Sequence[Contact] | None
    consent: Consent | None

    @property
    def outcome_count(self) -> int:
        """Answers so far; an impression that nobody answered is none."""
        return sum(1 for contact in self.contacts or () if contact.state > ContactState.SHOWN)


class Assembler:
    """Makes the customers of one bucket after the other."""

    def __init__(
        self,
        bound: Bound,
        target: Target,
        staging: Staging,
        issues: Issues,
        *,
        as_of_day: int,
        kept_since_s: int | None,
        nobody: str = _NOBODY,
    ) -> None:
        """`kept_since_s`: since when the events are complete; None: no events were mapped, so nobody knows any.
        `nobody`: what is wrong with rows of strangers."""
        self._bound = bound
        self._target = target
        self._staging = staging
        self._issues = issues
        self._nobody = nobody
        self._as_of_day = as_of_day
        self._kept_since_s = kept_since_s

    def customers(self, bucket: int) -> tuple[LoadedCustomer, ...]:
        """The customers of a bucket that can be loaded, in the order of their ids; the others are noted."""
        known = self._known(bucket)
        if known is None:
            return ()
        profile_rows = self._profiles(known, bucket)
        count = len(known)
        events: Sequence[list[int] | None] = self.events(known, bucket) or [None] * count
        contacts: Sequence[list[Contact] | None] = self._contacts(known, bucket) or [None] * count
        consents: Sequence[Consent | None] = self._consents(known, bucket) or [None] * count
        return tuple(
            LoadedCustomer(
                customer=CustomerId(customer), profile=profile, events=state, contacts=history, consent=consent
            )
            for customer, profile, state, history, consent in zip(
                known[CUSTOMER].to_list(), profile_rows, events, contacts, consents, strict=True
            )
        )

    def identities(self, bucket: int, customers: Sequence[LoadedCustomer]) -> Iterator[tuple[str, pl.DataFrame]]:
        """For each scheme the `value`s that name customers of a bucket."""
        known = pl.DataFrame({CUSTOMER: pl.Series([loaded.customer for loaded in customers], dtype=pl.String)})
        known = known.with_row_index(INDEX)
        for use, scheme in self._bound.uses.identities:
            rows = self._rows_of(use.name, bucket, known)
            if rows is not None:
                yield scheme, rows.filter(pl.col("value").is_not_null()).select(CUSTOMER, "value").unique()

    def _known(self, bucket: int) -> pl.DataFrame | None:
        """Staged customers with their summed attributes, without those that do not fit."""
        rows = self._staging.read("customers", bucket)
        if rows is None:
            return None
        rows = unique_customers(rows, self._bound.mapping.customers.id, self._issues).sort(CUSTOMER)
        specs = {spec.name: spec for spec in self._target.schema.columns}
        for name, (use, made) in self._bound.uses.aggregates.items():
            staged = self._rows_of(use.name, bucket, rows.select(CUSTOMER).with_row_index(INDEX))
            rows = rows.with_columns(summarised(rows, specs[name], made.summary, staged).alias(name))
        rows = within_range(rows, [specs[name] for name in self._bound.uses.aggregates], self._issues)
        return rows.with_row_index(INDEX)

    def _profiles(self, known: pl.DataFrame, bucket: int) -> list[list[Held]]:
        loaded: set[FactName] = {name for name in (GROUPS, SEGMENTS) if name in known.columns}
        if self._bound.uses.products:
            parts = [self._rows_of(use.name, bucket, known) for use in self._bound.uses.products]
            rows = [part for part in parts if part is not None]
            known = known.with_columns(held_products(known, rows, self._as_of_day).alias(HOLDS))
            loaded.add(HOLDS)
        return profiles(self._target.schema, known, frozenset(loaded))

    def events(self, known: pl.DataFrame, bucket: int) -> list[list[int]] | None:
        """The event states of known customers, by `INDEX`; None where no source was mapped."""
        if self._kept_since_s is None:
            return None
        parts = [self._rows_of(use.name, bucket, known) for use in self._bound.uses.events]
        rows = [self._once(part) for part in parts if part is not None]
        nothing = pl.DataFrame(schema={"index": pl.UInt32, "filter": pl.UInt16, "at": pl.Int64, "amount": pl.Int64})
        columns = (pl.col(INDEX).alias("index"), "filter", "at", "amount")
        events = pl.concat([nothing, *(part.select(*columns) for part in rows)])
        return fold_events(self._target.layout, events, len(known), self._kept_since_s)

    def _once(self, events: pl.DataFrame) -> pl.DataFrame:
        """Events without those whose id the same customer had on an earlier row."""
        rows = events.filter(pl.col("id").is_not_null()).select(CUSTOMER, "id", FILE, ROW).unique().sort(FILE, ROW)
        again = rows.filter(~pl.struct(CUSTOMER, "id").is_first_distinct())
        if again.is_empty():
            return events
        for file, number in again.select(FILE, ROW).iter_rows():
            self._issues.add(Issue(file, number, "id", "names an event that an earlier row holds"))
        return events.join(again, on=(FILE, ROW), how="anti")

    def _contacts(self, known: pl.DataFrame, bucket: int) -> list[list[Contact]] | None:
        if not self._bound.uses.contacts:
            return None
        parts = [self._rows_of(use.name, bucket, known) for use in self._bound.uses.contacts]
        histories: list[list[Contact]] = [[] for _ in range(len(known))]
        for part in parts:
            if part is not None:
                columns = part.sort("at").select(
                    INDEX, "at", "action_hash", "session_hash", "channel", "state", "reason"
                )
                for index, *row in columns.iter_rows():
                    histories[index].append(confirmed(row))
        return histories if len(parts) == 1 else [sorted(history) for history in histories]

    def _consents(self, known: pl.DataFrame, bucket: int) -> list[Consent | None] | None:
        if not self._bound.uses.consents:
            return None
        consents: list[Consent | None] = [None] * len(known)
        for use in self._bound.uses.consents:
            rows = self._rows_of(use.name, bucket, known)
            if rows is None:
                continue
            rows = unique_customers(rows, self._bound.wanted.customers[use.table], self._issues)
            purposes = tuple(use.consent.cell_by_purpose)
            answers = rows.select(INDEX, OBJECTION if OBJECTION in rows.columns else pl.lit(None), *purposes)
            for index, objection, *channels in answers.iter_rows():
                consents[index] = self._consent(purposes, channels, objection)
        return consents

    def _consent(
        self, purposes: Sequence[str], channels: Sequence[Sequence[int] | None], objection: bool | None
    ) -> Consent:
        """The consent that lists of allowed channels mean: channels that are not listed are refused."""
        by_purpose: dict[str, Mapping[str, bool]] = {
            purpose: {name: at in allowed for at, name in enumerate(self._target.channels)}
            for purpose, allowed in zip(purposes, channels, strict=True)
            if allowed is not None
        }
        return Consent(allowed_by_purpose=by_purpose, profiling_objection=objection)

    def _rows_of(self, name: str, bucket: int, known: pl.DataFrame) -> pl.DataFrame | None:
        """Staged rows with the index of their customer; rows of nobody are noted and left out."""
        rows = self._staging.read(name, bucket)
        if rows is None:
            return None
        rows = rows.join(known.select(CUSTOMER, INDEX), on=CUSTOMER, how="left", maintain_order="left")
        strangers = rows.filter(pl.col(INDEX).is_null())
        for file, number in strangers.select(FILE, ROW).iter_rows():
            self._issues.add(Issue(file, number, "", self._nobody))
        return rows.filter(pl.col(INDEX).is_not_null()) if len(strangers) else rows
