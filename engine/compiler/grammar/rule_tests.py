"""Shapes of the `tests` in rule files."""

from typing import Final

from engine.compiler.grammar.common import REASON_NAMES, listed
from engine.compiler.grammar.kinds import (
    ByName,
    Choice,
    Either,
    Given,
    Key,
    Known,
    Number,
    Part,
    Parts,
    Shape,
    Text,
)
from engine.compiler.grammar.words import DURATION

OTHER_CODES: Final = (
    "not_for_this_moment",
    "no_profiling",
    "theme",
    "trigger",
    "lever",
    "experiment",
    "ranked_by_value",
)
"""What `because` may name beside the stages."""
OUTCOMES: Final = ("impression", "click", "later", "decline", "accept", "convert")
_DAY: Final = r"\d{4}-\d{2}-\d{2}"
_T: Final = Key(
    "t",
    Text(pattern=rf"-{DURATION}|0(?:min|mo|h|d|y)|{_DAY}(?:[T ].+)?", example="-200d"),
    "How long ago, such as `-200d`, or a day, or an instant.",
    required=True,
)

PAST_EVENT: Final = Shape(
    name="an event",
    doc="An event that happened before the question.",
    keys=(_T, Key("event", Known("event"), "What happened.", required=True)),
    open="The event's fields, with their values.",
)
PAST_CONTACT: Final = Shape(
    name="a contact",
    doc="An offer that reached the customer before the question; each is a session of its own.",
    keys=(
        _T,
        Key("action", Known("action"), "What was offered.", required=True),
        Key("channel", Known("channel"), "Where; on the channel asked unless it says otherwise."),
        Key("outcome", Choice(values=OUTCOMES, default="impression"), "What the customer did."),
        Key("reason", Choice(values=REASON_NAMES, default="none"), "Why they declined."),
    ),
)
ASK: Final = Shape(
    name="`ask`",
    doc="The question.",
    keys=(
        Key("channel", Known("channel"), "Where the customer is; needed, here or in the test that this one is like."),
        Key(
            "placement",
            listed("placement"),
            "What is to be filled; all placements of the channel unless it says otherwise.",
        ),
        Key("placements", listed("placement"), "The same, for several."),
        Key("moment", Known("moment"), "Why now."),
        Key("locale", Text(example="en-GB"), "The customer's language; the bank's own unless it says otherwise."),
    ),
)
EXPECT: Final = Shape(
    name="`expect`",
    at_least_one=("offer", "not_offer"),
    doc="The answer that is right. It needs `offer` or `not_offer`.",
    keys=(
        Key("offer", listed("action"), "What must be among the options."),
        Key("not_offer", listed("action"), "What must not be."),
        Key("because", listed("reason"), "A stage, rule, fact or event that must be among the reasons."),
    ),
)
TEST: Final = Shape(
    name="a test",
    doc="A customer, a question and the answer that is right.",
    keys=(
        Key("name", Text(), "What the test shows, in words.", required=True),
        Key("like", Text(), "Another test of the file: its `given` and `ask` are taken over, its `events` come first."),
        Key("persona", Known("persona"), "The customer it starts from; `typical` unless it says otherwise."),
        Key("given", Given(), "Facts that differ from the persona's; `missing`: not known."),
        Key("events", Parts("an event"), "What happened before."),
        Key("contacts", Parts("a contact"), "What was offered before, and what the customer answered."),
        Key("ask", Part("`ask`"), "The question."),
        Key("expect", Part("`expect`"), "The answer that is right.", required=True),
        Key(
            "against",
            Choice(values=("named", "all"), default="named"),
            "Which actions compete: those that the file names, or all.",
        ),
        Key(
            "now",
            Text(pattern=rf"{_DAY}(?:[T ].+)?", example="2026-01-31T18:30"),
            "The day, at noon, or the instant of the question.",
        ),
        Key(
            "propensity",
            Either((Number(low="0", high="1"), ByName(Known("action"), Number(low="0", high="1")))),
            "How likely a yes is, for all actions or by action; 0.05 unless it says otherwise.",
        ),
    ),
)

SHAPES: Final = (TEST, ASK, EXPECT, PAST_EVENT, PAST_CONTACT)
