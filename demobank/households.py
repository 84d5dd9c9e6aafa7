"""Attributes that hang together: employment, housing and rent follow age; children have children's incomes."""

from __future__ import annotations

import numpy as np

from demobank.arrays import Bools, Floats
from demobank.attributes import CATEGORIES

EMPLOYED, SELF_EMPLOYED, STUDENT, RETIRED, UNEMPLOYED = range(len(CATEGORIES["employment"]))
RENTING, MORTGAGED, OWNED, WITH_FAMILY = range(len(CATEGORIES["housing"]))

# Up to which age, then the shares that live with family, rent and pay a mortgage; the rest own.
_HOUSING_BY_AGE = (
    (17, (1.00, 0.00, 0.00)),
    (24, (0.52, 0.40, 0.07)),
    (34, (0.12, 0.43, 0.42)),
    (54, (0.03, 0.26, 0.54)),
    (69, (0.02, 0.17, 0.26)),
    (200, (0.03, 0.15, 0.04)),
)


def employment(age: Floats, u: Floats) -> Floats:
    """Employment codes from age and a uniform place `u`; low places are the strained end."""
    retired_early = (age >= 57) & (u < 0.05 + 0.06 * (age - 56))
    cases = [
        (age < 18, np.where(u < 0.985, STUDENT, EMPLOYED)),
        (age < 23, np.select([u < 0.1, u < 0.7, u < 0.74], [UNEMPLOYED, STUDENT, SELF_EMPLOYED], EMPLOYED)),
        (age < 66, np.select([u < 0.045, retired_early, u > 0.86], [UNEMPLOYED, RETIRED, SELF_EMPLOYED], EMPLOYED)),
    ]
    older = np.select([u > 0.95, u > 0.91], [SELF_EMPLOYED, EMPLOYED], RETIRED)
    return np.select([when for when, _ in cases], [then for _, then in cases], older).astype(float)


def housing(age: Floats, u: Floats) -> Floats:
    """Housing codes from age and a uniform place `u`; high places are the settled end."""
    band = np.searchsorted([limit for limit, _ in _HOUSING_BY_AGE], age)
    edges = np.cumsum([shares for _, shares in _HOUSING_BY_AGE], axis=1)[band]
    return np.select(
        [u < edges[:, 0], u < edges[:, 1], u < edges[:, 2]], [WITH_FAMILY, RENTING, MORTGAGED], OWNED
    ).astype(float)


def settle(values: dict[str, Floats], places: dict[str, Floats], digital_only: Bools) -> None:
    """Fill in what follows from other attributes and bound what age rules out."""
    age = values["age"]
    minor = age < 18
    values["employment"] = employment(age, places["employment"])
    values["housing"] = housing(age, places["housing"])
    values["rent_payments.count_90d"] = np.where(values["housing"] == RENTING, values["rent_payments.count_90d"], 0.0)
    values["tenure.months"] = np.minimum(values["tenure.months"], np.maximum(12 * (age - 11) - 1, 1))
    values["branch.visits_90d"] = np.where(digital_only, 0.0, values["branch.visits_90d"])
    values["address.years"] = np.minimum(values["address.years"], age)
    for name, most in (
        ("income.monthly", 450),
        ("balance.current", 900),
        ("balance.savings", 6_000),
        ("spend.monthly", 400),
    ):
        values[name] = np.where(minor, np.minimum(values[name], most), values[name])
    for name in (
        "investments.balance",
        "household.children",
        "credit.utilisation",
        "spend.education_90d",
        "overdraft.days_90d",
    ):
        values[name] = np.where(minor, 0.0, values[name])
    values["balance.current"] = np.where(minor, np.maximum(values["balance.current"], 0.0), values["balance.current"])
    irregular = np.isin(values["employment"], (STUDENT, RETIRED, UNEMPLOYED))
    values["salary.regularity"] = np.where(
        irregular, np.round(values["salary.regularity"] * 0.4, 4), values["salary.regularity"]
    )
    values["savings.accounts_count"] = np.where(values["balance.savings"] > 0, values["savings.accounts_count"], 0.0)
