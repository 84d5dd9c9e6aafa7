"""What an operator says of Kafka: a properties file with librdkafka's own names, and `topics`."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_OURS: Final = {
    "enable.auto.commit": "false",
    "enable.auto.offset.store": "false",
    "auto.offset.reset": "earliest",
}
"""An offset is committed when its event is in the stream, never by the clock; a new group begins with what there is."""
_DEFAULTS: Final = {"group.id": "nextbest", "client.id": "nextbest", "log_level": "2", "reconnect.backoff.ms": "500"}
"""What an operator may set otherwise. A broker that is away is told of once a minute, not by librdkafka's own log."""


class KafkaUnusable(Exception):
    """Kafka cannot be read as it was asked; one sentence says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """Which topics are read, and how their brokers are reached."""

    topics: tuple[str, ...]
    properties: Mapping[str, str]
    """As librdkafka takes them; may hold a password."""

    def __repr__(self) -> str:
        """Without the properties: settings end up in logs."""
        return f"KafkaSettings(topics={self.topics})"


def read_kafka_settings(path: Path) -> KafkaSettings:
    """Read the properties file.

    Raises:
        KafkaUnusable: it is missing or malformed, names no topics or brokers, or the client library is not installed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KafkaUnusable(f"{path}: cannot be read as a properties file") from error
    said = _properties(path, text)
    topics = tuple(name.strip() for name in said.pop("topics", "").split(",") if name.strip())
    if not topics:
        raise KafkaUnusable(f"{path}: needs `topics`, such as topics=bank.events,web.events")
    if "bootstrap.servers" not in said and "test.mock.num.brokers" not in said:
        raise KafkaUnusable(f"{path}: needs `bootstrap.servers`, such as bootstrap.servers=broker1:9092")
    for name, value in _OURS.items():
        if said.get(name, value) != value and name != "auto.offset.reset":
            raise KafkaUnusable(f"{path}: `{name}` must be {value}: an offset is committed once its event is durable")
    if find_spec("confluent_kafka") is None:
        raise KafkaUnusable("reading Kafka needs a client library: install nextbest with its extra `kafka`")
    return KafkaSettings(topics=topics, properties={**_OURS, **_DEFAULTS, **said})


def _properties(path: Path, text: str) -> dict[str, str]:
    said: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", "!")):
            continue
        name, equals, value = stripped.partition("=")
        if not equals or not name.strip():
            raise KafkaUnusable(f"{path}:{number}: must read name=value")
        said[name.strip()] = value.strip()
    return said
