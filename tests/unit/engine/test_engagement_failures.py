"""A condition that fails takes its own action down, and no other."""

from dataclasses import replace

from tests.builders import a_customer, a_plan, a_question, an_action, decided, offered, reasons, the_guards


def test_actions_are_judged_as_ever_beside_one_that_fails() -> None:
    """Those stopped before, and those that are not valid today."""
    plan = a_plan(
        an_action("fails", "eligible: {when: {age: at least 18}}"),
        an_action("over", valid="{to: 2026-01-04}"),
        an_action("guarded", group="loans"),
        the_guards("{guard: flagged, stops: {groups: [loans]}, when: {flagged: true}}"),
    )
    customer = a_customer(plan, flagged=True)
    assert customer.profile is not None
    broken = list(customer.profile)
    broken[0] = "forty"
    decision = decided(plan, a_question(plan), replace(customer, profile=broken))
    assert reasons(plan, decision) == {"fails": "evaluation_error", "over": "outside_validity", "guarded": "guard"}


def test_a_value_of_the_wrong_type_rejects_only_the_actions_that_read_it() -> None:
    """A stored profile that holds text where a number belongs."""
    plan = a_plan(
        an_action("fails", "eligible: {when: {age: at least 18}}"),
        an_action("stands", "eligible: {when: {tenure: at least 1}}"),
        an_action("falls", "eligible: {when: {tenure: at least 9}}"),
    )
    customer = a_customer(plan, tenure=3)
    assert customer.profile is not None
    broken = list(customer.profile)
    broken[0] = "forty"
    decision = decided(plan, a_question(plan), replace(customer, profile=broken))
    assert offered(plan, decision) == ["stands"]
    assert reasons(plan, decision) == {"fails": "evaluation_error", "stands": "chosen", "falls": "not_eligible"}
