"""Contacts of all customers, day by day, and what `models.history.count_history` counts of them, for many at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from models.arrays import Codes, Flags, Floats
from models.history import DAY_S, HORIZON_S, MONTH_S, TALLIED, WEEK_S

_MONTH_DAYS: Final = MONTH_S // DAY_S + 1
_HORIZON_DAYS: Final = HORIZON_S // DAY_S + 1


@dataclass(frozen=True, slots=True)
class Day:
    """Contacts of one day, in order of time."""

    number: int
    customer: Codes
    at_s: Codes
    offer: Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tallies:
    """One tally as `TALLIED` names it for each customer who came: in all, by group and by offer."""

    overall: Floats
    by_group: Floats
    """Customers x groups x TALLIED."""
    by_offer: Floats


class Past:
    """What was shown to whom, in order of time."""

    def __init__(self, customers: int, groups: Codes) -> None:
        """`groups` are those of the offers."""
        self._place = np.full(customers, -1)
        self._groups = groups
        self._shown: list[Day] = []
        self._declined: list[Day] = []

    def add(self, customer: Codes, at_s: Codes, offer: Codes, declined: Flags) -> None:
        """Take contacts, later than those that are there, in order of time."""
        day = at_s // DAY_S
        for number in np.unique(day).tolist():
            rows = day == number
            self._shown.append(Day(number, customer[rows], at_s[rows], offer[rows]))
            rows &= declined
            self._declined.append(Day(number, customer[rows], at_s[rows], offer[rows]))

    def days(self) -> Iterator[tuple[Day, Day]]:
        """What was shown on each day, and what was declined of it."""
        return zip(self._shown, self._declined, strict=True)

    def tallies(self, customer: Codes, at_s: Codes) -> Tallies:
        """Of customers who came on one day, each once, what had happened by then."""
        offers, groups = len(self._groups), int(self._groups.max()) + 1
        by_offer = np.zeros((len(customer), offers, len(TALLIED)))
        self._place[customer] = np.arange(len(customer))
        today = int(at_s[0]) // DAY_S
        slot, offer, age = self._met(self._shown, today - _MONTH_DAYS, at_s)
        for column, most in enumerate((WEEK_S, MONTH_S)):
            by_offer[:, :, column] = _counted(slot, offer, age <= most, by_offer.shape)
        slot, offer, age = self._met(self._declined, today - _HORIZON_DAYS, at_s)
        for column, most in enumerate((WEEK_S, MONTH_S), start=2):
            by_offer[:, :, column] = _counted(slot, offer, age <= most, by_offer.shape)
        self._place[customer] = -1
        recent = age <= HORIZON_S
        since = np.full(by_offer.shape[:2], np.inf)
        np.minimum.at(since, (slot[recent], offer[recent]), age[recent] // DAY_S)
        by_offer[:, :, 4] = since
        by_group = np.empty((len(customer), groups, len(TALLIED)))
        for group in range(groups):
            by_group[:, group] = _joined(by_offer[:, self._groups == group])
        overall = _joined(by_offer)
        for tally in (overall, by_group, by_offer):
            tally[..., 4][np.isinf(tally[..., 4])] = np.nan
        return Tallies(overall=overall, by_group=by_group, by_offer=by_offer)

    def _met(self, days: list[Day], first: int, at_s: Codes) -> tuple[Codes, Codes, Codes]:
        """Earlier contacts of those who have a place, from a day on: place, offer and age in seconds."""
        told = []
        for day in reversed(days):
            if day.number < first:
                break
            place = self._place[day.customer]
            told.append(np.stack([place, day.offer, at_s[place] - day.at_s])[:, place >= 0])
        slot, offer, age = np.concatenate(told, axis=1) if told else np.empty((3, 0), dtype=np.int64)
        earlier = age > 0
        return slot[earlier], offer[earlier], age[earlier]


def _counted(slot: Codes, offer: Codes, rows: Flags, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    cells = slot[rows] * shape[1] + offer[rows]
    return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape[:2])


def _joined(by_offer: Floats) -> Floats:
    """The tallies of several offers as one."""
    joined: Floats = by_offer.sum(axis=1)
    joined[:, 4] = by_offer[:, :, 4].min(axis=1, initial=np.inf)
    return joined
