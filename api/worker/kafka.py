"""Reads Kafka beside the folding, for as long as a worker runs and an operator has named topics."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from api.beside import beside
from api.bootstrap import Stores
from api.ingestion.from_topics import FromTopics
from api.ingestion.intake import EventIntake
from api.ingestion.kafka_settings import read_kafka_settings
from api.telemetry import Metrics
from api.watch import StoreWatch
from engine.plan import Plan


@asynccontextmanager
async def reading_kafka(
    properties: Path, stores: Stores, plan: Callable[[], Plan], metrics: Metrics
) -> AsyncIterator[None]:
    """Take in what the topics hold; `plan` is the one that serves.

    Raises:
        KafkaUnusable: the properties are missing or refused, or the client library is not installed.
    """
    settings = read_kafka_settings(properties)
    from api.adapters.kafka_topics import open_topics  # noqa: PLC0415 - the client library is an extra

    watch = StoreWatch(stores.health)
    async with open_topics(settings) as topics, beside(watch.keep_looking()):
        reading = FromTopics(
            topics=topics,
            intake=EventIntake(stores.customers, stores.journal),
            catalogue=lambda: plan().catalogue,
            full=lambda: watch.full,
            metrics=metrics,
        )
        async with beside(reading.run()):
            yield
