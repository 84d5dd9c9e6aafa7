"""Hidden needs and the traces they leave."""

from functools import cache

import numpy as np
import pytest

from demobank.calendar import DAY_SECONDS, END, WEEKS
from demobank.needs import THEMES, Needs, draw_needs, draw_traces, share_in_need
from tests.unit.demobank.towns import SEED, people


@cache
def needs() -> Needs:
    return draw_needs(SEED, people().scores)


def test_needs_keep_their_share_through_the_history() -> None:
    """The first week and the last are alike, and near sigma(-2.2) for the average customer."""
    on = (needs().bits[:, :, None] >> np.arange(len(THEMES))) & 1
    expected = share_in_need(people().scores).mean(axis=0)

    assert on.mean(axis=(0, 1)) == pytest.approx(expected, abs=0.015)
    assert on[:, 0].mean(axis=0) == pytest.approx(on[:, -1].mean(axis=0), abs=0.03)
    assert 0.09 < expected.mean() < 0.16


def test_a_need_lasts_twenty_weeks_on_average() -> None:
    """Measured as the weekly chance to end, because the history cuts some spells off."""
    on = (needs().bits & 1).astype(bool)

    ends = (on[:, :-1] & ~on[:, 1:]).sum() / on[:, :-1].sum()

    assert 1 / ends == pytest.approx(20, rel=0.1)


def test_sixty_percent_of_needs_and_five_percent_of_their_absences_show() -> None:
    """Most of what can be seen is true, and much that is true cannot be seen."""
    spells = needs().spells

    assert spells.evidence[spells.need].mean() == pytest.approx(0.60, abs=0.02)
    assert spells.evidence[~spells.need].mean() == pytest.approx(0.05, abs=0.01)


def test_spells_cover_every_week_of_every_customer_once_per_theme() -> None:
    """With the need or without."""
    spells = needs().spells

    weeks = (spells.last_week - spells.first_week).sum()

    assert weeks == people().count * WEEKS * len(THEMES)
    assert (spells.last_week > spells.first_week).all()


def test_the_first_trace_of_a_need_falls_into_its_spell() -> None:
    """Echoes may come later, but nothing after the history."""
    spells = needs().spells
    traces = draw_traces(SEED, spells)
    first = np.flatnonzero(spells.evidence)
    week = traces.at[: len(first)] // (7 * DAY_SECONDS)

    assert (traces.at < END).all()
    assert (week >= spells.first_week[first]).all()
    assert (week < spells.last_week[first]).all()
    assert (traces.customer[: len(first)] == spells.customer[first]).all()
