"""Shapes of action, theme and trigger files."""

from typing import Final

from engine.compiler.grammar.common import (
    ACTIONS,
    CONDITIONS,
    GROUPS,
    HEAD,
    PRIVACY,
    REASON_NAMES,
    TESTS,
    TIER_NAMES,
    WHEN,
    listed,
)
from engine.compiler.grammar.kinds import (
    Block,
    ByName,
    Choice,
    Either,
    FieldBlock,
    Key,
    Known,
    Length,
    Name,
    Number,
    Part,
    Parts,
    Rows,
    Shape,
    Text,
    Truth,
    Variant,
    Whole,
)
from engine.compiler.grammar.words import DURATION, LINE, NAME

WEIGHT: Final = Number(low="0.2", high="5")
"""A context weight."""
ACTIVITIES: Final = ("appointment", "callback")
_AMOUNT: Final = Either(
    (
        Number(low="0", high="1000000000"),
        Text(pattern=LINE, example="0.02 * balance.savings"),
    )
)


def _stage(name: str, question: str) -> Shape:
    return Shape(name=f"`{name}`", doc=question, keys=CONDITIONS)


ELIGIBLE: Final = _stage("eligible", "May we? Product terms and the law. Who fails reads `not_eligible`.")
APPLICABLE: Final = _stage("applicable", "Does it make sense now? Who fails reads `not_applicable`.")
SUITABLE: Final = _stage("suitable", "Is it good for them? Who fails reads `not_suitable`.")

_TABLE: Final = (
    Key("table", Parts("a row of the table"), "Rows from the top; the last has no `when`.", required=True),
    Key("on_purpose", Text(), "Why it differs between channels, where it does."),
)
VALUE: Final = Shape(
    name="`value`",
    doc="A value that differs between customers: the first row whose condition holds.",
    keys=_TABLE,
)
TERM: Final = Shape(
    name="a term",
    doc="A term that differs between customers: the first row whose condition holds.",
    keys=_TABLE,
)
ROW: Final = Shape(
    name="a row of the table",
    doc="A value or term, and whom it is for.",
    keys=(WHEN, Key("then", _AMOUNT, "The amount: a number, or `number * fact + number`.", required=True)),
)
CONTACT: Final = Shape(
    name="`contact`",
    doc="How often an action is shown, and how long it rests, where that differs from `policy/contact.yaml`.",
    keys=(
        Key(
            "per_customer",
            Text(pattern=rf"\s*\d+ per {DURATION}\s*", example="4 per 30d"),
            "How often one customer sees it in a rolling window.",
        ),
        Key(
            "after_decline",
            Either((Length(), Part("`after_decline`"))),
            "How long it rests after a decline, for all reasons or by reason.",
        ),
        Key("after_accept", Length(), "How long it rests after it was accepted."),
        Key(
            "budget",
            Either((Text(pattern=NAME, example="spring"), Part("`budget`"))),
            "How much of it there is for all customers together; or the name of a budget in `policy/contact.yaml`.",
        ),
    ),
)
TREATMENT: Final = Shape(
    name="a treatment",
    doc="The action's content for one placement. Of several, the first that fits is shown.",
    keys=(
        Key("id", Text(), "Tells one of several treatments from the others; their number unless it says otherwise."),
        Key("when", Block(), "Whom, or at which `placement`, it is for; without it, everybody."),
        Key("locale", Text(example="en-GB"), "The language it is written in; without it, any."),
        Key("valid", Part("`valid`"), "The days on which it may be shown."),
        Key(
            "leads_to",
            ByName(Known("channel"), Choice(values=ACTIVITIES)),
            "What accepting creates instead of an order, on which channel.",
        ),
        Key("privacy", Choice(values=PRIVACY), "Who may see it; the channel's own unless it says otherwise."),
        Key("arm", Text(), "The arm of an experiment at this place that it is for; without it, every arm's."),
    ),
    open="Content for the screen. Its texts may hold facts as `{fact}`; a text with a fact nobody knows does not fit.",
    usual=(
        Key("headline", Text(), "The line that catches the eye."),
        Key("body", Text(), "What it is about."),
        Key("call_to_action", Text(), "What a tap leads to."),
        Key("image", Text(), "A picture."),
        Key("url", Text(), "The page behind it."),
        Key("why", Text(), "For staff: why it is brought up, in a sentence that may be said aloud before others."),
        Key("inquire", Text(), "For staff: a question that reveals the need."),
        Key("communicate", Text(), "For staff: that we are keen to meet it."),
        Key("affirm", Text(), "For staff: that we can."),
        Key("recommend", Text(), "For staff: the choices."),
        Key("express", Text(), "For staff: what happens next."),
        Key("objections", Rows(("says", "answer")), "For staff: what customers say, and an honest answer to it."),
    ),
)
ACTION: Final = Shape(
    name="an action file",
    doc="What the bank may do for a customer, for whom, worth how much and in which words: `actions/<id>.yaml`.",
    keys=(
        Key("action", Name(), "The action's id, spelt like the file.", required=True),
        *HEAD,
        Key("group", Name(), "The group it belongs to, for guards, caps and placements.", required=True),
        Key("gives", Known("product"), "The product that accepting it leads to."),
        Key(
            "tier",
            Choice(values=TIER_NAMES, default="offer"),
            "Its rank: `must` before `service` before `offer`. Only an `offer` is marketing and needs consent.",
        ),
        Key(
            "show",
            Choice(values=("always", "only_when_promoted"), default="always"),
            "`only_when_promoted`: never without a trigger or theme that speaks for it.",
        ),
        Key(
            "value", Either((*_AMOUNT.kinds, Part("`value`"))), "The margin expected of one conversion, in major units."
        ),
        Key(
            "terms",
            ByName(Name(), Either((*_AMOUNT.kinds, Part("a term"), Length()))),
            "The figures on which it is offered: numbers, lines over a fact, or tables. What is unknown is not quoted. "
            "`hold: 14d` quotes the same terms again for so long, on every channel.",
        ),
        Key("eligible", Part("`eligible`"), "May we?"),
        Key("applicable", Part("`applicable`"), "Does it make sense now?"),
        Key("suitable", Part("`suitable`"), "Is it good for them?"),
        Key("contact", Part("`contact`"), "How often it is shown, and how long it rests."),
        Key("never_with", listed("action"), "Actions that are never shown beside it."),
        Key(
            "treatments",
            ByName(Known("place"), Either((Part("a treatment"), Parts("a treatment")))),
            "Its content by `channel.placement`, or `channel.*` for all placements of a channel.",
            required=True,
        ),
        TESTS,
    ),
)

NEED: Final = Shape(
    name="a need",
    at_least_one=("when", "history", "unless"),
    doc="Something that the customer is after, inferred from facts and events; rules read it as `needs.<id>`. "
    "Declared twice, either will do. A need is never shown to the customer.",
    keys=(
        Key("need", Name(), "The need's id.", required=True),
        Key("title", Text(), "What people call it."),
        *CONDITIONS,
        Key("lasts", Length(), "How long the need stays after its condition held last."),
    ),
)
THEME: Final = Shape(
    name="a theme file",
    doc="A result that customers want, and the journey of actions that leads there: `thematic/<id>.yaml`.",
    keys=(
        Key("theme", Name(), "The theme's id, spelt like the file.", required=True),
        *HEAD,
        Key("needs", Parts("a need"), "The needs that this file declares; every file may read them."),
        Key("active", Block(), "The condition under which the theme counts.", required=True),
        Key(
            "journey",
            listed("action"),
            "The steps in order. Only the first that is neither done nor skipped gets the theme's weight.",
            required=True,
        ),
        Key("weight", Number(low="0.2", high="5", default="1"), "The context weight of the current step."),
        Key("strict", Truth(), "Whether later steps are rejected as `journey_not_reached` until it is their turn."),
        Key(
            "if_capped",
            Choice(values=("wait", "skip"), default="wait"),
            "Whether the journey waits for a step that contact policy holds back, or goes on.",
        ),
        Key("accept_counts", Length(), "For how long an accepted step counts as done before its product is held."),
        TESTS,
    ),
)

ON: Final = Shape(
    name="`on`",
    doc="When a trigger counts.",
    keys=(Key("moment", listed("moment"), "The moments at which it counts."),),
)
SUPPRESS: Final = Shape(
    name="`suppress`",
    doc="What a trigger stops.",
    keys=(
        ACTIONS,
        GROUPS,
        Key("for", Length(), "For how long, counted from the last matching event.", required=True),
    ),
)
TRIGGER: Final = Shape(
    name="a trigger file",
    at_least_one=("promote", "suppress"),
    doc="What follows from something that one customer did, or that is so: `customized/<id>.yaml`.",
    keys=(
        Key("trigger", Name(), "The trigger's id, spelt like the file.", required=True),
        *HEAD,
        Key("on", Part("`on`"), "The moments at which it counts; without it, every moment."),
        *CONDITIONS,
        Key(
            "promote",
            ByName(Known("action"), WEIGHT),
            "Actions with their context weight: above 1 moves up, below 1 moves down.",
        ),
        Key("suppress", Part("`suppress`"), "Actions that are stopped for some time."),
        TESTS,
    ),
)

_WHERE: Final = Key("where", FieldBlock(), "Conditions on the event's fields; without it, every event of the name.")
_AT_LEAST: Final = Key("at_least", Whole(low=1, high=50, default=1), "How many times.")
_SINCE: Final = Key("since", Known("event"), "Another event: counted from its last time on, instead of a window.")
_IN: Final = Key("in", Length(), "The window, counted back from now.")

HISTORY: Final = Shape(
    name="a history condition",
    variants=(
        Variant(needs=("seen", "in"), may=("at_least", "where")),
        Variant(needs=("seen", "since"), may=("where",)),
        Variant(needs=("not_seen", "in"), may=("at_least", "where")),
        Variant(needs=("not_seen", "since"), may=("where",)),
        Variant(needs=("ever",), may=("at_least", "where")),
        Variant(needs=("last", "ago"), may=("where",)),
    ),
    doc="What happened, or did not. One of `seen`, `not_seen`, `ever` and `last`.",
    keys=(
        Key("seen", Known("event"), "It happened in the window `in`, or `since` another event."),
        Key("not_seen", Known("event"), "It did not happen in the window `in`, or `since` another event, which did."),
        Key("ever", Known("event"), "It happened at some time."),
        Key("last", Known("event"), "It happened, and the last time lies in the span `ago`: `salary stopped`."),
        _IN,
        _SINCE,
        Key(
            "ago",
            Text(pattern=rf"{DURATION}\.\.{DURATION}", example="40d..220d"),
            "How long ago the last time was: the shorter distance first.",
        ),
        _AT_LEAST,
        _WHERE,
    ),
)

AFTER_DECLINE: Final = Shape(
    name="`after_decline`",
    doc="How long an action rests after a decline, by reason.",
    keys=(
        Key("default", Length(), "For every reason that is not listed; `never` is not shortened by it."),
        *(Key(reason, Length(), f"Declined as `{reason}`.") for reason in REASON_NAMES),
    ),
)

SHAPES: Final = (
    ACTION,
    ELIGIBLE,
    APPLICABLE,
    SUITABLE,
    VALUE,
    TERM,
    ROW,
    CONTACT,
    AFTER_DECLINE,
    TREATMENT,
    THEME,
    NEED,
    TRIGGER,
    ON,
    SUPPRESS,
    HISTORY,
)
