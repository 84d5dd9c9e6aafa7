"""`channels.yaml`: what screens for staff say of a customer in one line."""

from engine.ids import ChannelId
from tests.builders import CATALOGUE, CHANNELS, a_bundle, problems_of

STAFFED = "\n  branch:\n    staff: true\n"
LINE = "    about: [age, work, customer.since]\n"


def test_line_about_a_customer_keeps_its_order() -> None:
    plan = a_bundle({"channels.yaml": CHANNELS.replace(STAFFED, STAFFED + LINE)}).plan
    assert plan.channel_by_id[ChannelId("branch")].about == ("age", "work", "customer.since")
    assert plan.channel_by_id[ChannelId("web")].about == ()


def test_line_is_for_screens_of_staff_alone() -> None:
    (problem,) = problems_of({"channels.yaml": CHANNELS.replace("\n  web:\n", "\n  web:\n" + LINE)})
    assert "`about` is for screens of staff, and customers see this channel" in problem


def test_fact_that_nobody_knows_or_that_is_kept_for_audit_is_refused() -> None:
    misspelt = CHANNELS.replace(STAFFED, STAFFED + "    about: [agee]\n")
    (problem,) = problems_of({"channels.yaml": misspelt})
    assert "unknown fact `agee`; did you mean `age`?" in problem
    protected = CATALOGUE.replace("  flagged: {", "  flagged: {protected: audit_only, model: false, ")
    shown = CHANNELS.replace(STAFFED, STAFFED + "    about: [flagged]\n")
    (problem,) = problems_of({"channels.yaml": shown, "catalogue.yaml": protected})
    assert "unknown fact `flagged`" in problem
