"""Every kind of cell and history condition, at its edges: true, false, or unknown."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache

import pytest

from engine import Plan, Request, Snapshot
from engine.facts import Consent, Natural
from tests.builders import (
    CATALOGUE,
    NOW,
    a_customer,
    a_plan,
    a_question,
    an_action,
    an_event,
    decided,
    problems_of,
    reason_for,
)

Facts = Mapping[str, Natural]
TODAY = date(2026, 1, 5)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


@cache
def judging(block: str) -> Plan:
    """A bank with two services: one needs a condition, the other must not meet it.

    On the phone both are offered whatever the condition is, or one that always holds, or never, would be refused.
    """
    needed = f"{{any: [{block}, {{request.channel: phone}}]}}"
    avoided = f"{{all: [{block}, {{request.channel: not phone}}]}}"
    return a_plan(
        an_action("needs", f"eligible: {{when: {needed}}}", tier="service"),
        an_action("avoids", f"suitable: {{unless: [{avoided}]}}", tier="service"),
    )


def truth_of(block: str, customer: Snapshot, question: Request | None = None, now: datetime = NOW) -> bool | None:
    """What a condition is; it admits only if true, and excludes unless false. The tracer must say the same."""
    plan = judging(block)
    decision = decided(plan, question, customer, now=now)
    admitted = reason_for(plan, decision, "needs") != "not_eligible"
    excluded = reason_for(plan, decision, "avoids") == "not_suitable"
    found = {(True, True): True, (False, False): False, (False, True): None}[admitted, excluded]
    needs = plan.action_rules[plan.position_by_action[plan.actions[1].id]]
    assert plan.tracer.truth(needs.eligible, decision.row) is found
    return found


def judged(block: str, facts: Facts | None = None, question: Request | None = None) -> bool | None:
    """What a condition is for a customer."""
    return truth_of(f"{{{block}}}", a_customer(judging(f"{{{block}}}"), facts), question)


# --- cells -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "facts", "truth"),
    [
        # a value, a list
        ("age: 18", {"age": 18}, True),
        ("age: 18", {"age": 19}, False),
        ("age: 18", {}, None),
        ("rent: 1_234.50", {"rent": "1234.5"}, True),
        ("work: student", {"work": "student"}, True),
        ("work: student", {"work": "retired"}, False),
        ("work: [student, retired]", {"work": "retired"}, True),
        ("work: [student, retired]", {"work": "employed"}, False),
        ("work: [student, retired]", {}, None),
        ("age: [18, 21]", {"age": 21}, True),
        ("age: [18, 21]", {"age": 20}, False),
        ("nickname: ann", {"nickname": "ann"}, True),
        ("nickname: [ann, bob]", {"nickname": "eve"}, False),
        ("nickname: [ann, bob]", {}, None),
        ("verified: true", {"verified": True}, True),
        ("verified: true", {"verified": False}, False),
        ("verified: true", {}, None),
        ("verified: [true, false]", {"verified": False}, True),
        ("verified: [true, false]", {}, None),
        ("renews_on: 2026-03-01", {"renews_on": date(2026, 3, 1)}, True),
        ("renews_on: 2026-03-01", {"renews_on": date(2026, 3, 2)}, False),
        # not
        ("work: not student", {"work": "student"}, False),
        ("work: not student", {"work": "retired"}, True),
        ("work: not student", {}, None),
        ("work: 'not [student, retired]'", {"work": "employed"}, True),
        ("work: 'not [student, retired]'", {"work": "retired"}, False),
        ("work: '!= student'", {"work": "retired"}, True),
        ("verified: not true", {"verified": False}, True),
        ("verified: not true", {}, None),
        ("age: not under 18", {"age": 18}, True),
        ("age: not 18..20", {"age": 19}, False),
        # comparisons
        ("age: '>= 18'", {"age": 18}, True),
        ("age: '> 18'", {"age": 18}, False),
        ("age: '<= 18'", {"age": 18}, True),
        ("age: '< 18'", {"age": 18}, False),
        ("age: at least 18", {"age": 17}, False),
        ("age: at most 18", {"age": 18}, True),
        ("age: over 18", {"age": 19}, True),
        ("age: under 18", {"age": 17}, True),
        ("age: under 18", {}, None),
        ("rent: at least 0.01", {"rent": "0.01"}, True),
        ("rent: at least 0.01", {"rent": 0}, False),
        ("tenure: over -1", {"tenure": 0}, True),
        ("renews_on: '>= 2026-03-01'", {"renews_on": date(2026, 3, 1)}, True),
        ("renews_on: under 2026-03-01", {"renews_on": date(2026, 3, 1)}, False),
        ("seen_at: '>= 2026-01-05T10:00:00Z'", {"seen_at": datetime(2026, 1, 5, 10, tzinfo=UTC)}, True),
        ("seen_at: '>= 2026-01-05T12:00:00+02:00'", {"seen_at": datetime(2026, 1, 5, 9, 59, 59, tzinfo=UTC)}, False),
        # ranges
        ("age: 18..25", {"age": 18}, True),
        ("age: 18..25", {"age": 25}, True),
        ("age: 18..25", {"age": 26}, False),
        ("age: 18..25", {}, None),
        ("trend: -0.5..0.5", {"trend": "-0.5"}, True),
        ("trend: -0.5..0.5", {"trend": "0.5001"}, False),
        ("renews_on: 2026-01-01..2026-01-31", {"renews_on": date(2026, 1, 31)}, True),
        ("renews_on: 2026-01-01..2026-01-31", {"renews_on": date(2026, 2, 1)}, False),
        # number * fact + number
        ("rent: '< 0.5 * income'", {"rent": "500", "income": "1000.01"}, True),
        ("rent: '< 0.5 * income'", {"rent": "500", "income": "1000"}, False),
        ("rent: '< 0.5 * income'", {"rent": "500"}, None),
        ("rent: '< 0.5 * income'", {"income": "500"}, None),
        ("rent: '<= 0.3333 * income'", {"rent": "333.30", "income": "1000"}, True),
        ("rent: '<= 0.3333 * income'", {"rent": "333.31", "income": "1000"}, False),
        ("rent: '>= income'", {"rent": "1", "income": "1"}, True),
        ("rent: '>= income - 0.50'", {"rent": "0.50", "income": "1"}, True),
        ("rent: '> 2 * income + 10'", {"rent": "12.01", "income": "1"}, True),
        ("rent: at most left_over", {"rent": "500", "income": "1000"}, True),
        # several on one fact
        ("age: {all: [at least 18, under 65]}", {"age": 64}, True),
        ("age: {all: [at least 18, under 65]}", {"age": 65}, False),
        ("age: {any: [under 18, at least 65]}", {"age": 65}, True),
        ("age: {any: [under 18, at least 65]}", {"age": 40}, False),
        ("age: {none: [under 18, at least 65]}", {"age": 40}, True),
        ("age: {none: [under 18, at least 65]}", {"age": 17}, False),
        ("age: {none: [under 18, at least 65]}", {}, None),
        # present, missing: never unknown
        ("age: present", {"age": 0}, True),
        ("age: present", {}, False),
        ("age: missing", {"age": 0}, False),
        ("age: missing", {}, True),
        ("work: present", {"work": "employed"}, True),
        ("work: not present", {"work": "employed"}, False),
        ("verified: missing", {"verified": False}, False),
        ("nickname: missing", {}, True),
        ("rent_share: missing", {"rent": 1, "income": 0}, True),
        # one fact against another
        ("income: over rent", {"income": 2, "rent": 1}, True),
        ("income: '>= 2 * rent + 0.5'", {"income": "2.50", "rent": 1}, True),
        ("income: '> 2 * rent + 0.5'", {"income": "2.50", "rent": 1}, False),
        ("rent: '>= -0.5 * income + 3'", {"income": 2, "rent": 2}, True),
        ("rent: '0.5 * income..income'", {"income": 2, "rent": 1}, True),
        ("rent: '0.5 * income..income'", {"income": 2, "rent": "2.01"}, False),
        ("income: over rent", {"income": 2}, None),
        ("renews_on: over customer.since", {"renews_on": date(2026, 3, 1), "customer.since": date(2026, 2, 28)}, True),
        ("renews_on: '<= customer.since'", {"renews_on": date(2026, 3, 1), "customer.since": date(2026, 2, 28)}, False),
        ("renews_on: '<= customer.since'", {"renews_on": date(2026, 3, 1)}, None),
        # calculated
        ("left_over: at least 100", {"income": 600, "rent": 500}, True),
        ("left_over: at least 100", {"income": 600}, None),
    ],
)  # fmt: skip
def test_cell_is_true_false_or_unknown(cell: str, facts: Facts, truth: bool | None) -> None:
    """As SEMANTICS words it, whichever way it is written."""
    assert judged(cell, facts) is truth


@pytest.mark.parametrize(
    ("cell", "holds", "truth"),
    [
        ("holds.isa: true", ["isa"], True),
        ("holds.isa: true", [], False),
        ("holds.isa: false", [], True),
        ("holds.isa: false", ["isa"], False),
        ("holds.isa: true", None, None),
        ("holds.isa: false", None, None),
        ("holds.isa: not true", [], True),
        ("holds.isa: missing", None, True),
        ("holds.isa: present", [], True),
        ("holds: isa", ["isa", "loan"], True),
        ("holds: [isa, cover]", ["loan", "cover"], True),
        ("holds: [isa, cover]", ["loan"], False),
        ("holds: 'all of [isa, loan]'", ["isa", "loan", "cover"], True),
        ("holds: 'all of [isa, loan]'", ["isa"], False),
        ("holds: 'all of [isa, loan]'", None, None),
        ("holds: 'not [isa, loan]'", ["cover"], True),
        ("holds: 'not [isa, loan]'", ["isa"], False),
        ("holds: present", [], True),
        ("holds: present", None, False),
        ("holds: missing", None, True),
    ],
)
def test_sets_are_false_not_unknown_once_they_are_loaded(
    cell: str, holds: list[str] | None, truth: bool | None
) -> None:
    """An empty set says that nothing is held; a set that was not loaded says nothing."""
    assert judged(cell, {"holds": holds}) is truth


@pytest.mark.parametrize(
    ("cell", "days", "truth"),
    [
        ("within 30d", -30, True),
        ("within 30d", 0, True),
        ("within 30d", -31, False),
        ("within 30d", 1, False),
        ("within 1mo", -31, True),
        ("within 1mo", -32, False),
        ("within 1y", -365, True),
        ("within 1y", -366, False),
        ("older than 30d", -30, False),
        ("older than 30d", -31, True),
        ("in next 90d", 90, True),
        ("in next 90d", 0, True),
        ("in next 90d", 91, False),
        ("in next 90d", -1, False),
        ("in next 1mo", 31, True),
        ("in next 1mo", 32, False),
        ("not within 30d", -31, True),
    ],
)
def test_dates_are_whole_days_both_ends_inclusive(cell: str, days: int, truth: bool) -> None:
    """Days, months and years by the calendar, counted from today in the bank's zone."""
    assert judged(f"renews_on: {cell}", {"renews_on": TODAY + days * DAY}) is truth
    assert judged(f"renews_on: {cell}") is None


@pytest.mark.parametrize(
    ("cell", "away", "truth"),
    [
        ("within 12h", timedelta(hours=-12), True),
        ("within 12h", timedelta(hours=-12) - SECOND, False),
        ("within 30d", -30 * DAY, True),
        ("within 30d", -30 * DAY - SECOND, False),
        ("within 30d", SECOND, False),
        ("older than 90min", timedelta(minutes=-90), False),
        ("older than 90min", timedelta(minutes=-90) - SECOND, True),
        ("in next 1d", DAY, True),
        ("in next 1d", DAY + SECOND, False),
        ("in next 1mo", 31 * DAY, True),
        ("in next 1mo", 31 * DAY + SECOND, False),
    ],
)
def test_instants_are_exact_to_the_second(cell: str, away: timedelta, truth: bool) -> None:
    """A day of an instant is 24 hours."""
    assert judged(f"seen_at: {cell}", {"seen_at": NOW.astimezone(UTC) + away}) is truth


def test_day_begins_at_midnight_in_the_banks_zone() -> None:
    """Half past midnight in summer is still yesterday in UTC."""
    plan = judging("{renews_on: within 0d}")
    now = datetime(2026, 7, 6, 0, 30, tzinfo=NOW.tzinfo)
    customer = a_customer(plan, renews_on=date(2026, 7, 6))
    assert truth_of("{renews_on: within 0d}", customer, now=now) is True
    assert truth_of("{renews_on: within 0d}", customer, now=now - timedelta(hours=1)) is False


@pytest.mark.parametrize(
    ("cell", "now", "truth"),
    [
        ("now.hour: 12..13", NOW, True),
        ("now.hour: under 12", NOW, False),
        ("now.weekday: monday", NOW, True),
        ("now.weekday: [saturday, sunday]", NOW, False),
        ("now.day_of_month: 5", NOW, True),
        ("now.day_of_month: over 5", NOW, False),
    ],
)
def test_clock_facts_tell_the_time_of_the_bank(cell: str, now: datetime, truth: bool) -> None:
    """`now` is the only clock."""
    assert truth_of(f"{{{cell}}}", a_customer(judging(f"{{{cell}}}")), now=now) is truth


def test_request_facts_tell_where_and_when_the_customer_is_met() -> None:
    """A question without a moment leaves it unknown; the channel is always known."""
    for cell, place, moment, truth in (
        ("request.channel: web", "web.hero", None, True),
        ("request.channel: [web, atm]", "branch.card", None, False),
        ("request.channel: not web", "branch.card", None, True),
        ("request.channel: present", "branch.card", None, True),
        ("request.moment: page_viewed", "web.hero", "page_viewed", True),
        ("request.moment: page_viewed", "web.hero", "session_started", False),
        ("request.moment: page_viewed", "web.hero", None, None),
        ("request.moment: missing", "web.hero", None, True),
    ):
        plan = judging(f"{{{cell}}}")
        assert judged(cell, None, a_question(plan, place, moment=moment)) is truth


def test_consent_is_a_fact_of_the_requests_channel() -> None:
    """No answer is unknown; guards default it to no, other rules do not."""
    for allowed, truth in ((True, True), (False, False), (None, None)):
        purposes = {} if allowed is None else {"marketing": {"web": allowed}}
        customer = a_customer(
            judging("{consent.marketing: true}"), consent=Consent(version=1, allowed_by_purpose=purposes)
        )
        assert truth_of("{consent.marketing: true}", customer) is truth


# --- blocks ----------------------------------------------------------------------------------------------------------

TRUE, FALSE, UNKNOWN = "{age: 30}", "{age: 31}", "{tenure: 1}"


@pytest.mark.parametrize(
    ("block", "truth"),
    [
        (f"all: [{TRUE}, {TRUE}]", True),
        (f"all: [{TRUE}, {UNKNOWN}]", None),
        (f"all: [{UNKNOWN}, {FALSE}]", False),
        ("all: []", True),
        (f"any: [{FALSE}, {TRUE}]", True),
        (f"any: [{UNKNOWN}, {TRUE}]", True),
        (f"any: [{FALSE}, {UNKNOWN}]", None),
        (f"any: [{FALSE}, {FALSE}]", False),
        ("any: []", False),
        (f"none: [{FALSE}, {FALSE}]", True),
        (f"none: [{FALSE}, {UNKNOWN}]", None),
        (f"none: [{UNKNOWN}, {TRUE}]", False),
        (f"age: 30, any: [{UNKNOWN}, {FALSE}]", None),
        (f"age: 31, any: [{UNKNOWN}, {TRUE}]", False),
        (f"any: [{{all: [{TRUE}, {UNKNOWN}]}}, {{none: [{FALSE}]}}]", True),
        ("", True),
    ],
)
def test_and_or_not_have_three_values(block: str, truth: bool | None) -> None:
    """AND: false wins, then unknown. OR: true wins, then unknown."""
    assert judged(block, {"age": 30}) is truth


def test_unless_excludes_where_any_of_its_blocks_is_not_false() -> None:
    """Cells of one block are AND, blocks are OR."""
    plan = a_plan(an_action("isa", "suitable: {unless: [{age: under 18}, {verified: false, flagged: true}]}"))
    for facts, reason in (
        ({"age": 18, "verified": True}, "chosen"),
        ({"age": 18, "flagged": False}, "chosen"),
        ({"age": 17, "verified": True}, "not_suitable"),
        ({"age": 18, "verified": False, "flagged": True}, "not_suitable"),
        ({"age": 18, "verified": False}, "not_suitable"),
        ({"verified": True}, "not_suitable"),
    ):
        decision = decided(plan, customer=a_customer(plan, facts))
        assert reason_for(plan, decision, "isa") == reason


def test_default_applies_where_the_source_answered_without_a_value() -> None:
    """The catalogue's default is a value like any other to the rules."""
    catalogue = "attributes:\n  age: {type: integer, default: 40}\n  tenure: {type: integer}\npurposes: [marketing]\n"
    plan = a_plan({"catalogue.yaml": catalogue}, an_action("isa", "eligible: {when: {age: 40, tenure: missing}}"))
    assert reason_for(plan, decided(plan), "isa") == "chosen"
    assert reason_for(plan, decided(plan, customer=a_customer(plan, age=41)), "isa") == "not_eligible"


# --- history ---------------------------------------------------------------------------------------------------------


def history_of(
    condition: str, *ago: timedelta, kept_for: timedelta | None = None, since: timedelta | None = None
) -> bool | None:
    """What a condition on `quote` (and on `policy`, that long ago) is, by how long the history has been kept."""
    block = f"{{history: [{condition}]}}"
    plan = judging(block)
    events = [an_event(plan, "quote", each) for each in ago]
    if since is not None:
        events.append(an_event(plan, "policy", since))
    kept_since = 0 if kept_for is None else int((NOW - kept_for).timestamp())
    return truth_of(block, a_customer(plan, events=events, kept_since=kept_since))


@pytest.mark.parametrize(
    ("condition", "ago", "truth"),
    [
        ("{seen: quote, in: 30d}", [30 * DAY], True),
        ("{seen: quote, in: 30d}", [30 * DAY + SECOND], False),
        ("{seen: quote, in: 30d}", [], False),
        ("{seen: quote, in: 12h}", [timedelta(hours=12)], True),
        ("{seen: quote, in: 0d}", [timedelta()], True),
        ("{seen: quote, in: 30d, at_least: 2}", [DAY, 30 * DAY], True),
        ("{seen: quote, in: 30d, at_least: 2}", [DAY, 31 * DAY], False),
        ("{seen: quote, in: 30d, at_least: 3}", [DAY, DAY, DAY], True),
        ("{not_seen: quote, in: 30d}", [31 * DAY], True),
        ("{not_seen: quote, in: 30d}", [30 * DAY], False),
        ("{not_seen: quote, in: 30d, at_least: 2}", [DAY], True),
        ("{ever: quote}", [3000 * DAY], True),
        ("{ever: quote}", [], False),
        ("{last: quote, ago: 40d..220d}", [40 * DAY], True),
        ("{last: quote, ago: 40d..220d}", [220 * DAY], True),
        ("{last: quote, ago: 40d..220d}", [221 * DAY], False),
        ("{last: quote, ago: 40d..220d}", [39 * DAY, 100 * DAY], False),
        ("{last: quote, ago: 40d..220d}", [100 * DAY, 300 * DAY], True),
        ("{last: quote, ago: 40d..220d}", [], False),
    ],
)
def test_history_is_true_or_false_where_it_is_complete(condition: str, ago: list[timedelta], truth: bool) -> None:
    """Both ends of a window are inside."""
    assert history_of(condition, *ago) is truth


@pytest.mark.parametrize(
    ("condition", "ago", "kept_days", "truth"),
    [
        ("{seen: quote, in: 30d}", [DAY], 10, True),
        ("{seen: quote, in: 30d}", [], 10, None),
        ("{seen: quote, in: 30d}", [], 30, False),
        ("{seen: quote, in: 30d, at_least: 2}", [DAY], 10, None),
        ("{not_seen: quote, in: 30d}", [DAY], 10, False),
        ("{not_seen: quote, in: 30d}", [], 10, None),
        ("{not_seen: quote, in: 30d}", [], 31, True),
        ("{ever: quote}", [DAY], 10, True),
        ("{ever: quote}", [], 3000, None),
        ("{last: quote, ago: 5d..20d}", [6 * DAY], 10, True),
        ("{last: quote, ago: 5d..20d}", [DAY], 10, False),
        ("{last: quote, ago: 5d..20d}", [], 10, None),
        ("{last: quote, ago: 5d..20d}", [], 20, False),
    ],
)
def test_what_happened_before_the_history_was_kept_is_unknown(
    condition: str, ago: list[timedelta], kept_days: int, truth: bool | None
) -> None:
    """What was seen is certain; what was not seen only from the start of the window on."""
    assert history_of(condition, *ago, kept_for=kept_days * DAY) is truth


@pytest.mark.parametrize(
    ("kind", "ago", "since", "kept_days", "truth"),
    [
        ("seen", [DAY], 2 * DAY, None, True),
        ("seen", [2 * DAY], 2 * DAY, None, True),
        ("seen", [3 * DAY], 2 * DAY, None, False),
        ("seen", [DAY], None, None, False),
        ("seen", [], None, None, False),
        ("not_seen", [DAY], 2 * DAY, None, False),
        ("not_seen", [3 * DAY], 2 * DAY, None, True),
        ("not_seen", [], 2 * DAY, None, True),
        ("not_seen", [DAY], None, None, False),
        ("not_seen", [], None, None, False),
        ("not_seen", [], None, 10, None),
        ("not_seen", [], 2 * DAY, 10, True),
        ("seen", [], None, 10, None),
    ],
)
def test_since_asks_what_came_after_the_last_of_another_event(
    kind: str, ago: list[timedelta], since: timedelta | None, kept_days: int | None, truth: bool | None
) -> None:
    """Abandoned: the other happened and this did not follow. Without the other, it is false."""
    kept_for = None if kept_days is None else kept_days * DAY
    assert history_of(f"{{{kind}: quote, since: policy}}", *ago, kept_for=kept_for, since=since) is truth


def test_where_narrows_an_event_by_its_fields() -> None:
    """A field without a value passes no filter."""
    block = "{history: [{seen: salary, in: 30d, at_least: 2, where: {amount: at least 100, kind: not bonus}}]}"
    plan = judging(block)
    base = {"amount": 100, "kind": "base"}
    for others, truth in (
        ([base], True),
        ([{"amount": 99, "kind": "base"}], False),
        ([{"amount": 100, "kind": "bonus"}], False),
        ([{"kind": "base"}], False),
        ([{}], False),
        ([{}, base], True),
    ):
        events = [an_event(plan, "salary", DAY, **fields) for fields in (base, *others)]
        assert truth_of(block, a_customer(plan, events=events)) is truth


def test_filter_of_an_event_cannot_look_at_the_time() -> None:
    """It is judged once, when the event arrives."""
    catalogue = CATALOGUE.replace("fields: {amount:", "fields: {paid_on: {type: date}, amount:")
    condition = "eligible: {history: [{ever: salary, where: {paid_on: within 30d}}]}"
    (problem,) = problems_of({"catalogue.yaml": catalogue}, an_action("isa", condition))
    assert "an event's filter cannot look at the time; narrow the window with `in`" in problem


def test_history_stands_in_any_block() -> None:
    """In `when`, in alternatives and in exclusions."""
    for block in (
        "{any: [{verified: true}, {history: [{ever: quote}]}]}",
        "{none: [{history: [{not_seen: quote, in: 9d}]}]}",
    ):
        plan = judging(block)
        assert truth_of(block, a_customer(plan, verified=False, events=[an_event(plan, "quote", DAY)])) is True
        assert truth_of(block, a_customer(plan, verified=False)) is False


# --- what cannot be read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("agee: 18", "unknown fact `agee`; did you mean `age`?"),
        ("holds.isas: true", "unknown fact `holds.isas`; did you mean `holds.isa`?"),
        ("work: employd", "unknown value of `work` `employd`; did you mean `employed`?"),
        ("age: old", "`age` must be a number"),
        ("age: 18.5", "`age` must be a whole number"),
        ("age: 121", "`age` must lie in 0..120"),
        ("age: over 121", "121 lies outside `age`, which runs 0..120"),
        ("age: 25..18", "the range 25..18 is empty"),
        ("age: '< 0.5 * income'", "`age` is in years and `income` in money"),
        ("age: '< 0.5 * tenures'", "unknown fact `tenures`; did you mean `tenure`?"),
        ("age: '< half of tenure'", "cannot read `half of tenure`"),
        ("renews_on: over customer.since + 3", "`customer.since` is a date, with which nobody can reckon"),
        ("renews_on: over seen_at", "`renews_on` is in date and `seen_at` in instant"),
        ("renews_on: within 12h", "`renews_on` is a date, which has no hours; count in d, mo or y"),
        ("placement: hero", "only a treatment can ask for its `placement`"),
        ("history: [{seen: salary, in: 9d, where: {history: [{ever: quote}]}}]", "looks at its own fields alone"),
        ("work: over student", "`work` is a category and has no order"),
        ("verified: 'yes'", "`verified` must be true or false"),
        ("holds.isa: 'yes'", "`holds.isa` must be true or false"),
        ("age: within 30d", "`within` needs a date, and `age` is an integer"),
        ("renews_on: within 30m", "`30m` is not a duration"),
        ("renews_on: 2026-02-30", "`renews_on` is a date that does not exist"),
        ("work: 'all of [student]'", "`all of` needs a set, and `work` is a category"),
        ("holds: 'all of [bond]'", "unknown value of `holds` `bond`"),
        ("age: []", "the list for `age` must hold single values"),
        ("age: {some: [18]}", "several conditions on `age` stand as `all: [..]`, `any: [..]` or `none: [..]`"),
        ("any: {age: 18}", "must be a list of blocks"),
        ("any: [18]", "a block must hold `fact: condition` lines"),
        ("history: {seen: quote}", "`history` must be a list"),
        ("history: [{seen: qoute, in: 30d}]", "unknown event `qoute`; did you mean `quote`?"),
        ("history: [{seen: quote}]", "a history condition needs `in`"),
        ("history: [{in: 30d}]", "a history condition names one of seen, not_seen, ever, last"),
        ("history: [{seen: quote, ever: quote}]", "a history condition names one of seen, not_seen, ever, last"),
        ("history: [{seen: quote, in: 2y}]", "the window 2y is longer than `quote` is kept (400 days)"),
        ("history: [{last: quote, ago: 30d}]", "`ago` must be a span such as `40d..220d`"),
        ("history: [{last: quote, ago: 30d..10d}]", "the span 30d..10d is empty"),
        ("history: [{last: quote, ago: 3d..900d}]", "the window 900d is longer than `quote` is kept"),
        ("history: [{seen: quote, in: 30d, at_least: 51}]", "`at_least` must lie in 1..50"),
        ("history: [{seen: quote, in: 30d, where: {amount: 5}}]", "unknown fact `amount`"),
        ("history: [{seen: quote, since: polic}]", "unknown event `polic`; did you mean `policy`?"),
        ("history: [{ever: quote, in: 30d}]", "`in` does not go with the other keys of a history condition"),
    ],
)
def test_condition_that_cannot_be_read_is_refused(cell: str, problem: str) -> None:
    """With what would do instead, where that is near."""
    problems = problems_of(an_action("isa", f"eligible: {{when: {{{cell}}}}}"))
    assert [each for each in problems if problem in each], problems
