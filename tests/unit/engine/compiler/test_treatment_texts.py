"""What treatments write: as much as a screen shows, and no figure that the terms do not state."""

import pytest

from tests.builders import CHANNELS, an_action, problems_of

LONG = "One policy for the whole of your home, whether you own it or rent it, and for all that stands in it."


def told(more: str) -> list[str]:
    return [each.partition("warning ")[2].partition(";")[0] for each in problems_of(an_action("isa", more))]


def test_text_longer_than_the_channel_shows_is_a_warning() -> None:
    """On other screens it may be as long as it likes; what a placeholder will be is not counted."""
    assert told(f'treatments: {{atm.*: {{headline: "{LONG[:41]}", body: "{LONG}"}}}}') == [
        "[text_too_long]: this `headline` has 41 characters",
        f"[text_too_long]: this `body` has {len(LONG)} characters",
    ]
    assert told(f'treatments: {{atm.*: {{headline: "{LONG[:39]}", body: "{LONG[:80]} {{nickname}}"}}}}') == []
    assert told(f'treatments: {{web.*: {{headline: "{LONG}"}}}}') == []


def test_placement_may_show_more_or_less_than_its_channel() -> None:
    """Of several placements that one text is for, the narrowest counts."""
    web = "\n  web:\n"
    channels = CHANNELS.replace(web, f"{web}    most_characters: {{headline: 60}}\n").replace(
        "hero: {", "hero: {most_characters: {headline: 50, call_to_action: 5}, "
    )
    action = an_action("isa", f'treatments: {{web.*: {{headline: "{LONG[:55]}", call_to_action: Look}}}}')
    (problem,) = problems_of({**action, "channels.yaml": channels})
    assert "this `headline` has 55 characters; `web.hero` shows 50; shorten it" in problem


def test_fallback_longer_than_its_placement_shows_is_a_warning() -> None:
    (problem,) = problems_of({"channels.yaml": CHANNELS.replace("headline: Hello}", f'headline: "{LONG}"}}', 1)})
    assert f"this `headline` has {len(LONG)} characters; `atm.idle` shows 40" in problem


def test_limit_must_be_a_number_of_characters() -> None:
    channels = CHANNELS.replace("{headline: 40, body: 90}", "{headline: short, body: 0}")
    assert [each.partition(": ")[2] for each in problems_of({"channels.yaml": channels})] == [
        "`headline` must be a whole number of characters in 1..10000",
        "`body` must be a whole number of characters in 1..10000",
    ]


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
