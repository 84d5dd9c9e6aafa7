"""What customers carry from visit to visit."""

import numpy as np
import pytest

from demobank.calendar import DAY_SECONDS, DAYS, END
from demobank.memory import Memory, Openings

NOBODY = np.empty(0, dtype=np.int32)
NOTHING = Openings(customer=NOBODY, offer=NOBODY, at=NOBODY, cause=NOBODY)


def a_memory(customers: int = 2, offers: int = 3, twins: np.ndarray | None = None) -> Memory:
    return Memory(np.zeros((customers, offers), dtype=bool), np.eye(offers, dtype=bool) if twins is None else twins)


def openings(*rows: tuple[int, int, int]) -> Openings:
    customer, offer, at = (np.array(column) for column in zip(*rows, strict=True))
    return Openings(customer=customer, offer=offer, at=at, cause=np.zeros(len(rows), dtype=np.uint8))


def on(*days: float) -> np.ndarray:
    return np.array(days, dtype=np.float32)


def test_an_exposure_halves_in_fourteen_days() -> None:
    """And halves again in the next fourteen."""
    memory, who = a_memory(), np.array([1])
    memory.expose(who, on(10), np.array([[0.0, 2.0, 0.0]], dtype=np.float32))

    assert memory.exposures(who, on(24))[0].tolist() == pytest.approx([0, 1, 0])
    assert memory.exposures(who, on(38))[0].tolist() == pytest.approx([0, 0.5, 0])


def test_a_decline_is_half_forgotten_after_forty_five_days() -> None:
    """Offers that were never declined are not sour at all."""
    memory, who = a_memory(), np.array([0])
    memory.decline(who, np.array([2]), on(100))

    assert memory.sourness(who, on(145))[0].tolist() == pytest.approx([0, 0, 0.5])


def test_a_product_opens_once_and_on_the_first_occasion() -> None:
    """Two answers may both lead to the same opening."""
    memory = a_memory()
    memory.schedule(0, openings((0, 1, 2 * DAY_SECONDS + 50), (0, 1, 2 * DAY_SECONDS + 9)))

    assert memory.open_due(2, NOTHING).at.tolist() == [2 * DAY_SECONDS + 9]
    assert memory.open_due(3, openings((0, 1, 3 * DAY_SECONDS))).at.tolist() == []
    assert memory.held.tolist() == [[False, True, False], [False, False, False]]


def test_an_opening_today_is_noticed_tomorrow() -> None:
    """Its time stays today's."""
    memory = a_memory()
    memory.schedule(5, openings((1, 0, 5 * DAY_SECONDS + 60)))

    assert memory.open_due(5, NOTHING).at.tolist() == []
    assert memory.open_due(6, NOTHING).at.tolist() == [5 * DAY_SECONDS + 60]


def test_what_would_open_after_the_history_never_does() -> None:
    """Nothing is known of the day the history ends."""
    memory = a_memory()
    memory.schedule(DAYS - 1, openings((0, 0, END), (1, 0, END - 1)))

    assert memory.open_due(DAYS, NOTHING).customer.tolist() == [1]


def test_actions_that_give_one_product_are_held_together() -> None:
    """Opening it through one withdraws the other."""
    twins = np.array([[True, True, False], [True, True, False], [False, False, True]])
    memory = a_memory(twins=twins)

    opened = memory.open_due(0, openings((0, 0, 10), (0, 1, 20)))

    assert opened.offer.tolist() == [0]
    assert memory.held[0].tolist() == [True, True, False]
