"""`Topics` on Kafka, by librdkafka's consumer; its calls wait, so each runs beside the event loop."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final, TypeVar, cast

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from api.ingestion.kafka_messages import Message
from api.ingestion.kafka_settings import KafkaSettings, KafkaUnusable
from api.ingestion.topics import TopicsUnavailable

READ_AT_MOST: Final = 500
READ_WITHIN_S: Final = 0.1
"""A batch is as large as what has come by then."""
NOTED_EACH_S: Final = 60.0
_PASSING: Final = (KafkaError._PARTITION_EOF, KafkaError.UNKNOWN_TOPIC_OR_PART)  # noqa: SLF001 - librdkafka's own name
"""Nothing there at the moment."""
_log = logging.getLogger(__name__)
Result = TypeVar("Result")


class KafkaTopics:
    """One member of a consumer group; `alone` runs its calls one after the other, the last of them the goodbye."""

    def __init__(self, consumer: Consumer, alone: ThreadPoolExecutor) -> None:
        self._consumer = consumer
        self._alone = alone

    async def read(self) -> Sequence[Message]:
        try:
            found = await self._call(lambda: self._consumer.consume(READ_AT_MOST, READ_WITHIN_S))
        except KafkaException as error:
            raise TopicsUnavailable(str(error)) from error
        # INVARIANT: what was read is handed on whatever else came with it: the group's position is behind it already.
        messages = [_message(each) for each in found if each.error() is None]
        failures = [error for error in (each.error() for each in found) if error is not None]
        if failures and not messages and any(error.code() not in _PASSING for error in failures):
            raise TopicsUnavailable(failures[0].str())
        return messages

    async def _call(self, call: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._alone, call)

    async def commit(self, messages: Sequence[Message]) -> None:
        after: dict[tuple[str, int], int] = {}
        for each in messages:
            place = (each.topic, each.partition)
            after[place] = max(after.get(place, 0), each.offset + 1)
        offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in after.items()]
        try:
            await self._call(lambda: self._consumer.commit(offsets=offsets, asynchronous=False))
        except KafkaException as error:
            raise TopicsUnavailable(str(error)) from error

    def behind(self) -> int:
        total = 0
        try:
            held = self._consumer.position(self._consumer.assignment())
            for each in held:
                low, high = self._consumer.get_watermark_offsets(each, cached=True)
                read = each.offset if each.offset >= 0 else low
                total += max(0, high - read) if high != OFFSET_INVALID else 0
        except KafkaException:
            return 0
        return total


@asynccontextmanager
async def open_topics(settings: KafkaSettings) -> AsyncIterator[KafkaTopics]:
    """Join the consumer group, and leave it at the end, so that others need not wait for a silent member.

    Raises:
        KafkaUnusable: librdkafka refuses a property.
    """
    consumer = _consumer(settings)
    with ThreadPoolExecutor(1, "kafka") as alone:
        try:
            consumer.subscribe(list(settings.topics))
            yield KafkaTopics(consumer, alone)
        finally:
            await asyncio.get_running_loop().run_in_executor(alone, consumer.close)


def see_that_they_can_be_read(settings: KafkaSettings) -> None:
    """Let librdkafka judge the properties; nobody is asked for anything.

    Raises:
        KafkaUnusable: it refuses one.
    """
    _consumer(settings).close()


def _consumer(settings: KafkaSettings) -> Consumer:
    try:
        return Consumer({**settings.properties, "error_cb": _Noting()})
    except (KafkaException, ValueError, TypeError) as error:
        cause = error.args[0] if error.args else error
        told = cause.str() if isinstance(cause, KafkaError) else str(cause)
        raise KafkaUnusable(f"Kafka cannot be read: {told}") from error


class _Noting:
    """Logs what librdkafka tells of its brokers, which it goes on trying: the same once a minute."""

    def __init__(self) -> None:
        self._noted_at: dict[str, float] = {}

    def __call__(self, error: KafkaError) -> None:
        now = monotonic()
        if now - self._noted_at.get(error.name(), -NOTED_EACH_S) >= NOTED_EACH_S:
            self._noted_at[error.name()] = now
            _log.warning("Kafka: %s", error.str())


def _message(found: KafkaMessage) -> Message:
    said = cast("list[tuple[str, bytes | None]] | None", found.headers())
    topic, partition, offset = found.topic(), found.partition(), found.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    value = found.value()
    return Message(topic, partition, offset, value if isinstance(value, bytes) else b"", said or ())
