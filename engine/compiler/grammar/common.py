"""Keys and kinds that several shapes share."""

from typing import Final

from engine.actions import Tier
from engine.compiler.grammar.kinds import (
    Block,
    Blocks,
    Choice,
    Day,
    Histories,
    Key,
    Known,
    Listed,
    Part,
    Parts,
    Shape,
    Text,
    Whole,
)
from engine.contacts import DeclineReason

TIER_NAMES: Final = tuple(tier.name.lower() for tier in sorted(Tier))
PRIVACY: Final = ("public", "personal", "staff")
REASON_NAMES: Final = tuple(reason.name.lower() for reason in DeclineReason)


def listed(kind: str) -> Listed:
    """A list of names of one kind."""
    return Listed(Known(kind))


WHEN: Final = Key("when", Block(), "The condition: every line in it must hold.")
UNLESS: Final = Key("unless", Blocks(), "Exceptions: a list of blocks, any of which excludes.")
HISTORY: Final = Key("history", Histories(), "What must, or must not, have happened; every line counts.")
CONDITIONS: Final = (WHEN, HISTORY, UNLESS)

HEAD: Final = (
    Key("title", Text(), "What people call it; explanations quote it."),
    Key("owner", Text(), "Whom to ask: a team's address, never a person's."),
    Key("version", Whole(low=1, default=1), "Rises with every change of the content."),
    Key("formerly", Text(), "The id it had before it was renamed, so that caps go on counting."),
    Key("valid", Part("`valid`"), "The days on which it counts; without it, always."),
)

TESTS: Final = Key(
    "tests", Parts("a test"), "Customers with the answer that each of them should get; `nextbest test` runs them."
)

VALID: Final = Shape(
    name="`valid`",
    doc="The days on which something counts, both inclusive, in the bank's time zone.",
    keys=(
        Key("from", Day(), "The first day; without it, from ever."),
        Key("to", Day(), "The last day; without it, for ever."),
    ),
)

GROUPS: Final = Key("groups", listed("group"), "Groups of actions.")
ACTIONS: Final = Key("actions", listed("action"), "Actions by their id.")
THEMES: Final = Key("themes", listed("theme"), "Themes by their id: the actions of their journeys.")
CHANNELS: Final = Key("channels", listed("channel"), "Channels by their id.")
TIERS: Final = Key("tiers", Listed(Choice(values=TIER_NAMES)), "Kinds of actions by rank.")
