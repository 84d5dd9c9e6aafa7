"""Every product that was ever opened within the history or held when it began, with its dates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demobank.arrays import Ints, Seconds
from demobank.calendar import END
from demobank.simulation import Bank


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRows:
    """`product` is a column of the catalogue's products; `closed` is END where the product is still open."""

    customer: Ints
    product: Ints
    opened: Seconds
    closed: Seconds

    def open_now(self) -> ProductRows:
        rows = self.closed >= END
        return ProductRows(
            customer=self.customer[rows], product=self.product[rows], opened=self.opened[rows], closed=self.closed[rows]
        )


def product_rows(bank: Bank) -> ProductRows:
    """Initial holdings and later openings, by customer and then by time."""
    holdings, openings = bank.town.holdings, bank.journal.openings
    customer, product = np.nonzero(holdings.held)
    columns = np.array([bank.rulebook.products.index(offer.product) for offer in bank.world.offers])
    customers = np.concatenate([customer, openings["customer"]])
    opened = np.concatenate([holdings.opened[customer, product], openings["at"]])
    products = np.concatenate([product, columns[openings["offer"]]])
    closed = np.concatenate([holdings.closed[customer, product], np.full(len(openings["at"]), END)])
    order = np.lexsort((products, opened, customers))
    return ProductRows(customer=customers[order], product=products[order], opened=opened[order], closed=closed[order])
