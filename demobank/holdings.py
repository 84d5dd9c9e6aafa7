"""What each customer held when the history began, chosen so that it fits their attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demobank.arrays import Bools, Floats, Seconds, Singles, stream
from demobank.calendar import DAY_SECONDS, DAYS, END
from demobank.households import EMPLOYED, MORTGAGED, OWNED, RENTING, SELF_EMPLOYED, STUDENT
from demobank.people import People

CLOSED_SHARE = 0.04  # of the optional products held at the start, closed again within the history
EVERYDAY = ("current_account", "student_account")

Values = Mapping[str, Floats]
# How likely a product is beside the others, given the customer; 0 rules it out.
PLAUSIBILITY: Mapping[str, Callable[[Values], NDArray[np.floating[Any]]]] = {
    "savings_account": lambda v: 1.0 * (v["balance.savings"] > 0),
    "fixed_deposit": lambda v: 1.2 * (v["balance.savings"] > 6_000),
    "isa": lambda v: 1.6 * (v["balance.savings"] > 1_500),
    "junior_isa": lambda v: 0.9 * (v["household.children"] > 0),
    "credit_card": lambda v: 1.0 * (v["credit.utilisation"] > 0),
    "gold_card": lambda v: 0.5 * (v["income.monthly"] > 3_200),
    "personal_loan": lambda v: 0.5 + 0.7 * (v["credit.utilisation"] > 0.4),
    "travel_loan": lambda v: 0.12 * (v["spend.travel_90d"] > 200),
    "car_loan": lambda v: 0.8 * (v["spend.fuel_90d"] > 100),
    "mortgage": lambda v: 4.0 * (v["housing"] == MORTGAGED),
    "equity_release": lambda v: 0.12 * ((v["age"] >= 60) & (v["housing"] == OWNED)),
    "home_insurance": lambda v: 0.9 * np.isin(v["housing"], (MORTGAGED, OWNED)),
    "contents_insurance": lambda v: 0.35 + 0.3 * (v["housing"] == RENTING),
    "car_insurance": lambda v: 0.9 * (v["spend.fuel_90d"] > 0),
    "travel_insurance": lambda v: 0.5 * (v["spend.travel_90d"] > 0),
    "life_cover": lambda v: 0.3 + 0.5 * (v["household.children"] > 0),
    "income_protection": lambda v: 0.3 * np.isin(v["employment"], (EMPLOYED, SELF_EMPLOYED)),
    "foreign_currency": lambda v: 0.15 * (v["spend.travel_90d"] > 0),
    "pension": lambda v: 0.6 * ((v["age"] >= 25) & (v["age"] < 66)),
    "investment_fund": lambda v: 0.2 + 1.5 * (v["investments.balance"] > 0),
    "managed_portfolio": lambda v: 0.8 * (v["investments.balance"] > 40_000),
    "annuity": lambda v: 0.4 * (v["age"] >= 60),
    "education_loan": lambda v: 0.5 * (v["employment"] == STUDENT),
    "business_account": lambda v: 5.0 * (v["employment"] == SELF_EMPLOYED),
    "business_loan": lambda v: 0.6 * (v["employment"] == SELF_EMPLOYED),
    "business_card": lambda v: 0.9 * (v["employment"] == SELF_EMPLOYED),
    "merchant_terminal": lambda v: 0.6 * (v["employment"] == SELF_EMPLOYED),
    "student_account": lambda v: 0.2 * ((v["employment"] == STUDENT) & (v["age"] >= 18)),
}
NEEDED_PRODUCTS = ("current_account", *PLAUSIBILITY)
FOR_MINORS = ("savings_account", "student_account")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """Customers x products. Opened before the history began unless the customer came later; closed at END if never."""

    held: Bools
    opened: Seconds
    closed: Seconds


def plausibility(people: People, products: tuple[str, ...]) -> Singles:
    """Customers x products; every customer can get what is not restricted by age, family or work."""
    adult = people.values["age"] >= 18
    weights = np.zeros((people.count, len(products)), dtype=np.float32)
    for column, product in enumerate(products):
        if product in PLAUSIBILITY:
            weights[:, column] = PLAUSIBILITY[product](people.values) * (adult | (product in FOR_MINORS))
    return weights


def draw_holdings(seed: str, people: People, products: tuple[str, ...]) -> Holdings:
    """The products that attributes imply, filled up by plausibility to the number that `products.count` asks for."""
    rng = stream(seed, "holdings")
    weights = plausibility(people, products)
    implied = _implied(rng, people, products)
    wanted = np.where(people.values["age"] < 18, 1, people.values["products.count"])
    optional = np.where(
        implied | (weights <= 0), -np.inf, np.log(np.maximum(weights, 1e-9)) + rng.gumbel(size=weights.shape)
    )
    place = np.argsort(np.argsort(-optional, axis=1, kind="stable"), axis=1, kind="stable")
    held = implied | ((place < (wanted - implied.sum(axis=1))[:, None]) & np.isfinite(optional))

    since = np.minimum(people.since, 0)[:, None]
    opened = (since * rng.random(held.shape)).astype(np.int64) // DAY_SECONDS * DAY_SECONDS
    opened[:, [products.index(product) for product in EVERYDAY]] = since
    opened = np.where(people.since[:, None] > 0, people.since[:, None], opened)
    closes = held & ~implied & (rng.random(held.shape) < CLOSED_SHARE)
    closed = np.where(closes, rng.integers(1, DAYS, held.shape) * DAY_SECONDS, END)
    return Holdings(
        held=held, opened=opened, closed=np.where((closed > opened) & (closed < people.until[:, None]), closed, END)
    )


def _implied(rng: np.random.Generator, people: People, products: tuple[str, ...]) -> Bools:
    values = people.values
    student = (values["employment"] == STUDENT) & (values["age"] < 25) & (rng.random(people.count) < 0.7)
    implied = np.zeros((people.count, len(products)), dtype=bool)
    reasons = {
        "student_account": student,
        "current_account": ~student,
        "savings_account": values["balance.savings"] > 0,
        "credit_card": (values["credit.utilisation"] > 0) & (rng.random(people.count) < 0.5),
        "mortgage": (values["housing"] == MORTGAGED) & (rng.random(people.count) < 0.55),
        "investment_fund": values["investments.balance"] > 0,
    }
    for product, holds in reasons.items():
        implied[:, products.index(product)] = holds
    return implied


def count_held(holdings: Holdings) -> Floats:
    """How many products each customer held when their snapshot was taken."""
    return np.asarray(holdings.held.sum(axis=1), dtype=float)


def savings_accounts(wanted: Floats, holdings: Holdings, products: tuple[str, ...]) -> Floats:
    """At least one account for each kind of savings held, more where the customer has several; none without a kind."""
    kinds = holdings.held[:, [products.index(kind) for kind in ("savings_account", "isa", "fixed_deposit")]].sum(axis=1)
    return np.where(kinds == 0, 0, np.maximum(wanted, kinds)).astype(float)
