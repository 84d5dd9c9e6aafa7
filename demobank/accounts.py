"""Accounts behind the products still open, who else they belong to, and the card tokens that cash machines read."""

from __future__ import annotations

import numpy as np

from demobank.arrays import Ints, Table, stream
from demobank.holdings import EVERYDAY
from demobank.people import People
from demobank.products import ProductRows

# Products that have an account number; insurance, pensions and currency orders have none.
WITH_ACCOUNT = (
    *EVERYDAY,
    "savings_account",
    "fixed_deposit",
    "isa",
    "junior_isa",
    "credit_card",
    "gold_card",
    "personal_loan",
    "travel_loan",
    "car_loan",
    "mortgage",
    "education_loan",
    "investment_fund",
    "managed_portfolio",
    "business_account",
    "business_loan",
    "business_card",
)
WITH_CARD = (*EVERYDAY, "credit_card", "gold_card", "business_card")
BUSINESS = ("business_account", "business_loan", "business_card")
ROLES = ("owner", "joint", "guardian", "company")
OWNER, JOINT, GUARDIAN, COMPANY = range(len(ROLES))
JOINT_SHARE = 0.24  # of the adults with a current account, who share one with another of them


def draw_accounts(seed: int, people: People, open_products: ProductRows, products: tuple[str, ...]) -> Table:
    """One row per account and person.

    `number` from 1; `role` indexes ROLES; `kind` is a product column; `card` counts a customer's cards (0: none).
    """
    rng = stream(str(seed), "accounts")
    kinds = np.array([products.index(kind) for kind in WITH_ACCOUNT])
    rows = np.isin(open_products.product, kinds)
    customer, kind = _with_more_savings(people, open_products.customer[rows], open_products.product[rows], products)
    number = np.arange(1, len(customer) + 1)
    role = np.where(np.isin(kind, [products.index(name) for name in BUSINESS]), COMPANY, OWNER)
    shared = _shared(rng, people, customer, kind, products)
    extra_customer = np.concatenate([second for _, second, _ in shared])
    extra_row = np.concatenate([first for first, _, _ in shared])
    extra_role = np.concatenate([np.full(len(first), kind_of) for first, _, kind_of in shared])
    table = {
        "number": np.concatenate([number, number[extra_row]]),
        "customer": np.concatenate([customer, extra_customer]),
        "role": np.concatenate([role, extra_role]),
        "kind": np.concatenate([kind, kind[extra_row]]),
    }
    table["card"] = _cards(table, products)
    order = np.lexsort((table["role"], table["number"]))
    return {name: column[order] for name, column in table.items()}


def _with_more_savings(people: People, customer: Ints, kind: Ints, products: tuple[str, ...]) -> tuple[Ints, Ints]:
    """Further savings accounts, where the customer's count says there are several."""
    savings = [products.index(name) for name in ("savings_account", "isa", "fixed_deposit")]
    mine = np.isin(kind, savings)
    missing = people.values["savings.accounts_count"] - np.bincount(customer[mine], minlength=people.count)
    holders = np.unique(customer[kind == savings[0]])
    again = np.repeat(holders, np.maximum(missing[holders], 0).astype(int))
    customers = np.concatenate([customer, again])
    kinds = np.concatenate([kind, np.full(len(again), savings[0])])
    order = np.lexsort((kinds, customers))
    return customers[order], kinds[order]


def _shared(
    rng: np.random.Generator, people: People, customer: Ints, kind: Ints, products: tuple[str, ...]
) -> list[tuple[Ints, Ints, int]]:
    """(account rows, second person, role): couples with a joint account, and guardians for minors, if there are any."""
    adult = people.values["age"] >= 18
    current = kind == products.index("current_account")
    row_of = np.full(people.count, -1)
    row_of[customer[current]] = np.flatnonzero(current)
    couples = rng.permutation(np.flatnonzero(adult & (row_of >= 0) & (rng.random(people.count) < JOINT_SHARE)))
    half = len(couples) // 2
    first, second = couples[:half], couples[half : 2 * half]
    parents = np.flatnonzero(people.values["age"] >= 34)
    minors = np.flatnonzero(~adult[customer] & (len(parents) > 0))
    guardians = rng.choice(parents, len(minors))
    return [(row_of[first], second, JOINT), (minors, guardians, GUARDIAN)]


def _cards(table: Table, products: tuple[str, ...]) -> Ints:
    """Number each customer's cards from 1, the everyday account's first; a joint account brings a further card."""
    everyday = np.isin(table["kind"], [products.index(name) for name in EVERYDAY])
    has_card = np.isin(table["kind"], [products.index(name) for name in WITH_CARD]) & (table["role"] != GUARDIAN)
    importance = np.select([everyday & (table["role"] == OWNER), everyday], [0, 1], 2)
    rows = np.flatnonzero(has_card)
    order = rows[np.lexsort((table["number"][rows], importance[rows], table["customer"][rows]))]
    owner = table["customer"][order]
    start = np.searchsorted(owner, owner, side="left")
    cards = np.zeros(len(table["kind"]), dtype=np.int32)
    cards[order] = np.arange(len(order)) - start + 1
    return cards
