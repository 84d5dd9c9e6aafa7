"""Caps of every kind, cooling-off by answer, ignored offers, quiet hours, and what counts as one session."""

from datetime import datetime, timedelta

import pytest

from engine import Decision, Plan
from engine.contacts import Contact, ContactState, DeclineReason, hash32
from engine.ids import ActionId
from tests.builders import (
    NOW,
    a_contact,
    a_customer,
    a_plan,
    a_question,
    a_theme,
    an_action,
    decided,
    offered,
    reason_for,
    reasons,
    the_contact_policy,
)

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
THREE = (
    an_action("isa"),
    an_action("bond"),
    an_action("loan", group="loans"),
)


def a_cap(*caps: str) -> Plan:
    """Three offers under some caps."""
    return a_plan(
        *THREE,
        the_contact_policy("caps:\n" + "\n".join(f"  - {{cap: cap_{at}, {each}}}" for at, each in enumerate(caps))),
    )


def after(plan: Plan, *contacts: Contact, place: str = "web.hero", now: datetime = NOW) -> dict[str, str]:
    """What becomes of each action after some contacts."""
    return reasons(plan, decided(plan, a_question(plan, place), a_customer(plan, contacts=contacts), now=now))


def blocked_until(plan: Plan, decision: Decision, action: str) -> timedelta:
    """How long after now an action may come back."""
    until = decision.blocked[plan.position_by_action[ActionId(action)]].until
    assert until is not None
    return timedelta(seconds=until - int(NOW.timestamp()))


def the_capped(found: dict[str, str]) -> set[str]:
    """The actions that a cap stops."""
    return {action for action, reason in found.items() if reason == "capped"}


# --- caps ------------------------------------------------------------------------------------------------------------


def test_customer_cap_counts_every_offer() -> None:
    """Whichever action was shown, on whichever channel."""
    plan = a_cap("per: customer, limit: 2, in: 7d")
    contacts = [a_contact(plan, "isa", DAY), a_contact(plan, "loan", 2 * DAY, channel="branch")]
    assert the_capped(after(plan, contacts[0])) == set()
    assert the_capped(after(plan, *contacts)) == {"isa", "bond", "loan"}


def test_rolling_window_includes_its_start() -> None:
    """Seven days are 168 hours; one second more is outside."""
    plan = a_cap("per: customer, limit: 1, in: 7d")
    assert the_capped(after(plan, a_contact(plan, "isa", 7 * DAY))) == {"isa", "bond", "loan"}
    assert the_capped(after(plan, a_contact(plan, "isa", 7 * DAY + SECOND))) == set()


@pytest.mark.parametrize(("each", "began"), [("day", "2026-01-07"), ("week", "2026-01-05"), ("month", "2026-01-01")])
def test_calendar_window_begins_at_midnight(each: str, began: str) -> None:
    """In the bank's zone; the second before belongs to the window before."""
    plan = a_cap(f"per: customer, limit: 1, each: {each}")
    now = NOW.replace(day=7)
    start = datetime.fromisoformat(began).replace(tzinfo=NOW.tzinfo)
    assert the_capped(after(plan, a_contact(plan, "isa", now - start, now=now), now=now)) == {"isa", "bond", "loan"}
    assert the_capped(after(plan, a_contact(plan, "isa", now - start + SECOND, now=now), now=now)) == set()


@pytest.mark.parametrize(
    ("now", "contact_at", "counts"),
    [
        # 29 March 2026 has 23 hours in London, 25 October has 25.
        ("2026-03-29T23:30+01:00", "2026-03-29T00:00+00:00", True),
        ("2026-03-29T23:30+01:00", "2026-03-28T23:59+00:00", False),
        ("2026-10-25T23:30+00:00", "2026-10-25T00:00+01:00", True),
        ("2026-10-25T23:30+00:00", "2026-10-24T23:59+01:00", False),
    ],
)
def test_day_on_which_the_clocks_change_is_a_day_of_the_calendar(now: str, contact_at: str, counts: bool) -> None:
    """From midnight to midnight on the bank's clocks, however many hours lie between."""
    plan = a_cap("per: customer, limit: 1, each: day")
    asked_at, shown_at = datetime.fromisoformat(now), datetime.fromisoformat(contact_at)
    contact = a_contact(plan, "isa", asked_at - shown_at, now=asked_at)
    assert bool(the_capped(after(plan, contact, now=asked_at))) is counts


@pytest.mark.parametrize("now", ["2026-03-29T12:00+01:00", "2026-10-25T12:00+00:00"])
def test_rolling_window_is_elapsed_time_when_the_clocks_change(now: str) -> None:
    """A day is 24 hours: the clock on the wall shows another hour at its start."""
    plan = a_cap("per: customer, limit: 1, in: 1d")
    asked_at = datetime.fromisoformat(now)
    assert the_capped(after(plan, a_contact(plan, "isa", DAY, now=asked_at), now=asked_at)) == {"isa", "bond", "loan"}
    assert the_capped(after(plan, a_contact(plan, "isa", DAY + SECOND, now=asked_at), now=asked_at)) == set()


def test_group_cap_counts_and_stops_each_group_alone() -> None:
    """`groups` may narrow it; without them every group has its own."""
    every = a_cap("per: group, limit: 1, in: 7d")
    assert the_capped(after(every, a_contact(every, "isa"))) == {"isa", "bond"}
    assert the_capped(after(every, a_contact(every, "loan"))) == {"loan"}
    loans = a_cap("per: group, groups: [loans], limit: 1, in: 7d")
    assert the_capped(after(loans, a_contact(loans, "isa"), a_contact(loans, "bond"))) == set()


def test_channel_cap_counts_and_stops_on_its_channel() -> None:
    """What was shown on the web leaves the branch free."""
    plan = a_cap("per: channel, channels: [web], limit: 1, in: 7d")
    shown = a_contact(plan, "isa", channel="web")
    assert the_capped(after(plan, shown)) == {"isa", "bond", "loan"}
    assert the_capped(after(plan, shown, place="branch.card")) == set()
    assert the_capped(after(plan, a_contact(plan, "isa", channel="branch"))) == set()


def test_theme_cap_counts_the_actions_of_its_journey() -> None:
    """Whether or not the theme is active."""
    plan = a_plan(
        *THREE,
        a_theme("home", "active: {verified: true}\njourney: [isa, loan]"),
        the_contact_policy("caps:\n  - {cap: home, per: theme, themes: [home], limit: 1, in: 7d}\n"),
    )
    assert the_capped(after(plan, a_contact(plan, "loan"))) == {"isa", "loan"}
    assert the_capped(after(plan, a_contact(plan, "bond"))) == set()


def test_actions_own_cap_is_short_for_rolling_impressions() -> None:
    """`per_customer: 2 per 30d`."""
    plan = a_plan(an_action("isa", "contact: {per_customer: 2 per 30d}"), an_action("bond"))
    contacts = [a_contact(plan, "isa", days * DAY) for days in (3, 30)]
    assert the_capped(after(plan, *contacts)) == {"isa"}
    assert the_capped(after(plan, contacts[0], a_contact(plan, "isa", 31 * DAY))) == set()


def test_cap_of_accepts_counts_answers_alone() -> None:
    """Being shown is not accepting."""
    plan = a_cap("per: customer, count: accepts, limit: 1, in: 7d")
    for state, capped in (
        (ContactState.SHOWN, set[str]()),
        (ContactState.DECLINED, set()),
        (ContactState.ACCEPTED, {"isa", "bond", "loan"}),
        (ContactState.CONVERTED, {"isa", "bond", "loan"}),
    ):
        assert the_capped(after(plan, a_contact(plan, "isa", state=state))) == capped


def test_caps_bind_offers_unless_they_say_otherwise() -> None:
    """Services and duties are not offers."""
    service = an_action("alert", tier="service")
    usual = a_plan(*THREE, service, the_contact_policy("caps:\n  - {cap: c, per: customer, limit: 0, in: 7d}\n"))
    assert the_capped(after(usual)) == {"isa", "bond", "loan"}
    named = a_plan(
        *THREE, service, the_contact_policy("caps:\n  - {cap: c, per: customer, tiers: [service], limit: 0, in: 7d}\n")
    )
    assert the_capped(after(named)) == {"alert"}


def test_confirmed_and_pending_contacts_count_and_lapsed_ones_do_not() -> None:
    """A reservation holds until it lapses."""
    plan = a_cap("per: customer, limit: 1, in: 7d")
    pending = a_contact(plan, "isa", timedelta(minutes=59), state=ContactState.PENDING, minutes=60, channel="branch")
    lapsed = a_contact(plan, "isa", timedelta(minutes=60), state=ContactState.PENDING, minutes=60, channel="branch")
    assert the_capped(after(plan, pending)) == {"isa", "bond", "loan"}
    assert the_capped(after(plan, lapsed)) == set()


def test_one_action_in_one_session_is_one_contact() -> None:
    """However often it was recorded."""
    plan = a_cap("per: customer, limit: 2, in: 7d")
    twice = [a_contact(plan, "isa", DAY + timedelta(minutes=at), session="yesterday") for at in (0, 5)]
    assert the_capped(after(plan, *twice)) == set()
    assert the_capped(after(plan, *twice, a_contact(plan, "isa", 2 * DAY, session="before"))) == {"isa", "bond", "loan"}


def test_contacts_of_actions_that_are_gone_count_for_nothing() -> None:
    """Their caps went with them."""
    before, plan = a_plan(*THREE, an_action("old")), a_cap("per: customer, limit: 1, in: 7d")
    assert the_capped(after(plan, a_contact(before, "old"))) == set()


def test_renamed_action_keeps_its_contacts() -> None:
    """`formerly` keeps caps when an action is renamed."""
    before = a_plan(an_action("isa"))
    renamed = a_plan(
        an_action("cash_isa", "formerly: isa"),
        the_contact_policy("caps:\n  - {cap: c, per: customer, limit: 1, in: 7d}\n"),
    )
    assert the_capped(after(renamed, a_contact(before, "isa"))) == {"cash_isa"}


# --- sessions --------------------------------------------------------------------------------------------------------


def test_reloading_a_page_costs_no_cap() -> None:
    """What this session has seen may be seen again; nothing new fits under the cap."""
    plan = a_cap("per: customer, limit: 1, in: 7d")
    customer = a_customer(plan, contacts=[a_contact(plan, "isa", timedelta(hours=2), session="visit")])
    decision = decided(plan, a_question(plan, session="visit"), customer)
    assert offered(plan, decision) == ["isa"]
    assert decision.new_contacts == ()
    assert the_capped(reasons(plan, decided(plan, a_question(plan, session="another"), customer))) == {
        "isa",
        "bond",
        "loan",
    }


def test_without_a_session_half_an_hour_on_a_channel_is_one() -> None:
    """On that channel, and not a second longer."""
    plan = a_cap("per: customer, limit: 1, in: 7d")
    for ago, channel, free in (
        (timedelta(minutes=30) - SECOND, "web", True),
        (timedelta(minutes=30), "web", False),
        (timedelta(minutes=5), "branch", False),
    ):
        decision = decided(plan, customer=a_customer(plan, contacts=[a_contact(plan, "isa", ago, channel=channel)]))
        assert offered(plan, decision) == (["isa"] if free else [])


def test_new_contacts_join_the_session_that_goes_on() -> None:
    """The second placement of a page view belongs to the same visit."""
    plan = a_plan(*THREE)
    seen = a_contact(plan, "isa", timedelta(minutes=5))
    decision = decided(plan, a_question(plan, "web.footer"), a_customer(plan, contacts=[seen]))
    assert {each.session_hash for each in decision.new_contacts} == {seen.session_hash}


def test_a_session_of_ones_own_is_the_same_for_the_same_question() -> None:
    """It follows from customer, channel and second, so that a repeat gives the same contacts."""
    plan = a_plan(*THREE)
    first, second = decided(plan), decided(plan)
    assert first.session_hash == second.session_hash
    assert first.session_hash != decided(plan, now=NOW + SECOND).session_hash
    assert first.session_hash != decided(plan, a_question(plan, customer="C2")).session_hash


# --- cooling off -----------------------------------------------------------------------------------------------------

COOLING = """\
cooling_off:
  after_decline: {default: 30d, not_now: 14d, not_interested: 90d, never: 3650d}
  after_accept: 60d
"""


@pytest.mark.parametrize(
    ("state", "reason", "days"),
    [
        (ContactState.DECLINED, DeclineReason.NONE, 30),
        (ContactState.DECLINED, DeclineReason.OTHER, 30),
        (ContactState.DECLINED, DeclineReason.TOO_EXPENSIVE, 30),
        (ContactState.DECLINED, DeclineReason.NOT_NOW, 14),
        (ContactState.DECLINED, DeclineReason.NOT_INTERESTED, 90),
        (ContactState.DECLINED, DeclineReason.NEVER, 3650),
        (ContactState.LATER, DeclineReason.NONE, 14),
        (ContactState.ACCEPTED, DeclineReason.NONE, 60),
        (ContactState.CONVERTED, DeclineReason.NONE, 60),
    ],
)
def test_answer_rests_an_action_as_long_as_its_reason_says(
    state: ContactState, reason: DeclineReason, days: int
) -> None:
    """To the second, on every channel; the others stay."""
    plan = a_plan(an_action("isa"), an_action("bond"), the_contact_policy(COOLING))
    resting = a_contact(plan, "isa", days * DAY - SECOND, state=state, reason=reason, channel="branch")
    rested = a_contact(plan, "isa", days * DAY, state=state, reason=reason, channel="branch")
    assert after(plan, resting) == {"isa": "cooling_off", "bond": "chosen"}
    assert after(plan, rested)["isa"] != "cooling_off"


def test_clicks_and_impressions_rest_nothing() -> None:
    """Only an answer does."""
    plan = a_plan(the_contact_policy(COOLING))
    for state in (ContactState.PENDING, ContactState.SHOWN, ContactState.CLICKED):
        assert after(plan, a_contact(plan, "isa", timedelta(minutes=1), state=state)) == {"isa": "chosen"}


def test_blocked_action_says_when_it_may_come_back() -> None:
    """And what the customer answered."""
    plan = a_plan(the_contact_policy(COOLING))
    contact = a_contact(plan, "isa", DAY, state=ContactState.DECLINED, reason=DeclineReason.NOT_NOW)
    decision = decided(plan, customer=a_customer(plan, contacts=[contact]))
    assert blocked_until(plan, decision, "isa") == 13 * DAY
    assert decision.blocked[0].rule == "declined: not_now"


@pytest.mark.parametrize(
    ("own", "reason", "days"),
    [
        ("after_decline: 60d", DeclineReason.NOT_NOW, 60),
        ("after_decline: 60d", DeclineReason.NEVER, 3650),
        ("after_decline: {not_now: 3d}", DeclineReason.NOT_NOW, 3),
        ("after_decline: {not_now: 3d}", DeclineReason.NOT_INTERESTED, 90),
        ("after_decline: {default: 5d}", DeclineReason.NOT_INTERESTED, 5),
        ("after_decline: {default: 5d}", DeclineReason.NEVER, 3650),
        ("after_decline: {never: 5d}", DeclineReason.NEVER, 5),
    ],
)
def test_action_may_rest_longer_or_shorter(own: str, reason: DeclineReason, days: int) -> None:
    """By reason or for all; a customer who said never is only asked again where the file says `never`."""
    plan = a_plan(an_action("isa", f"contact: {{{own}}}"), the_contact_policy(COOLING))
    contact = a_contact(plan, "isa", timedelta(hours=1), state=ContactState.DECLINED, reason=reason)
    decision = decided(plan, customer=a_customer(plan, contacts=[contact]))
    assert blocked_until(plan, decision, "isa") == days * DAY - timedelta(hours=1)


def test_action_may_rest_longer_after_an_accept() -> None:
    """`after_accept` of its own."""
    plan = a_plan(an_action("isa", "contact: {after_accept: 365d}"), the_contact_policy(COOLING))
    contact = a_contact(plan, "isa", 100 * DAY, state=ContactState.ACCEPTED)
    assert after(plan, contact) == {"isa": "cooling_off"}


def test_duty_is_shown_whatever_was_answered() -> None:
    """A `must` message cannot be declined away."""
    plan = a_plan(an_action("isa", tier="must"), the_contact_policy(COOLING))
    assert after(plan, a_contact(plan, "isa", state=ContactState.DECLINED)) == {"isa": "chosen"}


def test_answer_speaks_louder_than_a_cap() -> None:
    """A declined action that is capped too is told it was declined."""
    plan = a_plan(the_contact_policy("caps:\n  - {cap: c, per: customer, limit: 1, in: 7d}\n" + COOLING))
    assert after(plan, a_contact(plan, "isa", state=ContactState.DECLINED)) == {"isa": "cooling_off"}


# --- ignored ---------------------------------------------------------------------------------------------------------

IGNORED = "cooling_off: {after_ignored: {impressions: 3, in: 10d, for: 5d}}\n"


@pytest.mark.parametrize(
    ("days", "rests"),
    [
        ((1, 2, 3), True),
        ((1, 2), False),
        ((4, 9, 14), True),
        ((4, 9, 15), False),
        ((5, 6, 7), False),
        ((1, 12, 13, 14), False),
        ((4, 5, 6, 30), True),
    ],
)
def test_offer_that_is_ignored_often_rests(days: tuple[int, ...], rests: bool) -> None:
    """Three impressions within ten days rest it for five, counted from the last of them."""
    plan = a_plan(the_contact_policy(IGNORED))
    found = after(plan, *(a_contact(plan, "isa", each * DAY) for each in days))
    assert found == {"isa": "cooling_off" if rests else "chosen"}


def test_clicked_impression_was_not_ignored() -> None:
    """One of three was answered with a click."""
    plan = a_plan(the_contact_policy(IGNORED))
    contacts = [a_contact(plan, "isa", days * DAY) for days in (1, 2)]
    clicked = a_contact(plan, "isa", 3 * DAY, state=ContactState.CLICKED)
    assert after(plan, *contacts, clicked) == {"isa": "chosen"}


# --- quiet hours -----------------------------------------------------------------------------------------------------

QUIET = 'quiet_hours: {channels: [phone], from: "20:00", to: "08:00"}\n'


@pytest.mark.parametrize(
    ("clock", "quiet"),
    [("19:59:59", False), ("20:00:00", True), ("00:00:00", True), ("07:59:59", True), ("08:00:00", False)],
)
def test_bank_does_not_call_in_quiet_hours(clock: str, quiet: bool) -> None:
    """From the first second to the last, over midnight, in the bank's zone."""
    plan = a_plan(the_contact_policy(QUIET))
    now = datetime.fromisoformat(f"2026-07-05T{clock}").replace(tzinfo=NOW.tzinfo)
    decision = decided(plan, a_question(plan, "phone.card", moment="outbound"), now=now)
    assert reason_for(plan, decision, "isa") == ("quiet_hours" if quiet else "chosen")


def test_quiet_hours_may_lie_within_a_day() -> None:
    """Such as over lunch."""
    plan = a_plan(the_contact_policy(QUIET.replace("20:00", "12:00").replace("08:00", "13:00")))
    for hour, reason in ((11, "chosen"), (12, "quiet_hours"), (13, "chosen")):
        question = a_question(plan, "phone.card", moment="outbound")
        assert reason_for(plan, decided(plan, question, now=NOW.replace(hour=hour)), "isa") == reason


def test_customer_who_calls_at_night_is_answered() -> None:
    """Quiet hours are for what the bank begins, on the channels they name, and not for duties."""
    plan = a_plan(an_action("isa"), an_action("alert", tier="must"), the_contact_policy(QUIET))
    night = NOW.replace(hour=23)
    for place, moment, reason in (
        ("phone.card", "call_started", "chosen"),
        ("phone.card", None, "chosen"),
        ("web.footer", "page_viewed", "chosen"),
        ("phone.card", "outbound", "quiet_hours"),
    ):
        decision = decided(plan, a_question(plan, place, moment=moment), now=night)
        assert reasons(plan, decision) == {"isa": reason, "alert": "chosen"}


def test_session_that_goes_on_is_that_of_the_latest_contact() -> None:
    """Even where it had the same action before, long ago."""
    plan = a_plan(an_action("isa"), an_action("loan"))
    contacts = [
        a_contact(plan, "isa", timedelta(days=30), session="first"),
        a_contact(plan, "loan", timedelta(minutes=20), session="second"),
        a_contact(plan, "isa", timedelta(minutes=10), session="first"),
    ]
    assert decided(plan, customer=a_customer(plan, contacts=contacts)).session_hash == hash32("first")
