"""The offline pack: the placements' own content of a channel, for a while; nothing in it is about anybody."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from api.kiosk.seal import Seal
from engine.ids import ChannelId
from engine.plan import Plan

GOOD_FOR: Final = timedelta(days=30)
"""A machine that has heard nothing for longer shows no content but its own instructions."""


def offline_pack(plan: Plan, channel: ChannelId, seal: Seal, now: datetime) -> bytes:
    """The signed pack as JSON; the same bytes for a whole hour, so that machines need not fetch it again."""
    issued = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    content = msgspec.json.encode(
        {
            "bank": plan.bank_name,
            "channel": channel,
            "ruleset": plan.hash,
            "issued_at": issued,
            "valid_until": issued + GOOD_FOR,
            "placements": _placements(plan, channel),
        },
        order="sorted",
    )
    return msgspec.json.encode({"content": b64encode(content).decode(), "signature": seal.sign(content)})


def _placements(plan: Plan, channel: ChannelId) -> Mapping[str, Mapping[str, object]]:
    found = plan.channel_by_id.get(channel)
    return {} if found is None else {str(name): _words(each.fallback) for name, each in found.placements.items()}


def _words(fallback: Mapping[str, object]) -> Mapping[str, object]:
    """A placement's own content without its id."""
    return {name: text for name, text in fallback.items() if name != "id"}
