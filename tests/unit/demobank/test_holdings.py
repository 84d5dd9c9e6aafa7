"""What customers held at the start, and the accounts behind it."""

from functools import cache

import numpy as np

from demobank.accounts import GUARDIAN, JOINT, draw_accounts
from demobank.arrays import Table
from demobank.calendar import END
from demobank.holdings import Holdings, draw_holdings
from demobank.households import MORTGAGED, SELF_EMPLOYED
from demobank.products import ProductRows
from tests.unit.demobank.towns import SEED, people, rulebook

PRODUCTS = rulebook().products


@cache
def holdings() -> Holdings:
    return draw_holdings(SEED, people(), PRODUCTS)


def held(product: str) -> np.ndarray:
    return holdings().held[:, PRODUCTS.index(product)]


def accounts() -> Table:
    customer, product = np.nonzero(holdings().held)
    never = np.full(len(customer), END)
    rows = ProductRows(customer=customer, product=product, opened=never - END, closed=never)
    return draw_accounts(7, people(), rows, PRODUCTS)


def test_everybody_has_exactly_one_everyday_account() -> None:
    """It carries the first card."""
    both = held("current_account").astype(int) + held("student_account")

    assert both.min() == 1
    assert (both == 1).mean() > 0.98


def test_holdings_fit_their_holder() -> None:
    """Mortgages need a mortgaged home, savings accounts a balance, business accounts a business."""
    values = people().values

    assert (values["housing"][held("mortgage")] == MORTGAGED).all()
    assert (values["balance.savings"][held("savings_account")] > 0).all()
    assert (values["employment"][held("business_account")] == SELF_EMPLOYED).all()
    assert (values["age"][held("annuity")] >= 60).all()


def test_the_number_of_products_is_spread_as_asked_for() -> None:
    """Between one and eight or so."""
    counts = holdings().held.sum(axis=1)

    assert counts.min() == 1
    assert 3 < counts.mean() < 4.5
    assert 7 <= counts.max() <= 12


def test_every_customer_has_a_first_card_and_tokens_are_not_shared() -> None:
    """Card numbers of one customer are 1, 2, 3, ..."""
    table = accounts()
    cards = table["card"] > 0

    pairs = set(zip(table["customer"][cards].tolist(), table["card"][cards].tolist(), strict=True))

    assert len(pairs) == cards.sum()
    assert {customer for customer, card in pairs if card == 1} == set(range(people().count))


def test_some_accounts_belong_to_two_people() -> None:
    """Couples share one, and minors have an adult guardian."""
    table = accounts()
    age = people().values["age"]
    joint = table["number"][table["role"] == JOINT]

    assert 0.05 < len(joint) / people().count < 0.2
    assert len(np.unique(joint)) == len(joint)
    assert (age[table["customer"][table["role"] == GUARDIAN]] >= 34).all()
    assert (age[table["customer"][table["role"] == JOINT]] >= 18).all()
