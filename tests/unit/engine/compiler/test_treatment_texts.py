"""What treatments write: as much as a cash machine shows, and no figure that the terms do not state."""

import pytest

from tests.builders import an_action, problems_of

LONG = "One policy for the whole of your home, whether you own it or rent it, and for all that stands in it."


def told(more: str) -> list[str]:
    return [each.partition("warning ")[2].partition(";")[0] for each in problems_of(an_action("isa", more))]


def test_text_longer_than_a_cash_machine_shows_is_a_warning() -> None:
    """On other screens it may be as long as it likes; what a placeholder will be is not counted."""
    assert told(f'treatments: {{atm.*: {{headline: "{LONG[:41]}", body: "{LONG}"}}}}') == [
        "[text_too_long]: this `headline` has 41 characters",
        f"[text_too_long]: this `body` has {len(LONG)} characters",
    ]
    assert told(f'treatments: {{atm.*: {{headline: "{LONG[:39]}", body: "{LONG[:80]} {{nickname}}"}}}}') == []
    assert told(f'treatments: {{web.*: {{headline: "{LONG}"}}}}') == []


@pytest.mark.parametrize(
    ("text", "terms", "figures"),
    [
        ("12.5% a year", "", ["12.5%"]),
        ("12.5% a year", "terms: {rate: 12.5}", []),
        ("12.5% a year", "terms: {rate: 0.125}", []),
        ("from £2,000 to 5,000 pounds", "terms: {least: 2_000}", ["5,000 pounds"]),
        ("4% or 5%", "terms: {rate: {table: [{when: {age: under 25}, then: 5}, {then: 4}]}}", []),
        ("7% today", "terms: {rate: 2 * age}", []),
        ("open 7 days a week", "", []),
    ],
)
def test_figure_that_the_terms_do_not_state_is_a_warning(text: str, terms: str, figures: list[str]) -> None:
    """Unless a fact makes the terms: then nobody can tell while compiling."""
    found = told(f'{terms}\ntreatments: {{web.*: {{headline: Cash ISA, objections: ["{text}"]}}}}')
    assert found == [
        f"[figure_without_terms]: the figure `{each}` does not stand in the action's `terms`" for each in figures
    ]
