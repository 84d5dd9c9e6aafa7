"""`archive/known.json`: the profile schemas and event layouts that archived records are written in.

A record of another layout than its rules' own is carried over, and how depends on since when events were folded under
the rules' layout: every such instant is kept, so that a decision is replayed with the one that held when it was made.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from api.adapters.record_reader import RecordReader
from api.adapters.records import decode_layout, decode_schema
from api.archiving.files import replace_durably
from api.ports import RecordStore, StoredLayout
from engine.plan import Plan

NAME: Final = "known.json"


class _Layout(msgspec.Struct):
    filters: bytes
    folded_since_s: list[int] = []


class _Known(msgspec.Struct):
    schemas: list[bytes] = []
    layouts: list[_Layout] = []


class Known:
    """What is known of the forms of records."""

    def __init__(self, archive: Path) -> None:
        self._path = archive / NAME
        try:
            self._held = msgspec.json.decode(self._path.read_bytes(), type=_Known)
        except FileNotFoundError:
            self._held = _Known()
        self._since: dict[int, list[int]] | None = None
        self.revision = 0
        """Rises with everything that is learned."""

    async def learn(self, records: RecordStore) -> None:
        """Learn what the store keeps.

        Raises:
            StoreUnavailable: it does not answer.
        """
        self.take(await records.schemas(), await records.layouts())

    def take(self, schemas: Sequence[bytes], layouts: Sequence[StoredLayout]) -> None:
        """Add what is new, durably where there is an archive."""
        before = msgspec.json.encode(self._held)
        self._held.schemas += [each for each in schemas if each not in self._held.schemas]
        by_filters = {each.filters: each for each in self._held.layouts}
        for stored in layouts:
            layout = by_filters.get(stored.filters)
            if layout is None:
                layout = by_filters[stored.filters] = _Layout(stored.filters)
                self._held.layouts.append(layout)
            since = stored.folded_since_s
            if since is not None and since not in layout.folded_since_s:
                layout.folded_since_s = sorted([*layout.folded_since_s, since])
        after = msgspec.json.encode(self._held)
        if after != before:
            self.revision += 1
            self._since = None
            if self._path.parent.is_dir():
                replace_durably(self._path, after)

    def folded_since(self, plan: Plan, at_s: float) -> int | None:
        """Since when, seen from an instant, events were folded under a plan's layout."""
        instants = self._since_by_layout().get(plan.event_layout.hash, ())
        return max((since for since in instants if since <= at_s), default=None)

    def reader(self, plan: Plan, folded_since_s: int | None) -> RecordReader:
        """A reader of records for a plan under whose layout events are folded since an instant."""
        reader = RecordReader(plan.profile_schema, plan.event_layout)
        for columns in self._held.schemas:
            reader.learn(decode_schema(columns))
        for each in self._held.layouts:
            layout = decode_layout(each.filters)
            reader.learn_layout(layout, folded_since_s if layout.hash == plan.event_layout.hash else None)
        return reader

    def _since_by_layout(self) -> dict[int, list[int]]:
        if self._since is None:
            self._since = {decode_layout(each.filters).hash: each.folded_since_s for each in self._held.layouts}
        return self._since
