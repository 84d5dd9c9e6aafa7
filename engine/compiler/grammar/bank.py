"""Shapes of `bank.yaml`, `catalogue.yaml`, `channels.yaml` and `personas.yaml`."""

from typing import Final

from engine.compiler.grammar.common import PRIVACY, listed
from engine.compiler.grammar.kinds import (
    ByName,
    Choice,
    Either,
    FieldBlock,
    Free,
    Given,
    Key,
    Known,
    Length,
    Listed,
    Name,
    Number,
    Part,
    Shape,
    Text,
    Truth,
    Whole,
)
from engine.compiler.grammar.words import FACT, NUMBER
from engine.facts import FactType, WhenMerged

OF_FACTS: Final = ("sum", "difference", "ratio", "months_between")
KEYS_OF_EVENTS: Final = {
    "count": ("in", "where"),
    "total": ("of", "in", "where"),
    "trend": ("of", "in", "where"),
    "last": ("of", "where"),
}
"""What goes with each way in which a fact runs along with events."""
OPERATIONS: Final = (*OF_FACTS, *KEYS_OF_EVENTS)
"""What a calculated fact can be: made of other facts, or running along with events."""
POSITIVES: Final = ("click", "accept", "convert")
"""Outcomes that can count as a positive answer."""

BANK: Final = Shape(
    name="bank.yaml",
    doc="Who the bank is. Amounts in every rule file are in its currency, whole days are days in its time zone.",
    keys=(
        Key("bank", Name(), "The bank's id.", required=True),
        Key("name", Text(), "What the bank is called on screens.", required=True),
        Key("currency", Text(pattern="[A-Z]{3}", example="GBP"), "Three letters, such as GBP.", required=True),
        Key("time_zone", Text(example="Europe/London"), "An IANA time zone, such as Europe/London.", required=True),
        Key("locale", Text(example="en-GB"), "The language of treatments; en-GB unless it says otherwise."),
    ),
)

_FACT_KEYS: Final = (
    Key(
        "type",
        Choice(values=tuple(each.value for each in FactType), default=FactType.TEXT.value),
        "What its values are. Money is written in major units.",
        required=True,
    ),
    Key("title", Text(), "What people call it."),
    Key("values", Listed(Text()), "The values of a category or a set, at most 52."),
    Key("unit", Text(), "What it is counted in; two facts are compared only in one unit."),
    Key(
        "range",
        Text(pattern=rf"{NUMBER}\.\.{NUMBER}", example="0..120"),
        "The values that can be, both ends included; a condition outside is an error.",
    ),
    Key("decimals", Whole(high=9, default=2), "Places after the point that a decimal is kept with."),
    Key("default", Text(), "What holds where the source answered without a value; without it, such a fact is unknown."),
    Key("private", Truth(), "Keeps it off public screens."),
    Key("model", Truth(default=True), "Whether the propensity model may read it."),
    Key(
        "monotone",
        Choice(values=("rises", "falls")),
        "Of a number: with a higher value the model's propensity may only rise, or only fall, all else being equal.",
    ),
    Key("protected", Choice(values=("audit_only",)), "A protected characteristic: kept for audits of fairness alone."),
    Key(
        "when_merged",
        Choice(values=tuple(each.value for each in WhenMerged), default=WhenMerged.FIRST.value),
        "Of an attribute: whose value a customer has whose record is made of several. `first` goes by `merge_order`, "
        "then by the record that stayed; `largest` is true before false, and every member of a set.",
    ),
    Key("justified", Text(), "Why a sensitive fact may be used."),
    Key("personal", Text(), "Whether it is personal data, and on which ground it is kept."),
    Key("source", Text(), "The system that it comes from."),
    Key("retention", Text(), "How long it may be kept."),
)

ATTRIBUTE: Final = Shape(
    name="an attribute of the catalogue", doc="A fact that is stored of every customer.", keys=_FACT_KEYS
)
CONTEXT_FACT: Final = Shape(
    name="a fact of the catalogue",
    doc="A fact that a request may bring along; rules call it `context.<name>`, guards never read it.",
    keys=_FACT_KEYS,
)
FIELD: Final = Shape(name="a field", doc="A field of an event, for `where`.", keys=_FACT_KEYS)
CALCULATED: Final = Shape(
    name="a calculated fact",
    doc="A fact made of others, or of what happened. Unknown input, division by zero, overflow and a history that "
    "begins within the window make it unknown.",
    exactly_one=OPERATIONS,
    keys=(
        Key("sum", listed("fact"), "The facts that are added."),
        Key("difference", listed("fact"), "Two facts: the first less the second."),
        Key("ratio", listed("fact"), "Two facts: the first divided by the second."),
        Key(
            "months_between",
            Listed(Either((Known("fact"), Choice(values=("today",))))),
            "Two dates, of which one may be `today`: whole months from one to the other.",
        ),
        Key("count", Known("event"), "How often an event happened in the window `in`."),
        Key("total", Known("event"), "What a field `of` an event adds up to in the window `in`."),
        Key(
            "trend",
            Known("event"),
            "How much more that total is than in the window before it, as a share of what it was then.",
        ),
        Key("last", Known("event"), "What a field `of` an event said when it was last told."),
        Key("of", Name(), "The event's field."),
        Key(
            "in",
            Length(),
            "The window, counted back from now: by the second up to 7 days, by the hour up to 90, "
            "by whole days beyond.",
        ),
        Key("where", FieldBlock(), "Which events count: conditions on their fields."),
        *_FACT_KEYS,
    ),
)
PRODUCT: Final = Shape(
    name="a product",
    doc="A product that customers hold: `holds.<id>`.",
    keys=(Key("title", Text(), "What people call it."), Key("group", Text(), "The family of products it belongs to.")),
)
RELATION: Final = Shape(
    name="a relation of the catalogue",
    doc="A way in which customers are related. Rules read `relations.<kind>.count`, how many such relations run, and "
    "`relations.<kind>.holds`, the products that those hold to whom they lead; both unknown where nobody said.",
    keys=(
        Key("title", Text(), "What people call it."),
        Key("mutual", Truth(), "Whether it holds the other way round as well, as between spouses."),
    ),
)
EVENT: Final = Shape(
    name="an event of the catalogue",
    doc="Something that happens to customers and that history conditions ask for.",
    keys=(
        Key("title", Text(), "What people call it."),
        Key("source", Text(), "The system that reports it."),
        Key("keep", Length(), "How long it is kept; a window of a rule cannot be longer."),
        Key("private", Truth(), "Whether knowing of it tells something private."),
        Key("fields", ByName(Name(), Part("a field")), "What comes with it, for `where`."),
    ),
)
CATALOGUE: Final = Shape(
    name="catalogue.yaml",
    doc="Every fact and event that rules may name. What is not listed here cannot be used, sent or stored.",
    keys=(
        Key(
            "attributes",
            ByName(Text(pattern=FACT), Part("an attribute of the catalogue")),
            "Facts that are stored of customers.",
        ),
        Key(
            "calculated",
            ByName(Text(pattern=FACT), Part("a calculated fact")),
            "Facts made of other facts, or of what happened.",
        ),
        Key("products", ByName(Name(), Part("a product")), "Products: `holds.<id>`."),
        Key(
            "relations",
            ByName(Name(), Part("a relation of the catalogue")),
            "Relations between customers, 16 kinds at most: `relations.<kind>.count` and `relations.<kind>.holds`.",
        ),
        Key("events", ByName(Name(), Part("an event of the catalogue")), "What happens to customers."),
        Key(
            "context",
            ByName(Text(pattern=FACT), Part("a fact of the catalogue")),
            "Facts of the request: `context.<name>`.",
        ),
        Key(
            "merge_order",
            Listed(Name()),
            "The sources of records, as mappings of a load name them: whose values count first in a merged record.",
        ),
        Key("groups", Listed(Text()), "Groups of customers: `groups.<id>`."),
        Key("segments", Listed(Text()), "Segments of customers: `segments.<id>`."),
        Key("purposes", Listed(Text()), "What customers consent to: `consent.<purpose>`, resolved for the channel."),
        Key(
            "positives",
            ByName(Known("channel"), Choice(values=POSITIVES)),
            "For each channel the outcome that counts as a positive answer.",
        ),
    ),
)

ACCEPTS: Final = Shape(
    name="accepts",
    doc="What fits into a placement.",
    keys=(Key("groups", listed("group"), "Only actions of these groups."),),
)
LIMITS: Final = ByName(Text(), Whole(low=1, high=10_000))
"""Characters by key of the content."""
PLACEMENT: Final = Shape(
    name="a placement",
    doc="A place on a channel where offers appear.",
    keys=(
        Key(
            "precedence",
            Whole(low=1, high=1000, default=1),
            "Which placement of the channel is filled first: the lowest.",
        ),
        Key("items", Whole(low=1, high=20, default=1), "How many offers it shows."),
        Key("accepts", Part("accepts"), "What fits; without it, everything."),
        Key("max_per_group", Whole(low=1, high=20), "How many offers of one group it shows at most."),
        Key("valid_for", Length(), "How long an offer may be shown; 10min unless it says otherwise."),
        Key(
            "prefetch_valid_for",
            Length(),
            "The same where the offer was fetched ahead; 60min unless it says otherwise.",
        ),
        Key("most_characters", LIMITS, "How long a text may be here, where the channel's own limits do not suit."),
        Key("fallback", Free(needs=("id",)), "Its own content, with an `id`: shown when nothing is.", required=True),
    ),
)
MOMENT: Final = Shape(
    name="a moment",
    doc="Why a request is made now.",
    keys=(
        Key(
            "initiated_by",
            Choice(values=("customer", "bank"), default="customer"),
            "Who began the contact. What the bank begins costs, and keeps quiet hours.",
        ),
    ),
)
CHANNEL: Final = Shape(
    name="a channel",
    doc="A way in which customers meet the bank.",
    keys=(
        Key("staff", Truth(), "Whether staff see the answer; they are told reasons and factors."),
        Key(
            "privacy",
            Choice(values=PRIVACY),
            "Who sees the screen; `staff` on staff channels and `public` on others unless it says otherwise.",
        ),
        Key("cost", Number(low="0", high="1000", default="0"), "What one contact costs that the bank initiates."),
        Key("budget_ms", Whole(low=5, high=10_000, default=50), "Time for an answer, in milliseconds."),
        Key("moments", ByName(Name(), Part("a moment")), "When the channel asks."),
        Key(
            "max_per_group",
            Whole(low=1, high=20),
            "How many offers of one group one answer shows at most, over all placements.",
        ),
        Key(
            "most_characters",
            LIMITS,
            "How long a text may be to fit on its screens, by key of the content; longer ones are a warning.",
        ),
        Key("placements", ByName(Name(), Part("a placement")), "Where offers appear."),
        Key(
            "about",
            listed("fact"),
            "On staff channels: what the screen says of a customer in one line, in this order.",
        ),
    ),
)
CHANNELS: Final = Shape(
    name="channels.yaml",
    doc="Where customers meet the bank.",
    keys=(Key("channels", ByName(Name(), Part("a channel")), "The channels by their id.", required=True),),
)
PERSONAS: Final = Shape(
    name="personas.yaml",
    doc="The customers that rule tests start from.",
    keys=(Key("personas", ByName(Name(), Given()), "Each persona with its facts; tests start from `typical`."),),
)

SHAPES: Final = (
    BANK,
    CATALOGUE,
    ATTRIBUTE,
    CALCULATED,
    CONTEXT_FACT,
    PRODUCT,
    RELATION,
    EVENT,
    FIELD,
    CHANNELS,
    CHANNEL,
    MOMENT,
    PLACEMENT,
    ACCEPTS,
    PERSONAS,
)
