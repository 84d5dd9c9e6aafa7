"""Kafka on the mock cluster inside librdkafka, read by worker processes that are killed: every event counts once."""

import asyncio
import json
import random
import signal
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from api.entries import QuarantineEntry
from api.ports import FIRST, PARTITIONS, Stream
from tests.integration.api.installations import PATIENCE_S, Installation, load, process, until
from tests.integration.api.test_worker import DEEP, instants

confluent_kafka = pytest.importorskip("confluent_kafka")

TOPIC = "bank.events"
CUSTOMERS = [f"C{number:07}" for number in range(1, 11)]


class Cluster:
    """Brokers of the mock, for as long as this producer lives."""

    def __init__(self) -> None:
        self._producer = confluent_kafka.Producer(
            {"test.mock.num.brokers": 1, "log_level": 0} | {"bootstrap.servers": "mock"}
        )
        brokers = self._producer.list_topics(timeout=PATIENCE_S).brokers.values()
        self.servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def send(self, value: bytes, key: str = "", headers: dict[str, bytes] | None = None) -> None:
        """Produce a message."""
        self._producer.produce(TOPIC, value, key=key, headers=headers or {})

    def flush(self) -> None:
        """See that every message has arrived."""
        assert self._producer.flush(PATIENCE_S) == 0

    def properties(self, folder: Path) -> Path:
        """What an operator writes."""
        path = folder / "kafka.properties"
        path.write_text(f"topics={TOPIC}\nbootstrap.servers={self.servers}\nsession.timeout.ms=6000\nlog_level=0\n")
        return path


@pytest.fixture
def cluster() -> Cluster:
    """A cluster of one broker."""
    return Cluster()


def sent_by(customers: list[str]) -> dict[str, list[int]]:
    """As many instants as are kept, for each customer, latest first."""
    now_s = int(time.time())
    return {customer: [now_s - 60 * (number + 1) for number in range(DEEP.depth)] for customer in customers}


def send_all(cluster: Cluster, sent: dict[str, list[int]], chance: random.Random) -> None:
    """Every event once or twice, out of order, in either content mode."""
    copies = [(name, at_s) for name, all_at in sent.items() for at_s in all_at for _ in range(chance.randint(1, 2))]
    chance.shuffle(copies)
    for name, at_s in copies:
        event = {
            "specversion": "1.0",
            "id": f"{name}-{at_s}",
            "source": "core_banking",
            "type": DEEP.event,
            "subject": f"customer_id:{name}",
            "time": datetime.fromtimestamp(at_s, UTC).isoformat(),
        }
        if chance.random() < 0.5:
            cluster.send(json.dumps(event).encode(), name)
        else:
            cluster.send(b"", name, {f"ce_{attribute}": value.encode() for attribute, value in event.items()})
    cluster.flush()


async def test_events_of_topics_count_once_though_workers_are_killed(
    house: Installation, cluster: Cluster, tmp_path: Path
) -> None:
    """Killed at any moment, between append and commit too; poison among them stops nothing."""
    chance = random.Random(11)
    await load(house.stores, *CUSTOMERS)
    sent = sent_by(CUSTOMERS)
    cluster.send(b"no event")
    send_all(cluster, sent, chance)
    kafka = cluster.properties(tmp_path)
    for pause_s in (0.0, chance.uniform(0.0, 4.0)):
        with process(house.settings.data_dir, "api.worker", kafka=kafka) as running:
            await until(lambda: anything(house), "nothing is read")
            await asyncio.sleep(pause_s)
            running.send_signal(signal.SIGKILL)
    with ExitStack() as stack:
        stack.enter_context(process(house.settings.data_dir, "api.worker", kafka=kafka))
        give_up_at = time.monotonic() + 3 * PATIENCE_S
        while await found(house) != sent:
            assert time.monotonic() < give_up_at
            await asyncio.sleep(0.2)
        await asyncio.sleep(1)
    assert await found(house) == sent
    assert await aside(house) == ["malformed_body"]


async def anything(house: Installation) -> bool:
    """Whether a first batch is in the streams, committed or not."""
    everywhere = dict.fromkeys(range(PARTITIONS), FIRST)
    return bool(await house.stores.journal.read(Stream.EVENTS, everywhere, count=1))


async def found(house: Installation) -> dict[str, list[int]]:
    """What every customer's state keeps."""
    return {customer: await instants(house, customer) for customer in CUSTOMERS}


async def aside(house: Installation) -> list[str]:
    """Why things were put aside."""
    everywhere = dict.fromkeys(range(PARTITIONS), FIRST)
    entries = await house.stores.journal.read(Stream.QUARANTINE, everywhere, count=10)
    bodies = [entry.body for some in entries.values() for entry in some]
    return [msgspec.msgpack.decode(body, type=QuarantineEntry).reason for body in bodies]
