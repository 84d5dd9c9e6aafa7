"""Puts customers into groups for a time and takes them out: from a file, one by one, or as a need holds."""

import asyncio
import csv
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from api.adapters.record_reader import RecordReader
from api.bank_days import end_of, first_second
from api.needs import active_needs, row_of
from api.population.sources import Viewer
from api.ports import StoredRecord, StoreUnavailable, key_of
from api.ports.merges import MergeChange, MergeStore
from api.serving import RecordUnreadable
from api.ties import FIXED, Membership, decode_memberships, decode_ties, encode_memberships
from engine.decision import Snapshot
from engine.ids import FactName
from engine.plan import Plan

WITHIN_S: Final = 5.0
ATTEMPTS: Final = 20
AT_ONCE: Final = 64
Change = Callable[[Sequence[Membership]], Iterable[Membership]]


class MembersUnreadable(Exception):
    """A file of members says something that cannot be; one sentence says what and where."""


def membership_of(plan: Plan, group: str, start: date, end: date | None) -> Membership:
    """A membership of whole days in the bank's zone, both included."""
    return Membership(group, first_second(plan, start), None if end is None else end_of(plan, end))


def read_members(file: Path, plan: Plan, today: date) -> dict[str, list[Membership]]:
    """Memberships by customer from a CSV with columns group, customer and, if known, start and end.

    Days are whole days in the bank's zone, both included; without a start a membership begins `today`.

    Raises:
        MembersUnreadable: for the first row that cannot be.
    """
    known = plan.catalogue.groups
    found: dict[str, list[Membership]] = {}
    with file.open(encoding="utf-8", newline="") as opened:
        rows = csv.DictReader(opened)
        if not {"group", "customer"} <= set(rows.fieldnames or ()):
            raise MembersUnreadable(f"{file}:1: the columns are to be group, customer and, if known, start and end")
        for row in rows:
            place = f"{file}:{rows.line_num}"
            if row["group"] not in known:
                raise MembersUnreadable(
                    f"{place}: the catalogue has no group `{row['group']}`; it has {', '.join(known)}"
                )
            if not row["customer"]:
                raise MembersUnreadable(f"{place}: `customer` is empty")
            try:
                start = date.fromisoformat(row["start"]) if row.get("start") else today
                end = date.fromisoformat(row["end"]) if row.get("end") else None
            except ValueError as error:
                raise MembersUnreadable(f"{place}: a day looks like 2026-11-21") from error
            if end is not None and end < start:
                raise MembersUnreadable(f"{place}: it ends on {end}, before it begins on {start}")
            found.setdefault(row["customer"], []).append(membership_of(plan, row["group"], start, end))
    return found


async def put_members(
    store: MergeStore, members: Mapping[str, Sequence[Membership]], now_ms: Callable[[], int]
) -> list[str]:
    """Store memberships, each in place of the one of the same group that begins with it; says who is no customer.

    Raises:
        StoreUnavailable: the store went away; the same call goes on later.
    """

    def put(new: Sequence[Membership]) -> Change:
        replaced = {(each.group, each.start_s, each.by) for each in new}
        return lambda held: [*(e for e in held if (e.group, e.start_s, e.by) not in replaced), *new]

    return await _change_all(store, {customer: put(new) for customer, new in members.items()}, now_ms)


async def end_members(
    store: MergeStore, customers: Collection[str], group: str, now_ms: Callable[[], int], by: str = FIXED
) -> list[str]:
    """End what runs of a group, and what has not begun; says who is no customer. Raises as `put_members` does."""
    now_s = now_ms() // 1_000

    def ended(held: Sequence[Membership]) -> Iterable[Membership]:
        for each in held:
            if each.group != group or each.by != by or (each.end_s is not None and each.end_s <= now_s):
                yield each
            elif each.start_s <= now_s:
                yield Membership(each.group, each.start_s, now_s, each.by)

    return await _change_all(store, dict.fromkeys(customers, ended), now_ms)


async def _change_all(store: MergeStore, changes: Mapping[str, Change], now_ms: Callable[[], int]) -> list[str]:
    unknown = []
    at_once = asyncio.Semaphore(AT_ONCE)

    async def change(customer: str, how: Change) -> None:
        async with at_once:
            if not await _change(store, customer, how, now_ms):
                unknown.append(customer)

    await asyncio.gather(*(change(customer, how) for customer, how in changes.items()))
    return sorted(unknown)


async def _change(store: MergeStore, customer: str, how: Change, now_ms: Callable[[], int]) -> bool:
    """Change one customer's memberships; False where there is no such customer. Follows `moved_to`."""
    key = key_of(customer)
    for _ in range(ATTEMPTS):
        deadline = asyncio.get_running_loop().time() + WITHIN_S
        seen = await store.read(key, deadline=deadline)
        if seen.record.moved_to is not None:
            key = key_of(seen.record.moved_to.decode())
            continue
        if seen.record.owner is None:
            return False
        ties = decode_ties(seen.record.ties)
        after = encode_memberships(how(ties.g), ties.r)
        change = MergeChange(deadline_ms=now_ms() + int(WITHIN_S * 1_000), fields={"g": after})
        if after == seen.record.ties or await store.change(seen, change, deadline=deadline):
            return True
    raise StoreUnavailable("the record keeps changing, try again")


class Members(Viewer):
    """Looks at every customer: who is to join a group and who to leave it, so that it holds whom a need holds of."""

    def __init__(self, plan: Plan, reader: RecordReader, group: str, need: FactName, now_s: int) -> None:
        super().__init__(reader, lambda _customer, _snapshot: None, None)
        self.joining: list[str] = []
        self.leaving: list[str] = []
        self._plan = plan
        self._group = group
        self._need = need
        self._now_s = now_s

    def show(self, customer: str, stored: StoredRecord) -> None:
        """Look at one customer; a record that cannot be read stays as it is, and is counted."""
        memberships = decode_memberships(stored.ties)
        try:
            present = stored if stored.ties is None else self.reader.present(stored, self._now_s)
            holds = self._holds(self.reader.read(present))
        except RecordUnreadable:
            self.unreadable += 1
            return
        self.seen += 1
        is_in = any(
            each.group == self._group and each.by == self._need and each.runs(self._now_s) for each in memberships
        )
        if holds and not is_in:
            self.joining.append(customer)
        elif is_in and not holds:
            self.leaving.append(customer)

    def _holds(self, snapshot: Snapshot) -> bool:
        if snapshot.consent.profiling_objection:
            return False
        row = row_of(self._plan, snapshot, self._now_s)
        return self._need in active_needs(self._plan, snapshot, row, self._now_s)
