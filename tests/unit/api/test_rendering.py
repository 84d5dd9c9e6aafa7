"""Reasons as the wire carries them."""

from datetime import timedelta

from api.rendering import reason_body
from engine.chains import chain_behind
from engine.explain import Because
from engine.row import assemble
from tests.builders import NOW, a_customer, a_plan, a_question, a_theme

NEEDS = """\
needs:
  - {need: saving, when: {trend: "> 0.15"}, lasts: 30d}
  - {need: home, when: {needs.saving: true, age: 23..45}}"""


def test_reason_carries_the_chain_of_needs_behind_it() -> None:
    """Each need with its place and what was found, and all of it in words for staff."""
    plan = a_plan(a_theme("home", NEEDS, active="{needs.home: true}", journey="[isa]", weight=1.4))
    customer = a_customer(plan, age=31, trend=0.1, needs={"needs.saving": NOW - timedelta(days=2)})
    row = assemble(plan, a_question(plan), customer, NOW)
    body = reason_body(plan, row, Because(code="theme", chain=chain_behind(plan, plan.themes[0].condition, row)))
    home, saving = body.chain
    assert (home.need, home.holds, home.facts) == ("home", True, {"needs.saving": "yes", "age": "31"})
    assert (saving.need, saving.facts, saving.last_held_at) == ("saving", {}, "2026-01-03T12:00:00.000Z")
    assert home.place.startswith("rules/thematic/home.yaml:8:")
    assert str(body.detail).startswith("“Home” is inferred from saving: yes; “Age”: 31 (rules/thematic/home.yaml:8:")


def test_detail_of_a_reason_stays_what_it_says() -> None:
    """A chain adds to it, and replaces nothing."""
    plan = a_plan()
    row = assemble(plan, a_question(plan), a_customer(plan), NOW)
    body = reason_body(plan, row, Because(code="outranked", detail="ranked 2 of 3"))
    assert (body.detail, body.chain) == ("ranked 2 of 3", ())
