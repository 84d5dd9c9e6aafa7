"""The answer that is given without deciding: whatever it costs, it is whole and says why."""

import json

from bench.cheap_path import cheap_path
from tests.unit.api.shells import starter_plan

ASKED = {
    "identity": {"scheme": "card_token", "value": "tok_9f2"},
    "channel": "atm",
    "placements": [{"id": "idle_screen"}],
}


def test_request_that_waited_too_long_is_answered_without_waiting_for_anything() -> None:
    """Measured at the door, where nothing is decided and nobody is asked."""
    assert cheap_path(starter_plan(), json.dumps(ASKED)).calls > 0
