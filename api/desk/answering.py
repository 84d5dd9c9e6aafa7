"""What a customer said to a card, from the form under it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from api.access.callers import Caller
from api.forms import DeclineCode, OutcomeForm, OutcomeKind
from api.parsing import as_form, as_json
from api.recording import record_outcome
from api.service_port import Shell

REASONS: Final = (
    DeclineCode.NOT_NOW,
    DeclineCode.NOT_INTERESTED,
    DeclineCode.ALREADY_HAVE,
    DeclineCode.TOO_EXPENSIVE,
    DeclineCode.NEVER,
    DeclineCode.OTHER,
)
"""In the order in which staff are shown them."""


async def take_down(shell: Shell, fields: Mapping[str, str], caller: Caller) -> OutcomeKind:
    """Record an answer; it counts once, however often the form is sent.

    Raises:
        Problem: the form is not one of ours, the offer is too long ago, or the store is away.
    """
    kind = fields.get("outcome", OutcomeKind.DECLINE)  # a reason alone says no
    body = {
        "outcome_id": f"{fields.get('answer_id', '')}.{kind}",
        "tracking_token": fields.get("token", ""),
        "outcome": kind,
        "reason": fields.get("reason") or None,
        "occurred_at": datetime.now(UTC).isoformat(),
    }
    outcome = as_form(OutcomeForm, as_json(json.dumps(body).encode()))
    await record_outcome(shell, outcome, caller)
    return outcome.outcome
