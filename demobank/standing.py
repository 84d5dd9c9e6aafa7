"""Facts that rules read and models do not: country, dates, arrears, registers, loans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demobank.arrays import Bools, Dates, Floats, Ints, stream
from demobank.attributes import CATEGORIES
from demobank.calendar import Calendar
from demobank.holdings import Holdings
from demobank.households import STUDENT
from demobank.people import People

COUNTRY_SHARES = (0.94, 0.015, 0.02, 0.0125, 0.0125)
# Median outstanding, in pounds, and the spread of its logarithm.
LOANS = {
    "personal_loan": (4_200, 0.6),
    "car_loan": (8_500, 0.5),
    "travel_loan": (2_200, 0.5),
    "education_loan": (9_000, 0.6),
}
NOT_A_DATE = np.datetime64("NaT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One row per customer; dates are NaT where there is nothing to end."""

    country: Ints
    arrears_days: Floats
    insolvency: Bools
    vulnerable: Bools
    staff: Bools
    staff_suppressed: Bools
    student_union: Bools
    loan_balance: Floats
    mortgage_renews_on: Dates
    car_finance_ends_on: Dates


def draw_standing(
    seed: str, people: People, holdings: Holdings, products: tuple[str, ...], calendar: Calendar
) -> Standing:
    rng = stream(seed, "standing")
    count = people.count
    adult = people.values["age"] >= 18
    strained = adult & (people.values["credit.utilisation"] > 0.5)
    balances = [_loan(rng, holdings.held[:, products.index(loan)], *size) for loan, size in LOANS.items()]
    finance = holdings.held[:, products.index("car_loan")] | (adult & (rng.random(count) < 0.06))
    working = adult & (people.values["age"] < 66)
    return Standing(
        country=rng.choice(len(CATEGORIES["country"]), count, p=COUNTRY_SHARES).astype(np.int32),
        arrears_days=np.where(
            rng.random(count) < np.where(strained, 0.1, 0.012 * adult), rng.integers(1, 120, count), 0.0
        ),
        insolvency=rng.random(count) < np.where(strained, 0.015, 0.002 * adult),
        vulnerable=rng.random(count) < np.where(people.values["age"] >= 75, 0.05, 0.012),
        staff=working & (rng.random(count) < 0.01),
        staff_suppressed=rng.random(count) < 0.003,
        student_union=(people.values["employment"] == STUDENT) & (rng.random(count) < 0.4),
        loan_balance=np.sum(balances, axis=0),
        mortgage_renews_on=_ahead(rng, calendar, holdings.held[:, products.index("mortgage")], 1_500),
        car_finance_ends_on=_ahead(rng, calendar, finance, 1_200),
    )


def _loan(rng: np.random.Generator, held: Bools, median: float, spread: float) -> Floats:
    amount = np.round(median * np.exp(spread * rng.standard_normal(len(held))), 2)
    return np.where(held, amount, 0.0)


def _ahead(rng: np.random.Generator, calendar: Calendar, concerned: Bools, most_days: int) -> Dates:
    """A day up to `most_days` ahead, a few just past."""
    dates = np.datetime64(calendar.as_of, "D") + rng.integers(-20, most_days, len(concerned))
    return np.where(concerned, dates, NOT_A_DATE)
