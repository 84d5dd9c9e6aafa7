"""When and where customers met the bank."""

from functools import cache

import numpy as np

from demobank.calendar import DAY_SECONDS, END
from demobank.rulebook import CHANNELS
from demobank.visits import Visits, draw_visits
from tests.unit.demobank.towns import SEED, people, rulebook


@cache
def visits() -> Visits:
    return draw_visits(SEED, people(), rulebook().placements)


def test_visits_come_in_order_of_time_and_one_a_day_for_each_customer() -> None:
    """The day's state of a customer is then one and the same."""
    drawn = visits()
    days = drawn.customer.astype(np.int64) * 10_000 + drawn.at // DAY_SECONDS

    assert (np.diff(drawn.at) >= 0).all()
    assert len(np.unique(days)) == len(drawn)
    assert drawn.at.max() < END


def test_each_visit_is_at_a_placement_of_its_channel_with_no_more_items_than_fit() -> None:
    """Branch cards hold up to three."""
    drawn, placements = visits(), rulebook().placements

    for row, placement in enumerate(placements):
        here = drawn.placement == row
        assert here.any()
        assert (drawn.channel[here] == CHANNELS.index(placement.channel)).all()
        assert drawn.items[here].min() == 1
        assert drawn.items[here].max() == placement.items


def test_digital_only_customers_never_visit_a_branch() -> None:
    """Others do, in proportion to their visits in 90 days."""
    drawn = visits()
    branch = np.bincount(drawn.customer[drawn.channel == CHANNELS.index("branch")], minlength=people().count)
    often = people().values["branch.visits_90d"] >= 3

    assert branch[people().digital_only].sum() == 0
    assert branch[often].mean() > 10 * branch[people().values["branch.visits_90d"] == 0].mean()


def test_nobody_visits_before_joining() -> None:
    """Or after leaving this life."""
    drawn = visits()

    assert (drawn.at >= people().since[drawn.customer]).all()
    assert (drawn.at < people().until[drawn.customer]).all()
