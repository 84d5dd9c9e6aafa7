"""The 45 model attributes as a table: the hidden factors each leans on, and its shape in a British retail bank.
Drivers decide how customers answer, proxies only resemble them, noise does neither."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from demobank.marginals import Quantile, knots, lognormal, steps


class Factor(IntEnum):
    WEALTH = 0
    SENIORITY = 1
    DIGITAL = 2
    FAMILY = 3
    MOBILITY = 4
    CONSUMPTION = 5
    STRAIN = 6
    ROOTS = 7


class Role(StrEnum):
    DRIVER = "driver"
    PROXY = "proxy"
    NOISE = "noise"


LOADING = 0.5
OWN_SHARE = 0.7  # two loadings of 0.5 and an own part of 0.7 make a variance of 0.99

Loads = tuple[tuple[Factor, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """`loads`: factors with their sign. Categories carry no quantile of their own: `households` decides them."""

    name: str
    role: Role
    loads: Loads = ()
    quantile: Quantile | None = None
    decimals: int = 0


def _driver(name: str, loads: Loads, quantile: Quantile, decimals: int = 0) -> Attribute:
    return Attribute(name=name, role=Role.DRIVER, loads=loads, quantile=quantile, decimals=decimals)


def _proxy(name: str, loads: Loads, quantile: Quantile | None = None, decimals: int = 0) -> Attribute:
    return Attribute(name=name, role=Role.PROXY, loads=loads, quantile=quantile, decimals=decimals)


def _noise(name: str, quantile: Quantile | None = None, decimals: int = 0) -> Attribute:
    return Attribute(name=name, role=Role.NOISE, quantile=quantile, decimals=decimals)


W, S, D, F, M, C, T, R = Factor

ATTRIBUTES = (
    _driver(
        "age",
        ((S, 1), (R, 1)),
        knots((0, 16), (0.012, 18), (0.14, 25), (0.31, 34), (0.5, 46), (0.69, 58), (0.85, 70), (0.95, 80), (1, 96)),
    ),
    _driver("income.monthly", ((W, 1), (C, 1)), lognormal(2_150, 0.55, ceiling=60_000), 2),
    _driver(
        "balance.current",
        ((W, 1), (T, -1)),
        knots(
            (0, -2_000),
            (0.06, 0),
            (0.2, 240),
            (0.5, 1_150),
            (0.8, 3_600),
            (0.95, 11_000),
            (0.995, 45_000),
            (1, 120_000),
        ),
        2,
    ),
    _driver("balance.savings", ((W, 1), (S, 1)), lognormal(4_800, 1.5, zero=0.24, ceiling=900_000), 2),
    _driver(
        "savings.trend_90d",
        ((C, -1), (R, -1)),
        knots((0, -0.95), (0.1, -0.3), (0.3, -0.05), (0.5, 0.02), (0.7, 0.08), (0.85, 0.22), (0.95, 0.6), (1, 3)),
        4,
    ),
    _driver("spend.monthly", ((C, 1), (F, 1)), lognormal(1_350, 0.5, ceiling=40_000), 2),
    _driver("spend.travel_90d", ((M, 1), (C, 1)), lognormal(340, 1.0, zero=0.32, ceiling=30_000), 2),
    _driver("spend.fuel_90d", ((M, 1), (F, 1)), lognormal(250, 0.55, zero=0.24, ceiling=4_000), 2),
    _driver("spend.home_90d", ((R, 1), (C, 1)), lognormal(190, 1.0, zero=0.14, ceiling=30_000), 2),
    _driver("spend.education_90d", ((F, 1), (W, 1)), lognormal(320, 1.1, zero=0.66, ceiling=25_000), 2),
    _driver(
        "digital.logins_30d",
        ((D, 1), (S, -1)),
        knots((0, 0), (0.1, 0), (0.3, 5), (0.5, 12), (0.8, 27), (0.97, 60), (1, 140)),
    ),
    _driver("household.children", ((F, 1), (R, 1)), steps(0.57, 0.17, 0.18, 0.06, 0.02)),
    _driver(
        "credit.utilisation",
        ((T, 1), (C, 1)),
        knots((0, 0), (0.34, 0), (0.6, 0.16), (0.85, 0.52), (0.97, 0.9), (1, 1.2)),
        4,
    ),
    _driver(
        "tenure.months",
        ((S, 1), (M, -1)),
        knots((0, 1), (0.1, 18), (0.3, 54), (0.5, 108), (0.75, 216), (0.95, 420), (1, 640)),
    ),
    _driver("investments.balance", ((W, 1), (R, 1)), lognormal(9_500, 1.35, zero=0.71, ceiling=3_000_000), 2),
    _proxy("employment", ((T, -1), (S, -1))),
    _proxy("housing", ((R, 1), (W, 1))),
    _proxy("region", ((M, 1), (F, -1)), steps(4, 11, 8, 7, 9, 9, 13, 14, 9, 5, 8, 3)),
    _proxy("postcode.affluence", ((W, 1), (R, 1)), steps(*[1] * 10, first=1)),
    _proxy("salary.regularity", ((T, -1), (D, 1)), knots((0, 0.3), (0.2, 0.75), (0.5, 0.93), (0.8, 0.99), (1, 1)), 4),
    _proxy("direct_debits.count", ((R, 1), (F, 1)), knots((0, 0), (0.08, 1), (0.5, 6), (0.9, 13), (1, 26))),
    _proxy("card.spend_share", ((D, 1), (C, 1)), knots((0, 0.05), (0.1, 0.42), (0.5, 0.78), (0.9, 0.95), (1, 1)), 4),
    _proxy(
        "atm.withdrawals_30d",
        ((D, -1), (S, 1)),
        steps(0.2, 0.17, 0.16, 0.13, 0.1, 0.07, 0.06, 0.04, 0.03, 0.02, 0.01, 0.005, 0.005),
    ),
    _proxy("branch.visits_90d", ((D, -1), (R, 1)), steps(0.58, 0.21, 0.11, 0.055, 0.025, 0.01, 0.005, 0.005)),
    _proxy("calls.count_90d", ((T, 1), (D, -1)), steps(0.63, 0.22, 0.09, 0.035, 0.015, 0.006, 0.004)),
    _proxy("overdraft.days_90d", ((T, 1), (W, -1)), knots((0, 0), (0.68, 0), (0.85, 9), (0.96, 40), (1, 90))),
    _proxy("standing_orders.count", ((S, 1), (R, 1)), steps(0.31, 0.24, 0.18, 0.12, 0.07, 0.04, 0.02, 0.01, 0.01)),
    _proxy("rent_payments.count_90d", ((R, -1), (W, -1)), steps(0.06, 0.9, 0.04, first=2)),
    _proxy("foreign.transactions_90d", ((M, 1), (W, 1)), knots((0, 0), (0.56, 0), (0.75, 4), (0.93, 18), (1, 90))),
    _proxy("merchant.variety_30d", ((C, 1), (D, 1)), knots((0, 0), (0.1, 5), (0.5, 15), (0.9, 31), (1, 70))),
    _noise("app.theme", steps(0.46, 0.29, 0.25)),
    _noise("marketing.emails_opened_90d", steps(0.42, 0.2, 0.13, 0.09, 0.06, 0.04, 0.03, 0.03)),
    _noise("card.design", steps(0.52, 0.2, 0.18, 0.1)),
    _noise("statement.paperless", steps(0.36, 0.64)),
    _noise("contact.preferred_hour", knots((0, 7), (0.25, 11), (0.5, 15), (0.8, 19), (1, 22))),
    _noise("onboarding.channel", steps(0.48, 0.33, 0.08, 0.11)),
    _noise("address.years", knots((0, 0), (0.12, 0), (0.35, 3), (0.6, 8), (0.9, 26), (1, 50))),
    _noise("phone.verified", steps(0.13, 0.87)),
    _noise("card.contactless_share", knots((0, 0), (0.1, 0.35), (0.5, 0.72), (0.9, 0.94), (1, 1)), 4),
    _noise("savings.accounts_count", steps(0.64, 0.27, 0.09, first=1)),
    _noise("products.count", steps(0.12, 0.22, 0.24, 0.18, 0.11, 0.07, 0.04, 0.02, first=1)),
    _noise("last_login.days", knots((0, 0), (0.5, 2), (0.8, 12), (0.95, 90), (1, 700))),
    _noise("complaints.count_2y", steps(0.91, 0.07, 0.02)),
    _noise("referrals.count", steps(0.86, 0.1, 0.04)),
    _noise("account.age_rank", knots((0, 0.5), (1, 100.499))),
)
ATTRIBUTE_BY_NAME = {attribute.name: attribute for attribute in ATTRIBUTES}
DRIVERS = tuple(attribute.name for attribute in ATTRIBUTES if attribute.role is Role.DRIVER)

CATEGORIES = {
    "region": (
        "north_east",
        "north_west",
        "yorkshire_and_the_humber",
        "east_midlands",
        "west_midlands",
        "east_of_england",
        "london",
        "south_east",
        "south_west",
        "wales",
        "scotland",
        "northern_ireland",
    ),
    "app.theme": ("light", "dark", "system"),
    "card.design": ("classic", "city", "nature", "abstract"),
    "onboarding.channel": ("branch", "web", "phone", "partner"),
    "employment": ("employed", "self_employed", "student", "retired", "unemployed"),
    "housing": ("renting", "mortgaged", "owned", "with_family"),
    "country": ("GB", "NO", "IE", "FR", "DE"),
    "gender": ("female", "male", "other"),
}
BOOLEANS = ("statement.paperless", "phone.verified")

# Missing 15 percent of the time, likelier for customers who never leave the app.
OFTEN_MISSING = (
    "income.monthly",
    "spend.travel_90d",
    "spend.education_90d",
    "household.children",
    "investments.balance",
    "employment",
    "postcode.affluence",
    "salary.regularity",
)
LEAK = "followup.calls_30d"
