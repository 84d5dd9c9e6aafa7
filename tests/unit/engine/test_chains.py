"""The chain behind a rule: which needs it rests on, which block revealed each, and what was found there."""

from datetime import timedelta
from typing import Any

from engine.chain_words import found_behind, tell_chain
from engine.chains import chain_behind, chain_to
from engine.generated import Row
from engine.row import assemble
from tests.builders import NOW, a_customer, a_plan, a_question, a_theme, an_event

PLAN = a_plan(
    a_theme(
        "home",
        """\
needs:
  - {need: saving, when: {trend: "> 0.15"}, lasts: 30d}
  - {need: home, when: {needs.saving: true, age: 23..45}}
  - {need: home, history: [{seen: quote, in: 30d}]}""",
        active="{needs.home: true}",
        journey="[isa]",
        weight=1.4,
    )
)
THEME = PLAN.themes[0].condition


def a_row(**given: Any) -> Row:
    """Somebody's row."""
    return assemble(PLAN, a_question(PLAN), a_customer(PLAN, **given), NOW)


def test_chain_leads_from_the_theme_down_to_plain_facts() -> None:
    """Each need with the line of the block that revealed it, and what that block saw."""
    row = a_row(age=31, trend=0.2)
    home, saving = chain_behind(PLAN, THEME, row)
    assert (home.need, saving.need) == ("needs.home", "needs.saving")
    assert found_behind(PLAN, row, home) == {"needs.saving": "yes", "age": "31"}
    assert found_behind(PLAN, row, saving) == {"trend": "0.2000"}
    assert home.place.line == saving.place.line + 1


def test_chain_names_the_block_that_held() -> None:
    """Not the first of the need; what it does not rest on is no link."""
    row = a_row(age=31, events=[an_event(PLAN, "quote", timedelta(days=3))])
    (home,) = chain_behind(PLAN, THEME, row)
    assert found_behind(PLAN, row, home) == {"quote": "last on 2 January 2026"}


def test_need_that_only_lasts_says_since_when() -> None:
    """Its block does not hold now, so there is nothing to be found in it."""
    row = a_row(age=31, trend=0.1, needs={"needs.saving": NOW - timedelta(days=5)})
    _, saving = chain_behind(PLAN, THEME, row)
    assert (saving.causes, saving.last_held_at) == ((), int((NOW - timedelta(days=5)).timestamp()))
    assert "“Saving” lasts: it held last on 31 December 2025 (rules/thematic/home.yaml:7:5)." in str(
        tell_chain(PLAN, row, (saving,))
    )


def test_chain_is_told_in_sentences() -> None:
    """For staff, with the place of each block."""
    row = a_row(age=31, trend=0.2)
    assert tell_chain(PLAN, row, chain_behind(PLAN, THEME, row)) == (
        "“Home” is inferred from saving: yes; “Age”: 31 (rules/thematic/home.yaml:8:39). "
        "“Saving” is inferred from “Trend”: 0.2000 (rules/thematic/home.yaml:7:34)."
    )
    assert tell_chain(PLAN, row, ()) is None


def test_need_that_is_missed_is_followed_to_what_keeps_it_away() -> None:
    """The theme wants a home, which wants savings, which want a trend that is not there."""
    row = a_row(age=31, trend=0.1)
    cause = PLAN.tracer.cause(THEME, row)
    assert cause is not None
    home, saving = chain_to(PLAN, cause, row)
    assert (home.need, home.holds, saving.need, saving.holds) == ("needs.home", False, "needs.saving", False)
    assert found_behind(PLAN, row, saving) == {"trend": "0.1000"}
    assert "“Saving” is not inferred: “Trend”: 0.1000" in str(tell_chain(PLAN, row, (home, saving)))


def test_rule_that_asks_for_no_need_has_no_chain() -> None:
    """Whether it holds or not."""
    other = a_plan()
    row = assemble(other, a_question(other), a_customer(other), NOW)
    condition = other.action_rules[0].eligible
    assert chain_behind(other, condition, row) == ()
