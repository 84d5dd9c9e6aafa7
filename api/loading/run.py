"""Runs a load against a store that is named by its address."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from api.adapters.cluster import nodes_at
from api.adapters.merge_store import RedisMergeStore
from api.adapters.record_reader import RecordReader
from api.adapters.relation_store import RedisRelationStore
from api.known import learn_schemas
from api.loading.bulk_histories import BulkHistories
from api.loading.bulk_store import BULK_TIMING, BulkStore
from api.loading.events_loader import EventsLoad, EventsReport
from api.loading.loader import Load
from api.loading.report import LoadReport
from api.merging.profiles import origin_of
from api.settling import Settling
from engine.plan import Plan

BANK_FILES: Final = Path(__file__).parent / "bank_files.yaml"
"""The mapping of files that use nextbest's own names."""
EVENT_FILES: Final = Path(__file__).parent / "event_files.yaml"
"""That of a single file of events."""


async def load_events_into(load: EventsLoad, url: str, *, write: bool) -> EventsReport:
    """Load events into the store at an address; without `write` only judge them.

    Raises:
        MappingErrors: the mapping does not fit the rules or the files.
        SourceError: a file is missing or damaged.
        StoreUnavailable: the store is not there, or failed while writing.
    """
    nodes = nodes_at(url, BULK_TIMING)
    await nodes.start()
    try:
        return await load.run(BulkHistories(nodes, load.target.schema, load.target.layout), write=write)
    finally:
        await nodes.close()


async def load_into(load: Load, url: str | None, plan: Plan | None = None) -> LoadReport:
    """Load into the store at an address; None only judges the files. Under a plan, what is derived of several records
    is made anew: joined profiles, and what rules read of relations.

    Raises:
        MappingErrors: the mapping does not fit the rules or the files.
        SourceError: a file is missing or damaged.
        StoreUnavailable: the store is not there, or failed while writing.
    """
    if url is None:
        return await load.run(None)
    nodes = nodes_at(url, BULK_TIMING)
    await nodes.start()
    try:
        origin = origin_of(load.as_of.toordinal(), load.mapping.source) if load.target.tells_origin else b""
        store = BulkStore(nodes, load.target.schema, load.target.layout, wakes=load.target.wakes, origin=origin)
        report = await load.run(store)
        if plan is not None:
            reader = RecordReader(plan.profile_schema, plan.event_layout)
            await learn_schemas(reader, store)
            settling = Settling(plan, RedisMergeStore(nodes), RedisRelationStore(nodes), reader.read)
            await settling.settle_load(store.merged)
        return replace(report, left_alone=store.outcomes)
    finally:
        await nodes.close()
