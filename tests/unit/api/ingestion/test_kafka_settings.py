"""What is wrong with the properties of Kafka is said before anything starts."""

from pathlib import Path

import pytest

from api.ingestion.kafka_settings import KafkaUnusable, read_kafka_settings


def written(folder: Path, text: str) -> Path:
    path = folder / "kafka.properties"
    path.write_text(text)
    return path


def test_properties_reach_the_client_under_their_own_names(tmp_path: Path) -> None:
    """Offsets are never committed by the clock, and a new group begins with what there is."""
    text = "# ours\ntopics = bank, web\n\nbootstrap.servers=b:9092\nsasl.password=a=b\n"
    settings = read_kafka_settings(written(tmp_path, text))
    assert settings.topics == ("bank", "web")
    assert settings.properties["sasl.password"] == "a=b"
    assert settings.properties["enable.auto.commit"] == "false"
    assert settings.properties["auto.offset.reset"] == "earliest"
    assert "a=b" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bootstrap.servers=b:9092", "needs `topics`"),
        ("topics=bank", "needs `bootstrap.servers`"),
        ("topics=bank\nbootstrap.servers", ":2: must read name=value"),
        ("topics=bank\nbootstrap.servers=b\nenable.auto.commit=true", "`enable.auto.commit` must be false"),
    ],
)
def test_properties_that_cannot_be_meant_are_refused(text: str, said: str, tmp_path: Path) -> None:
    """With their place and what they need."""
    with pytest.raises(KafkaUnusable) as refused:
        read_kafka_settings(written(tmp_path, text))
    assert said in str(refused.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(KafkaUnusable, match=r"kafka\.properties: cannot be read"):
        read_kafka_settings(tmp_path / "kafka.properties")
