"""Policies: what their readers refuse beyond single values."""

import pytest

from tests.builders import CHANNELS, problems_of, the_arbitration, the_contact_policy, the_guards

FLAGGED = "{guard: flagged, stops: {all: true}, when: {flagged: true}}"


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (the_guards(FLAGGED, FLAGGED), "the guard `flagged` is declared twice"),
        (
            the_contact_policy("caps: [{cap: a, limit: 1, in: 7d}, {cap: a, limit: 2, each: day}]\n"),
            "the cap `a` is declared twice",
        ),
        (
            the_arbitration("levers: [{lever: a, percent: 1}, {lever: a, percent: 2}]\n"),
            "the lever `a` is declared twice",
        ),
    ],
)
def test_two_rules_with_one_name_are_refused(file: dict[str, str], problem: str) -> None:
    """Explanations and logs would not tell them apart."""
    (found,) = problems_of(file)
    assert problem in found


def test_two_placements_with_one_precedence_are_refused() -> None:
    """Which fills first decides who gets the best offer."""
    (problem,) = problems_of({"channels.yaml": CHANNELS.replace("footer: {precedence: 2", "footer: {precedence: 1")})
    assert "`hero` and `footer` of `web` have the same precedence" in problem


def test_caps_may_be_written_in_every_way() -> None:
    """With a title, for tiers, groups, themes or channels, rolling or by the calendar."""
    caps = (
        "{cap: a, title: A, per: customer, limit: 3, in: 7d}",
        "{cap: b, per: group, groups: [savings], count: accepts, limit: 3, each: month}",
        "{cap: c, per: channel, channels: [web, atm], tiers: [service, offer], limit: 3, each: week}",
        "{cap: d, limit: 0, each: day, channels: [phone]}",
    )
    assert problems_of(the_contact_policy("caps:\n" + "".join(f"  - {each}\n" for each in caps))) == []
