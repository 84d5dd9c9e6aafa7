"""Where a population comes from: a bank's files, or a store that serves; customers come in batches."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from time import time
from typing import Final

from api.adapters.cluster import nodes_at
from api.adapters.commands import Reply, checked, pack
from api.adapters.customer_store import FIELDS, stored_record
from api.adapters.flights import Node
from api.adapters.record_reader import RecordReader
from api.adapters.record_store import RedisRecordStore
from api.known import learn_schemas
from api.loading.bulk_store import BULK_TIMING
from api.loading.loader import Load
from api.loading.mapping import Mapping as MappingFile
from api.loading.target import Target
from api.ports import Identity, LoadedRecord, StoredLayout, StoredRecord
from api.serving import RecordUnreadable
from engine.decision import Snapshot
from engine.ids import CustomerId
from engine.plan import Plan

See = Callable[[str, Snapshot], None]
"""Takes one customer."""
_BATCH: Final = 1_000
_WITHIN_S: Final = 60.0
_RECORDS: Final = b"c:{*"


class _Enough(Exception):
    """As many customers were seen as were asked for."""


class Viewer:
    """Shows customers to somebody until there were enough, and counts them."""

    def __init__(self, reader: RecordReader, see: See, limit: int | None) -> None:
        self.reader = reader
        self.seen = 0
        self.unreadable = 0
        self._see = see
        self._limit = limit

    def show(self, customer: str, stored: StoredRecord) -> None:
        """Show one record; one that cannot be read is counted and passed over.

        Raises:
            _Enough: the limit is reached.
        """
        if self._limit is not None and self.seen >= self._limit:
            raise _Enough
        try:
            present = stored if stored.ties is None else self.reader.present(stored, int(time()))
            snapshot = self.reader.read(present)
        except RecordUnreadable:
            self.unreadable += 1
            return
        self._see(customer, snapshot)
        self.seen += 1


class _Sink:
    """A `RecordStore` that keeps nothing: what is loaded is shown."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    async def load(self, records: Sequence[LoadedRecord]) -> None:
        for each in records:
            stored = StoredRecord(
                profile=each.profile or None,
                events=each.events or None,
                needs=each.needs or None,
                contacts=each.contacts or None,
                consent=each.consent or None,
                outcome_count=each.outcome_count,
                owner=each.customer.encode(),
            )
            self._viewer.show(each.customer, stored)

    async def identify(self, customers_by_identity: Mapping[Identity, Sequence[CustomerId]]) -> None:
        return

    async def put_schema(self, schema_hash: int, columns: bytes) -> None:
        return

    async def schemas(self) -> Sequence[bytes]:
        return ()

    async def put_layout(self, layout_hash: int, filters: bytes) -> None:
        return

    async def begin_folding(self, layout_hash: int, now_s: int) -> None:
        return

    async def layouts(self) -> Sequence[StoredLayout]:
        return ()


def from_bank(plan: Plan, viewer: Viewer, *, mapping: MappingFile, bank: Path, staging: Path, now: datetime) -> None:
    """Show the customers of a bank's files: a folder, or the file of customers alone.

    Raises:
        MappingErrors: the mapping does not fit the rules or the files.
        SourceError: a file is missing or damaged.
    """
    folder, narrowed = (bank, mapping) if bank.is_dir() else (bank.parent, _customers_alone(mapping, bank.name))
    load = Load(
        mapping=replace(narrowed, identities=()),
        folder=folder,
        target=Target.of(plan),
        ruleset=plan.hash,
        staging=staging,
        now=now,
        progress=lambda _doing, _done: None,
    )
    try:
        asyncio.run(load.run(_Sink(viewer)))
    except _Enough:
        return


def _customers_alone(mapping: MappingFile, file: str) -> MappingFile:
    name = mapping.customers.table
    table = replace(mapping.tables[name], file=file)
    consents = tuple(each for each in mapping.consents if each.table == name)
    return replace(mapping, tables={name: table}, products=(), events=(), contacts=(), consents=consents)


async def from_store(viewer: Viewer, url: str) -> None:
    """Show the customers of a store; records that moved to another customer are passed over.

    Raises:
        StoreUnavailable: the store is not there, or failed.
    """
    nodes = nodes_at(url, BULK_TIMING)
    await nodes.start()
    try:
        await learn_schemas(viewer.reader, RedisRecordStore(nodes))
        for node in nodes.everyone():
            await _from_node(viewer, node)
    except _Enough:
        return
    finally:
        await nodes.close()


async def _from_node(viewer: Viewer, node: Node) -> None:
    cursor = b"0"
    while True:
        cursor, names = checked(await _call(node, [pack(b"SCAN", cursor, b"MATCH", _RECORDS, b"COUNT", str(_BATCH))]))[
            0
        ]
        if names:
            replies = await _call(node, [pack(b"HMGET", name, *FIELDS) for name in names])
            for name, fields in zip(names, replies, strict=True):
                stored = stored_record(checked(fields))
                if stored.owner is not None and not stored.moved_to:
                    viewer.show(name.partition(b"}:")[2].decode(), stored)
        if cursor == b"0":
            return


async def _call(node: Node, commands: Sequence[bytes]) -> list[Reply]:
    deadline = asyncio.get_running_loop().time() + _WITHIN_S
    answer = await node.call(b"".join(commands), len(commands), deadline)
    return list(answer) if len(commands) > 1 else [answer]
