"""Placements fill in their order, each slot with the best that fits, and caps are deducted on the way."""

from datetime import timedelta

import pytest

from engine import Plan
from engine.contacts import ContactState, validity_minutes
from tests.builders import (
    CHANNELS,
    NOW,
    SteadyScorer,
    a_contact,
    a_customer,
    a_plan,
    a_question,
    an_action,
    decided,
    offered,
    reasons,
    shown,
    the_contact_policy,
)


def offers(*names: str, **groups: str) -> list[dict[str, str]]:
    """Offers whose value falls in the order given."""
    return [
        an_action(name, value=str(100 - at), group=groups.get(name, f"group_{name}")) for at, name in enumerate(names)
    ]


FIVE = offers("a", "b", "c", "d", "e")


def test_best_action_takes_each_slot() -> None:
    """In the order of the ranking, as many as asked for."""
    plan = a_plan(*FIVE)
    assert shown(plan, decided(plan, a_question(plan, "branch.card"))) == {"card": ["a", "b", "c"]}
    assert shown(plan, decided(plan, a_question(plan, "branch.card", count=1))) == {"card": ["a"]}
    assert shown(plan, decided(plan, a_question(plan, "branch.card", count=9))) == {"card": ["a", "b", "c", "d", "e"]}


def test_placements_fill_in_their_precedence() -> None:
    """Whatever the order in which they are asked for, and no action appears twice."""
    plan = a_plan(*FIVE)
    for places in (("web.hero", "web.footer"), ("web.footer", "web.hero")):
        assert shown(plan, decided(plan, a_question(plan, *places))) == {"hero": ["a"], "footer": ["b", "c"]}


def test_action_that_does_not_fit_one_placement_is_kept_for_another() -> None:
    """The best action without a treatment for the first takes the second."""
    plan = a_plan(*FIVE, an_action("best", value="500", places=["web.footer"]))
    assert shown(plan, decided(plan, a_question(plan, "web.hero", "web.footer"))) == {
        "hero": ["a"],
        "footer": ["best", "b"],
    }


def test_group_fills_no_more_than_its_share_of_a_placement() -> None:
    """`max_per_group` counts within one placement."""
    alike = offers("a", "b", "c", "d", a="loans", b="loans", c="loans")
    plan = a_plan(*alike)
    assert shown(plan, decided(plan, a_question(plan, "branch.card"))) == {"card": ["a", "d"]}
    assert shown(plan, decided(plan, a_question(plan, "web.hero", "web.footer"))) == {
        "hero": ["a"],
        "footer": ["b", "c"],
    }


def test_group_fills_no_more_than_its_share_of_an_answer() -> None:
    """`max_per_group` of a channel counts over all its placements, and with what a placement asks for besides."""
    alike = offers("a", "b", "c", "d", "e", a="loans", b="loans", c="loans", d="loans")
    for most, expected in ((1, ["e"]), (2, ["b", "e"])):
        channels = CHANNELS.replace("  web:\n", f"  web:\n    max_per_group: {most}\n")
        plan = a_plan(*alike, {"channels.yaml": channels})
        assert shown(plan, decided(plan, a_question(plan, "web.hero", "web.footer"))) == {
            "hero": ["a"],
            "footer": expected,
        }


def test_actions_that_exclude_each_other_are_not_shown_together() -> None:
    """`never_with` counts for both, whichever file says it, across placements."""
    for name in ("a", "b"):
        other = {"a": "b", "b": "a"}[name]
        excluding = an_action(
            name, f"never_with: [{other}]", value={"a": "100", "b": "99"}[name], group=f"group_{name}"
        )
        plan = a_plan(*FIVE, excluding)
        assert shown(plan, decided(plan, a_question(plan, "branch.card"))) == {"card": ["a", "c", "d"]}
        assert shown(plan, decided(plan, a_question(plan, "web.hero", "web.footer")))["footer"] == ["c", "d"]


def test_caps_are_deducted_while_placements_fill() -> None:
    """Two are left of the cap, so the third slot stays empty."""
    plan = a_plan(*FIVE, the_contact_policy("caps:\n  - {cap: c, per: customer, limit: 3, in: 7d}\n"))
    customer = a_customer(plan, contacts=[a_contact(plan, "e", timedelta(days=2))])
    decision = decided(plan, a_question(plan, "branch.card"), customer)
    assert shown(plan, decision) == {"card": ["a", "b"]}
    assert reasons(plan, decision)["c"] == "outranked"


def test_capped_group_yields_to_the_runner_up() -> None:
    """The next slot goes to another group."""
    alike = offers("a", "b", "c", a="loans", b="loans")
    plan = a_plan(*alike, the_contact_policy("caps:\n  - {cap: c, per: group, groups: [loans], limit: 1, in: 7d}\n"))
    assert offered(plan, decided(plan, a_question(plan, "web.hero", "web.footer"))) == ["a", "c"]


def test_what_the_session_has_seen_is_not_deducted_again() -> None:
    """A reload shows it beside one more."""
    plan = a_plan(*FIVE, the_contact_policy("caps:\n  - {cap: c, per: customer, limit: 2, in: 7d}\n"))
    seen = a_contact(plan, "b", timedelta(minutes=5), session="visit")
    decision = decided(plan, a_question(plan, "web.footer", session="visit"), a_customer(plan, contacts=[seen]))
    assert shown(plan, decision) == {"footer": ["a", "b"]}
    assert [each.action_hash for each in decision.new_contacts] == [plan.actions[0].hash]


def test_cap_of_another_channel_is_not_deducted_here() -> None:
    """It counts and binds where it says."""
    cap = "caps:\n  - {cap: c, per: channel, channels: [branch], limit: 1, in: 7d}\n"
    plan = a_plan(*FIVE, the_contact_policy(cap))
    assert len(offered(plan, decided(plan, a_question(plan, "branch.card")))) == 1
    assert len(offered(plan, decided(plan, a_question(plan, "web.footer")))) == 2


def test_better_tier_fills_first() -> None:
    """Offers take what duties and services leave."""
    plan = a_plan(
        *FIVE, an_action("alert", tier="must", value="0"), an_action("tip", group="tips", tier="service", value="0")
    )
    assert shown(plan, decided(plan, a_question(plan, "branch.card"))) == {"card": ["alert", "tip", "a"]}


# --- reservations ----------------------------------------------------------------------------------------------------


def reserved_minutes(plan: Plan, place: str, *, prefetch: bool = False) -> int:
    """How long an option on a placement holds."""
    decision = decided(plan, a_question(plan, place, prefetch=prefetch))
    (contact,) = decision.new_contacts
    option = decision.filled[0].options[0]
    assert option.valid_until == contact.valid_until
    return validity_minutes(contact.validity)


@pytest.mark.parametrize(
    ("place", "prefetch", "minutes"), [("atm.idle", False, 10), ("atm.idle", True, 24 * 60), ("web.hero", False, 30)]
)
def test_options_hold_as_long_as_their_placement_says(place: str, prefetch: bool, minutes: int) -> None:
    """Longer where they are fetched ahead."""
    assert reserved_minutes(a_plan(), place, prefetch=prefetch) == minutes


def test_length_that_a_byte_cannot_hold_is_rounded_up_for_both() -> None:
    """The touchpoint and the reservation lapse together."""
    channels = CHANNELS.replace("hero: {precedence: 1, items: 1, valid_for: 30min", "hero: {valid_for: 150min")
    assert reserved_minutes(a_plan({"channels.yaml": channels}), "web.hero") == 180


def test_every_new_option_is_reserved() -> None:
    """As a pending contact of this session, on this channel, now."""
    plan = a_plan(*FIVE)
    decision = decided(plan, a_question(plan, "branch.card"))
    assert [each.action_hash for each in decision.new_contacts] == [action.hash for action in plan.actions[:3]]
    assert {(each.at, each.state, each.channel) for each in decision.new_contacts} == {
        (int(NOW.timestamp()), ContactState.PENDING, 2)
    }
    assert {each.session_hash for each in decision.new_contacts} == {decision.session_hash}


def test_option_that_is_reserved_already_keeps_its_end() -> None:
    """Reloading does not extend a reservation; once shown, a new view holds anew."""
    plan = a_plan()
    for state, minutes in ((ContactState.PENDING, 55), (ContactState.SHOWN, 30)):
        seen = a_contact(plan, "isa", timedelta(minutes=5), state=state, minutes=60)
        option = decided(plan, customer=a_customer(plan, contacts=[seen])).filled[0].options[0]
        assert option.valid_until == int(NOW.timestamp()) + 60 * minutes


def test_ranks_count_from_one_in_each_placement() -> None:
    """Rank 2 is the second option of its placement."""
    plan = a_plan(*FIVE)
    filled = decided(plan, a_question(plan, "web.hero", "web.footer"), scorer=SteadyScorer(plan)).filled
    assert [[option.rank for option in each.options] for each in filled] == [[1], [1, 2]]
