"""Shapes of the files under `policy/`."""

from typing import Final

from engine.compiler.grammar.common import ACTIONS, CHANNELS, CONDITIONS, GROUPS, HEAD, THEMES, TIERS
from engine.compiler.grammar.kinds import (
    ByName,
    Choice,
    Key,
    Known,
    Length,
    Name,
    Number,
    Part,
    Parts,
    Shape,
    Text,
    Truth,
    Whole,
)
from engine.compiler.grammar.words import NAME, PLAIN_NUMBER

STOPS: Final = Shape(
    name="`stops`",
    doc="Which actions a guard stops.",
    keys=(Key("all", Truth(), "Every action."), TIERS, GROUPS, ACTIONS),
)
GUARD: Final = Shape(
    name="a guard",
    at_least_one=("when", "history", "unless"),
    doc="An exclusion that nothing passes. It stops unless its condition is false, so a fact nobody knows stops too.",
    keys=(
        Key("guard", Name(), "The guard's id.", required=True),
        *HEAD,
        Key("stops", Part("`stops`"), "Which actions it stops."),
        *CONDITIONS,
        Key(
            "effect",
            Choice(values=("stop", "no_profiling"), default="stop"),
            "`no_profiling` turns themes, triggers and the model off instead of stopping actions.",
        ),
    ),
)
GUARDS: Final = Shape(
    name="policy/guards.yaml",
    doc="Compliance's file: what no action, theme, lever or experiment passes.",
    keys=(
        Key(
            "defaults",
            ByName(Known("fact"), Text()),
            "What guards take for facts without a value; they take it from nowhere else.",
        ),
        Key("guards", Parts("a guard"), "The guards, in the order in which explanations name them."),
    ),
)

CAP: Final = Shape(
    name="a cap",
    exactly_one=("in", "each"),
    doc="At most so many contacts in a window. Caps count offers unless they name other tiers.",
    keys=(
        Key("cap", Name(), "The cap's id.", required=True),
        Key("title", Text(), "What people call it."),
        Key(
            "per",
            Choice(values=("customer", "group", "theme", "channel"), default="customer"),
            "Counted for the customer as a whole, or apart for every group, theme or channel.",
        ),
        Key("count", Choice(values=("impressions", "accepts"), default="impressions"), "What is counted."),
        Key("limit", Whole(high=100_000), "How many are allowed.", required=True),
        Key("in", Length(), "A window that rolls; either this or `each`."),
        Key("each", Choice(values=("day", "week", "month")), "A window of the calendar in the bank's time zone."),
        TIERS,
        GROUPS,
        THEMES,
        CHANNELS,
    ),
)
AFTER_IGNORED: Final = Shape(
    name="`after_ignored`",
    doc="How long an action rests that was shown again and again without an answer.",
    keys=(
        Key("impressions", Whole(low=1, high=1000, default=0), "How many impressions without an answer."),
        Key("in", Length(), "Within which time."),
        Key("for", Length(), "How long it rests then."),
    ),
)
COOLING_OFF: Final = Shape(
    name="`cooling_off`",
    doc="How long actions rest after an answer, unless their own `contact` says otherwise.",
    keys=(
        Key("after_decline", Part("`after_decline`"), "After a decline, by reason."),
        Key("after_accept", Length(), "After an accept."),
        Key("after_ignored", Part("`after_ignored`"), "After being ignored."),
    ),
)
QUIET_HOURS: Final = Shape(
    name="`quiet_hours`",
    doc="When the bank does not begin a contact.",
    keys=(
        CHANNELS,
        Key("from", Text(pattern=r"\d{2}:\d{2}(?::\d{2})?", example="20:00"), "The time at which they begin."),
        Key("to", Text(pattern=r"\d{2}:\d{2}(?::\d{2})?", example="08:00"), "The time at which they end."),
    ),
)
BUDGET_KEYS: Final = (
    Key(
        "count",
        Choice(values=("impressions", "accepts", "spend"), default="impressions"),
        "What is counted: offers shown, offers accepted, or the money that accepted offers cost.",
    ),
    Key("total", Number(low="0", high="1000000000"), "How much there is in all; money where spend is counted."),
    Key("per_day", Number(low="0", high="1000000000"), "How much of it in a day of the bank's time zone."),
    Key(
        "per_channel",
        ByName(Known("channel"), Number(low="0", high="1000000000")),
        "How much of it on single channels; others share what there is.",
    ),
    Key("each", Number(low="0", high="1000000000"), "The money that one accept costs, where spend is counted."),
)
BUDGET: Final = Shape(
    name="`budget`",
    at_least_one=("total", "per_day", "per_channel"),
    doc="How much of an action there is for all customers together. An offer takes its share when it is made, and "
    "gives it back when it was not shown, or not accepted, in time.",
    keys=BUDGET_KEYS,
)
SHARED_BUDGET: Final = Shape(
    name="a shared budget",
    at_least_one=("total", "per_day", "per_channel"),
    doc="A budget on which several actions draw: those named here, and those whose `contact` names it.",
    keys=(
        Key("budget", Name(), "The budget's id. Another id begins anew.", required=True),
        Key("title", Text(), "What people call it."),
        *BUDGET_KEYS,
        ACTIONS,
        GROUPS,
        THEMES,
    ),
)
CONTACT: Final = Shape(
    name="policy/contact.yaml",
    doc="How often one customer hears from us, and how long a no lasts.",
    keys=(
        Key("caps", Parts("a cap"), "Limits on how often offers are shown."),
        Key("budgets", Parts("a shared budget"), "How much there is for all customers together."),
        Key("cooling_off", Part("`cooling_off`"), "How long actions rest after an answer."),
        Key("quiet_hours", Part("`quiet_hours`"), "When the bank begins no contact."),
    ),
)

LEVER: Final = Shape(
    name="a lever",
    doc="A push for a season, in percent of the priority. Without actions, groups or themes it pushes everything.",
    keys=(
        Key("lever", Name(), "The lever's id.", required=True),
        *HEAD,
        Key(
            "percent",
            Number(low="-100", high="100"),
            "How far it pushes; all levers of an action together 0.5 to 2 times.",
            required=True,
        ),
        ACTIONS,
        GROUPS,
        THEMES,
        CHANNELS,
    ),
)
EXPLORATION: Final = Shape(
    name="`exploration`",
    doc="How far the ranking may be shuffled in order to learn.",
    keys=(Key("bound", Number(low="0", high="0.5", default="0"), "The largest share of value given up for it."),),
)
WORTH_IT: Final = Shape(
    name="`worth_it`",
    doc="Which actions must earn what a contact costs when the bank begins it.",
    keys=(TIERS,),
)
ARBITRATION: Final = Shape(
    name="policy/arbitration.yaml",
    doc="What leans on the ranking.",
    keys=(
        Key("levers", Parts("a lever"), "Pushes for a season."),
        Key(
            "ranking",
            Text(example="propensity * value * context_weight * lever"),
            "The bank's own priority: `+ - * /`, `min`, `max`, brackets and numbers over propensity, value (in major "
            "units), context_weight, lever and numeric facts. Without it: their product.",
        ),
        Key("exploration", Part("`exploration`"), "How far the ranking may be shuffled."),
        Key("worth_it", Part("`worth_it`"), "Which actions must earn their contact; offers unless it says otherwise."),
    ),
)
EXPERIMENT: Final = Shape(
    name="an experiment",
    doc="Compares treatments of one action at a placement, or all offers with none, or ways to choose among offers. A "
    "customer stays in one arm, drawn from a keyed hash.",
    keys=(
        Key("experiment", Name(), "The experiment's id; another id draws the arms anew.", required=True),
        *HEAD,
        Key(
            "of",
            Text(pattern=rf"{NAME}@{NAME}\.(?:{NAME}|\*)|all_offers|arbitration", example="home_insurance@web.hero"),
            "What is compared: `action@channel.placement` or `action@channel.*` its treatments there, `all_offers` "
            "whether offers are shown at all, `arbitration` how they are chosen.",
            required=True,
        ),
        Key(
            "arms",
            ByName(Name(), Text(pattern=rf"{PLAIN_NUMBER}\s*%", example="50%")),
            "The arms with their shares of the customers, 100% together. `holdout` is ranked and then shown nothing. "
            "Of `arbitration` they are `as_is`, `random_relevant`, `no_propensity`, `no_levers`, `engagement_only`.",
            required=True,
        ),
    ),
)
EXPERIMENTS: Final = Shape(
    name="policy/experiments.yaml",
    doc="What is compared on whom: treatments, which name the arm that they are for, all offers, and arbitration.",
    keys=(Key("experiments", Parts("an experiment"), "The experiments."),),
)

SHAPES: Final = (
    GUARDS,
    GUARD,
    STOPS,
    CONTACT,
    CAP,
    SHARED_BUDGET,
    BUDGET,
    COOLING_OFF,
    AFTER_IGNORED,
    QUIET_HOURS,
    ARBITRATION,
    LEVER,
    EXPLORATION,
    WORTH_IT,
    EXPERIMENTS,
    EXPERIMENT,
)
