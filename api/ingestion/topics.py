"""The port to a message broker: messages in batches, and a position that moves on once they are durable."""

from collections.abc import Sequence
from typing import Protocol

from api.ingestion.kafka_messages import Message


class TopicsUnavailable(Exception):
    """The brokers gave no answer, or took the topics' partitions away; what was not committed comes again."""


class Topics(Protocol):
    """Topics that are read as one member of a consumer group."""

    async def read(self) -> Sequence[Message]:
        """The next messages, in order within each partition; none after a short while without any.

        Raises:
            TopicsUnavailable: nothing can be read now.
        """

    async def commit(self, messages: Sequence[Message]) -> None:
        """Note that everything up to these messages is done.

        Raises:
            TopicsUnavailable: it is not noted; they come again.
        """

    def behind(self) -> int:
        """How many messages of the partitions held wait to be read, as far as is known."""
