"""What the model knows of past contacts."""

import math

from engine.contacts import Contact, ContactState
from models.history import DAY_S, NEVER, TALLIED, count_history

NOW = 1_790_000_000
CARD, LOAN, OTHER = 11, 12, 99
GROUPS = {CARD: 0, LOAN: 1}


def shown(days_ago: float, action: int = CARD, state: ContactState = ContactState.SHOWN) -> Contact:
    return Contact(round(NOW - days_ago * DAY_S), action, 0, 0, int(state), 0, 10)


def tally(**counts: float) -> list[float]:
    """A tally with everything else as it is where nothing happened."""
    return [counts.get(name, nothing) for name, nothing in zip(TALLIED, NEVER, strict=True)]


def same(found: list[float], expected: list[float]) -> bool:
    return all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(found, expected, strict=True))


def test_impressions_count_over_a_week_and_a_month() -> None:
    """The bounds belong to the windows."""
    history = count_history([shown(31), shown(30), shown(8), shown(7), shown(1)], GROUPS, NOW)
    assert same(history.by_action[CARD], tally(impressions_7d=2, impressions_30d=4))
    assert same(history.overall, history.by_action[CARD])


def test_group_and_action_are_counted_apart() -> None:
    history = count_history([shown(3), shown(2, LOAN), shown(1, LOAN)], GROUPS, NOW)
    assert history.by_action[CARD][1] == 1
    assert history.by_action[LOAN][1] == 2
    assert history.by_group[GROUPS[LOAN]][1] == 2
    assert history.overall[1] == 3


def test_an_action_that_the_rules_dropped_counts_in_all_but_in_no_group() -> None:
    history = count_history([shown(2, OTHER)], GROUPS, NOW)
    assert history.overall[1] == 1
    assert not set(history.by_group) & set(GROUPS.values())


def test_unconfirmed_reservations_are_no_impressions() -> None:
    history = count_history([shown(1, state=ContactState.PENDING)], GROUPS, NOW)
    assert not history.by_action
    assert same(history.overall, [*NEVER])


def test_what_happens_now_belongs_to_this_decision() -> None:
    """Contacts of the same instant, and of a clock that runs ahead, do not count."""
    assert not count_history([shown(0), shown(-1)], GROUPS, NOW).by_action


def test_the_latest_decline_tells_the_days() -> None:
    declines = [shown(170, state=ContactState.DECLINED), shown(12.5, state=ContactState.DECLINED), shown(3)]
    history = count_history(declines, GROUPS, NOW)
    assert same(
        history.by_action[CARD], tally(impressions_7d=1, impressions_30d=2, declines_30d=1, days_since_decline=12)
    )


def test_declines_older_than_half_a_year_are_forgotten() -> None:
    assert not count_history([shown(181, state=ContactState.DECLINED)], GROUPS, NOW).by_action


def test_positive_answers_count_as_impressions_alone() -> None:
    for state in (ContactState.CLICKED, ContactState.LATER, ContactState.ACCEPTED, ContactState.CONVERTED):
        history = count_history([shown(2, state=state)], GROUPS, NOW)
        assert same(history.by_action[CARD], tally(impressions_7d=1, impressions_30d=1))
