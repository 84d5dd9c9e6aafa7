"""What a decision reads, assembled: since when history counts as complete, consent for the channel, and gaps."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from engine import Plan, Snapshot
from engine.facts import Consent
from tests.builders import BANK, NOW, a_customer, a_plan, a_question, an_action, decided, reason_for

NO_QUOTE = an_action("isa", "eligible: {history: [{not_seen: quote, in: 30d}]}")


def kept_from(plan: Plan, kept_since: datetime, first_day: date | None = None) -> str:
    """What becomes of an action that asks for no quote in 30 days, by a history kept since an instant."""
    customer = a_customer(plan, {"customer.since": first_day}, kept_since=int(kept_since.timestamp()))
    return reason_for(plan, decided(plan, customer=customer), "isa")


def test_nothing_is_not_seen_where_the_kept_history_starts_inside_the_window() -> None:
    """What happened before the history was kept is unknown, and unknown does not admit."""
    assert kept_from(a_plan(NO_QUOTE), datetime(2025, 12, 20, tzinfo=NOW.tzinfo)) == "not_eligible"


def test_history_kept_since_the_window_began_is_enough() -> None:
    """The window's start itself is inside."""
    plan = a_plan(NO_QUOTE)
    assert kept_from(plan, datetime(2025, 12, 6, 12, tzinfo=NOW.tzinfo)) == "chosen"
    assert kept_from(plan, datetime(2025, 12, 6, 12, 0, 1, tzinfo=NOW.tzinfo)) == "not_eligible"


def test_history_kept_since_the_customers_first_day_is_complete() -> None:
    """Nothing can have happened before there was a customer."""
    plan = a_plan(NO_QUOTE)
    kept_since = datetime(2025, 12, 20, 18, tzinfo=NOW.tzinfo)
    assert kept_from(plan, kept_since, date(2025, 12, 20)) == "chosen"
    assert kept_from(plan, kept_since, date(2025, 12, 19)) == "not_eligible"


def test_first_day_is_a_day_in_the_banks_zone() -> None:
    """19:00 in London on the 20th is the 21st in Kolkata."""
    plan = a_plan(NO_QUOTE, {"bank.yaml": BANK.replace("Europe/London", "Asia/Kolkata")})
    kept_since = datetime(2025, 12, 20, 19, tzinfo=ZoneInfo("Europe/London"))
    assert kept_from(plan, kept_since, date(2025, 12, 20)) == "not_eligible"
    assert kept_from(plan, kept_since, date(2025, 12, 21)) == "chosen"


def test_customer_without_any_event_state_has_an_unknown_past() -> None:
    """A record that holds no history says nothing about what happened."""
    plan = a_plan(NO_QUOTE)
    customer = a_customer(plan)
    without = Snapshot(known=True, profile=customer.profile, consent=customer.consent)
    assert reason_for(plan, decided(plan, customer=without), "isa") == "not_eligible"


def test_unknown_customer_has_no_past() -> None:
    """Somebody without a record was never seen doing anything."""
    plan = a_plan(NO_QUOTE)
    consent = a_customer(plan).consent
    assert reason_for(plan, decided(plan, customer=Snapshot(known=False, consent=consent)), "isa") == "chosen"


def test_consent_is_that_of_the_requests_channel() -> None:
    """Consent on the web says nothing about the machine."""
    plan = a_plan(an_action("isa"))
    consent = Consent(version=1, allowed_by_purpose={"marketing": {"web": True, "atm": False}})
    customer = a_customer(plan, consent=consent)
    assert reason_for(plan, decided(plan, a_question(plan, "web.hero"), customer), "isa") == "chosen"
    assert reason_for(plan, decided(plan, a_question(plan, "atm.idle"), customer), "isa") == "guard"
    assert reason_for(plan, decided(plan, a_question(plan, "branch.card"), customer), "isa") == "guard"


def test_request_carries_facts_of_its_own() -> None:
    """`context.*` comes with the request alone."""
    plan = a_plan(an_action("isa", "eligible: {when: {context.cash: at least 250}}"))
    for cash, reason in ((250, "chosen"), (249, "not_eligible")):
        question = a_question(plan, context={"cash": cash})
        assert reason_for(plan, decided(plan, question), "isa") == reason
    assert reason_for(plan, decided(plan), "isa") == "not_eligible"
