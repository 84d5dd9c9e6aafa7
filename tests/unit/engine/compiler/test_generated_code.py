"""What generated code looks like: what rules ask alike is evaluated once, and triggers wait for their moment."""

import re

import pytest

from engine.compiler.sharing import shared
from tests.builders import a_customer, a_plan, a_question, a_trigger, an_action, decided, reasons

ADULT = "eligible: {when: {age: at least 18, verified: true}}"


def function(source: str, name: str) -> str:
    """The text of one generated function."""
    found = re.search(rf"^def {name}\(.*?(?=^def |\Z)", source, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[0]


def test_what_three_rules_ask_alike_is_evaluated_once() -> None:
    """And each still fails by itself."""
    plan = a_plan(*(an_action(name, ADULT) for name in ("isa", "bond", "loan")))
    engage = function(plan.source, "engage_0")
    assert engage.count(" >= 18") == 1
    assert engage.count("if not (c0): codes") == 3
    for age, outcome in ((17, {"not_eligible"}), (18, {"chosen", "outranked"}), (None, {"not_eligible"})):
        customer = a_customer(plan, age=age, verified=True)
        assert set(reasons(plan, decided(plan, customer=customer)).values()) == outcome


def test_what_two_rules_ask_alike_stays_where_it_stands() -> None:
    """A rule that fails early spares the rest, which is worth more."""
    plan = a_plan(*(an_action(name, ADULT) for name in ("isa", "bond")))
    assert function(plan.source, "engage_0").count(" >= 18") == 2


@pytest.mark.parametrize(
    ("lines", "written"),
    [
        (["if \x01(a and b)\x02: f(1)"] * 3, ["    c0 = (a and b)", *["if c0: f(1)"] * 3]),
        (["if \x01(a and b)\x02: f(1)"] * 2, ["if (a and b): f(1)"] * 2),
        (
            ["if \x01(a and \x01(b or c)\x02)\x02: f(1)"] * 3,
            ["    c0 = (a and (b or c))", *["if c0: f(1)"] * 3],
        ),
        (
            [f"if \x01({each} and \x01(b or c)\x02)\x02: f(1)" for each in "xyz"],
            ["    c0 = (b or c)", *(f"if ({each} and c0): f(1)" for each in "xyz")],
        ),
        (["passed = []"], ["passed = []"]),
    ],
)
def test_shared_expressions_come_ahead(lines: list[str], written: list[str]) -> None:
    """What stands inside one that is shared is not shared once more."""
    assert shared(lines) == written


def test_triggers_are_indexed_by_moment() -> None:
    """At a moment only its own triggers are looked at, beside those that wait for none; they fire in file order."""
    plan = a_plan(
        an_action("isa"),
        a_trigger("a", "when: {age: 30}\npromote: {isa: 2}", on="{moment: [page_viewed]}"),
        a_trigger("b", "when: {verified: true}\npromote: {isa: 1.5}"),
        a_trigger("c", "when: {age: 30}\npromote: {isa: 3}", on="{moment: [session_started, page_viewed]}"),
    )
    assert " == 30" not in function(plan.source, "always_promotions")
    customer = a_customer(plan, age=30, verified=True)
    for moment, fired in (("page_viewed", (0, 1, 2)), ("session_started", (1, 2)), (None, (1,))):
        assert decided(plan, a_question(plan, moment=moment), customer).promotions == fired


def test_suppression_of_some_moment_binds_where_no_moment_is_told() -> None:
    """It is not known to be another one."""
    plan = a_plan(
        an_action("isa"),
        a_trigger(
            "s",
            "history: [{not_seen: salary, in: 9d}, {ever: quote}]\nsuppress: {actions: [isa], for: 9d}",
            on="{moment: [page_viewed]}",
        ),
    )
    nobody = a_customer(plan, kept_since=2_000_000_000)
    for moment, outcome in (("page_viewed", "suppressed"), ("session_started", "chosen"), (None, "suppressed")):
        assert reasons(plan, decided(plan, a_question(plan, moment=moment), nobody)) == {"isa": outcome}
