"""Both content modes of the CloudEvents binding for Kafka."""

import json

from api.ingestion.kafka_messages import Message, as_cloudevent

EVENT = {"specversion": "1.0", "id": "e1", "source": "cards", "type": "card_lost", "subject": "customer_id:C1"}


def test_structured_message_is_the_event_itself() -> None:
    """Whatever its content type says of it."""
    value = json.dumps(EVENT).encode()
    assert as_cloudevent(Message("t", 0, 0, value, [("content-type", b"application/cloudevents+json")])) == value


def test_binary_message_has_its_attributes_in_headers() -> None:
    """The value is the data."""
    headers = [(f"ce_{name}", value.encode()) for name, value in EVENT.items()]
    message = Message("t", 0, 0, b'{"amount": 5}', [*headers, ("content-type", b"application/json; charset=utf-8")])
    assert json.loads(as_cloudevent(message)) == {
        **EVENT,
        "datacontenttype": "application/json",
        "data": {"amount": 5},
    }


def test_binary_message_without_value_is_an_event_without_data() -> None:
    """A tombstone of a compacted topic, for one."""
    headers = [(f"ce_{name}", value.encode()) for name, value in EVENT.items()]
    assert "data" not in json.loads(as_cloudevent(Message("t", 0, 0, b"", headers)))


def test_binary_message_that_is_no_json_stays_as_it_is() -> None:
    """It is refused like any other body that is none."""
    assert as_cloudevent(Message("t", 0, 0, b"\x00\x01", [("ce_specversion", b"1.0")])) == b"\x00\x01"
