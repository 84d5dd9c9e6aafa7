"""Every way in which a condition can be written, each with a customer for whom it holds and one for whom it does not.

The examples speak of the reference bank on Monday 5 January 2026 at noon, on the cash machine as a card is inserted.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Construct:
    """A condition as it stands in a block, and facts or events that make it true, false or unknown; `-`: none can."""

    written: str
    means: str
    true: str
    false: str
    unknown: str = "{}"


@dataclass(frozen=True, slots=True)
class Group:
    """Constructs that belong together."""

    title: str
    text: str
    constructs: tuple[Construct, ...]


GROUPS: Final = (
    Group(
        "Values",
        "A cell names a fact and what it must be. Cells with brackets or operators inside braces stand in quotes.",
        (
            Construct("housing: owned", "is this value", "{housing: owned}", "{housing: renting}"),
            Construct("housing: [owned, mortgaged]", "is one of these", "{housing: owned}", "{housing: renting}"),
            Construct("housing: not renting", "is another value", "{housing: owned}", "{housing: renting}"),
            Construct("housing: not [renting, owned]", "is none of these", "{housing: mortgaged}", "{housing: owned}"),
            Construct('housing: "!= renting"', "the same as `not`", "{housing: owned}", "{housing: renting}"),
            Construct("paperless: true", "is so; with a `default` never unknown", "{paperless: true}", "{}", "-"),
            Construct("nickname: Jo", "is this text", "{nickname: Jo}", "{nickname: Al}"),
            Construct("age: present", "has a value; never unknown", "{age: 30}", "{age: missing}", "-"),
            Construct("age: missing", "has no value; never unknown", "{age: missing}", "{age: 30}", "-"),
        ),
    ),
    Group(
        "Numbers",
        "Money is written in major units, digits may be grouped with underscores, and arithmetic is exact.",
        (
            Construct("age: at least 18", "18 or more", "{age: 18}", "{age: 17}"),
            Construct('age: ">= 18"', "the same", "{age: 18}", "{age: 17}"),
            Construct("age: at most 65", "65 or less; also `<=`", "{age: 65}", "{age: 66}"),
            Construct("income: over 1_500", "more than that; also `>`", "{income: 1_500.01}", "{income: 1_500}"),
            Construct("trend: under 0.25", "less than that; also `<`", "{trend: 0.2499}", "{trend: 0.25}"),
            Construct("age: 25..60", "in this range, both ends included", "{age: 60}", "{age: 61}"),
            Construct("age: [18, 21]", "one of these numbers", "{age: 21}", "{age: 20}"),
            Construct(
                'spend: "< 0.5 * income"',
                "held against another fact of the same unit",
                "{spend: 700, income: 1_500}",
                "{spend: 800, income: 1_500}",
                "{spend: 700}",
            ),
            Construct(
                'spend: "<= income - 100"',
                "with an amount more or less",
                "{spend: 900, income: 1_000}",
                "{spend: 950, income: 1_000}",
                "{income: 1_000}",
            ),
            Construct(
                "left_over: at least 500",
                "a calculated fact: unknown where one of its facts is",
                "{income: 2_000, spend: 1_500}",
                "{income: 2_000, spend: 1_600}",
                "{income: 2_000}",
            ),
            Construct("months_saved: over 3", "division by zero is unknown", "{savings: 700, spend: 200}",
                      "{savings: 500, spend: 200}", "{savings: 700, spend: 0}"),
        ),
    ),
    Group(
        "Several cells on one fact",
        "Lines of a block are joined by AND, and a fact has one line; several cells on it stand in a mapping.",
        (
            Construct('age: {all: [">= 18", "< 65"]}', "all of them", "{age: 64}", "{age: 65}"),
            Construct("age: {any: [under 25, over 60]}", "any of them", "{age: 20}", "{age: 30}"),
            Construct("age: {none: [30, 40]}", "none of them", "{age: 35}", "{age: 40}"),
        ),
    ),
    Group(
        "Dates",
        "Days are whole days in the bank's time zone, both ends included. `d` counts days, `mo` and `y` follow the "
        "calendar; on an instant, `d` is 24 hours.",
        (
            Construct("renews_on: in next 90d", "today or in the next 90 days", "{renews_on: 2026-04-05}",
                      "{renews_on: 2026-04-06}"),
            Construct("renews_on: within 30d", "today or in the last 30 days", "{renews_on: 2025-12-06}",
                      "{renews_on: 2025-12-05}"),
            Construct("renews_on: older than 2y", "more than two years ago", "{renews_on: 2024-01-04}",
                      "{renews_on: 2024-01-05}"),
            Construct('renews_on: ">= 2026-06-30"', "on that day or later", "{renews_on: 2026-06-30}",
                      "{renews_on: 2026-06-29}"),
            Construct("renews_on: 2026-01-01..2026-12-31", "between two days", "{renews_on: 2026-12-31}",
                      "{renews_on: 2027-01-01}"),
            Construct("months_to_renewal: under 6", "whole months between two dates", "{renews_on: 2026-07-04}",
                      "{renews_on: 2026-07-05}"),
            Construct("last_login: within 12h", "in the last twelve hours", '{last_login: "2026-01-05T00:00:00Z"}',
                      '{last_login: "2026-01-04T23:59:59Z"}'),
        ),
    ),
    Group(
        "Sets",
        "A set contains some of its values. What a customer holds, and which groups and segments they are in, are "
        "sets; each member is a fact of its own, false rather than unknown once the source is loaded.",
        (
            Construct("hobbies: travel", "contains it", "{hobbies: [travel, music]}", "{hobbies: [music]}"),
            Construct("hobbies: [travel, music]", "contains any of these", "{hobbies: [music]}", "{hobbies: [garden]}"),
            Construct('hobbies: "all of [travel, garden]"', "contains all of these", "{hobbies: [garden, travel]}",
                      "{hobbies: [travel]}"),
            Construct("hobbies: not travel", "does not contain it", "{hobbies: []}", "{hobbies: [travel]}"),
            Construct("holds.home_insurance: true", "the customer has the product", "{holds: [home_insurance]}",
                      "{holds: []}"),
            Construct("groups.staff: false", "the customer is not in the group", "{groups: []}", "{groups: [staff]}"),
            Construct("segments.affluent: true", "the customer is in the segment", "{segments: [affluent]}",
                      "{segments: [mass]}"),
        ),
    ),
    Group(
        "Relations",
        "Each kind of relation that the catalogue declares makes two facts: how many run now, and the set of what "
        "those hold to whom they lead. Both are unknown where nobody told of the kind, the set also where one of them "
        "objects to profiling or nobody knows what they hold.",
        (
            Construct("relations.spouse.count: at least 1", "there is one", "{relations.spouse.count: 1}",
                      "{relations.spouse.count: 0}"),
            Construct("relations.spouse.holds: mortgage", "one of them holds it",
                      "{relations.spouse.holds: [mortgage]}", "{relations.spouse.holds: [savings_account]}"),
            Construct("relations.spouse.holds.mortgage: false", "none of them holds it",
                      "{relations.spouse.holds: []}", "{relations.spouse.holds.mortgage: true}"),
        ),
    ),
    Group(
        "Consent, needs, the request and the clock",
        "These facts exist in every bank. `context.*` facts come with the request and must stand in the catalogue; "
        "guards never read them.",
        (
            Construct("consent.marketing: true", "agreed, on the channel of the request", "{consent.marketing: true}",
                      "{consent.marketing: [web]}"),
            Construct("needs.saving_for_deposit: true", "the need is inferred; false until it is",
                      "{trend: 0.2, housing: renting}", "{housing: renting}", "-"),
            Construct("context.cash_requested: at least 200", "a fact of the request", "{context.cash_requested: 250}",
                      "{context.cash_requested: 50}"),
            Construct("request.channel: [atm, web]", "where the customer is", "{}", "-", "-"),
            Construct("request.moment: card_inserted", "why the request is made now", "{}", "-", "-"),
            Construct("now.hour: 8..18", "the hour in the bank's time zone", "{}", "-", "-"),
            Construct("now.weekday: [saturday, sunday]", "the day of the week", "-", "{}", "-"),
            Construct("now.day_of_month: at most 10", "the day of the month", "{}", "-", "-"),
        ),
    ),
    Group(
        "Blocks",
        "A block may hold other blocks. AND: false wins, then unknown. OR: true wins, then unknown.",
        (
            Construct("any: [{age: under 25}, {housing: renting}]", "one of the blocks holds", "{age: 20}",
                      "{age: 30, housing: owned}", "{age: 30}"),
            Construct("all: [{age: under 25}, {housing: renting}]", "all of the blocks hold",
                      "{age: 20, housing: renting}", "{age: 30}", "{age: 20}"),
            Construct("none: [{age: under 25}, {housing: renting}]", "none of the blocks holds",
                      "{age: 30, housing: owned}", "{age: 20}", "{age: 30}"),
            Construct("unless: [{housing: renting}]", "the same as `none`", "{housing: owned}", "{housing: renting}"),
            Construct("history: [{ever: salary_paid}]", "history stands in any block", "salary_paid -9d", "{}", "-"),
        ),
    ),
    Group(
        "History",
        "What happened to the customer. Where the kept history begins after both the window and the customer's first "
        "day, `not_seen` is unknown.",
        (
            Construct("history: [{seen: quote_requested, in: 30d}]", "it happened in the window",
                      "quote_requested -30d", "quote_requested -31d", "-"),
            Construct("history: [{seen: salary_paid, in: 90d, at_least: 2}]", "at least so often",
                      "salary_paid -5d, salary_paid -36d", "salary_paid -5d", "-"),
            Construct("history: [{seen: salary_paid, in: 90d, where: {amount: at least 1_000}}]",
                      "with fields that fit", "salary_paid(1_200) -5d", "salary_paid(900) -5d", "-"),
            Construct("history: [{not_seen: quote_requested, in: 30d}]", "it did not happen in the window", "{}",
                      "quote_requested -30d", "-"),
            Construct("history: [{ever: mortgage_application}]", "it happened at some time",
                      "mortgage_application -4y", "{}", "-"),
            Construct("history: [{last: salary_paid, ago: 40d..220d}]", "the last time lies in this span",
                      "salary_paid -50d", "salary_paid -50d, salary_paid -20d", "-"),
            Construct("history: [{seen: policy_started, since: quote_requested}]", "it happened after the other",
                      "quote_requested -9d, policy_started -3d", "policy_started -9d, quote_requested -3d", "-"),
            Construct("history: [{not_seen: policy_started, since: quote_requested}]",
                      "the other happened, and this did not follow", "quote_requested -9d", "{}", "-"),
        ),
    ),
)  # fmt: skip
