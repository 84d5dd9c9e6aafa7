"""What the bank's systems reported about customers: the traces of needs, and everyday life around them."""

from __future__ import annotations

import numpy as np

from demobank.arrays import Floats, Ints, Seconds, Table, stream
from demobank.calendar import DAY_SECONDS, DAYS, END, Calendar
from demobank.households import EMPLOYED, RENTING
from demobank.needs import EVIDENCE, THEMES, Traces, draw_traces
from demobank.rulebook import CHANNELS
from demobank.simulation import Bank
from demobank.stage import ORGANIC

YEARS = DAYS / 365.25
# Median amount in pounds and the spread of its logarithm, for traces of needs.
AMOUNTS = {
    "mortgage_application": (215_000, 0.45),
    "solicitor_payment": (1_400, 0.4),
    "car_insurance_quote": (620, 0.4),
    "car_dealer_payment": (2_300, 1.0),
    "travel_purchase": (780, 0.8),
    "foreign_atm_withdrawal": (120, 0.6),
    "school_fee_paid": (1_900, 0.7),
    "baby_goods_spend": (160, 0.7),
    "business_income": (1_500, 0.8),
}
EVERYDAY_EVENTS = (
    "address_changed",
    "branch_visit",
    "business_income",
    "card_declined",
    "complaint_raised",
    "large_deposit",
    "large_withdrawal",
    "life_event_reported",
    "loan_refused",
    "mortgage_refused",
    "product_closed",
    "product_opened",
    "quote_requested",
    "rent_paid",
    "salary_paid",
)
NEEDED_EVENTS = (*EVERYDAY_EVENTS, *(kind for kinds in EVIDENCE.values() for kind in kinds))
MORTGAGE_KEPT_DAYS = 5 * 365
SALARY_STOPS_SHARE = 0.03
REFUSED_SHARE = 0.15
QUOTE_BEFORE_OPENING_SHARE = 0.4
NO_PRODUCT = -1


class Events:
    """Gathers events by type. Rows are customers with a time, and an amount or a product where the type has one."""

    def __init__(self) -> None:
        self.types: list[str] = []
        self._chunks: list[Table] = []

    def add(
        self,
        kind: str,
        customer: Ints,
        at: Seconds,
        amount: Floats | None = None,
        product: Ints | None = None,
    ) -> None:
        count = len(customer)
        if kind not in self.types:
            self.types.append(kind)
        self._chunks.append(
            {
                "type": np.full(count, self.types.index(kind), dtype=np.uint8),
                "customer": customer.astype(np.int32),
                "at": at.astype(np.int64),
                "amount": np.full(count, np.nan) if amount is None else np.round(amount, 2),
                "product": np.full(count, NO_PRODUCT, dtype=np.int16) if product is None else product.astype(np.int16),
            }
        )

    def table(self) -> Table:
        """In order of time; of equal times the lower customer first."""
        table = {name: np.concatenate([chunk[name] for chunk in self._chunks]) for name in self._chunks[0]}
        order = np.lexsort((table["type"], table["customer"], table["at"]))
        return {name: column[order] for name, column in table.items()}


def draw_events(seed: int, bank: Bank) -> tuple[list[str], Table, Traces]:
    """Event types in use, the events as codes into them, and the traces of needs among them (for the truth)."""
    rng = stream(str(seed), "events")
    events = Events()
    traces = draw_traces(str(seed), bank.town.needs.spells)
    _add_traces(rng, events, traces)
    _add_mortgages(rng, events, bank)
    _add_monthly_money(rng, events, bank)
    _add_everyday(rng, events, bank)
    _add_products(rng, events, bank)
    return events.types, _lived(events.table(), bank), traces


def _lived(table: Table, bank: Bank) -> Table:
    """Only what happened while its customer banked here and before the history ended."""
    people = bank.town.people
    since, until = people.since[table["customer"]], people.until[table["customer"]]
    kept = (table["at"] >= since) & (table["at"] < np.minimum(until, END))
    return {name: column[kept] for name, column in table.items()}


def _amounts(rng: np.random.Generator, kind: str, count: int) -> Floats | None:
    if kind not in AMOUNTS:
        return None
    median, spread = AMOUNTS[kind]
    return np.asarray(median * np.exp(spread * rng.standard_normal(count)))


def _add_traces(rng: np.random.Generator, events: Events, traces: Traces) -> None:
    for theme, name in enumerate(THEMES):
        for index, kind in enumerate(EVIDENCE[name]):
            rows = np.flatnonzero((traces.theme == theme) & (traces.kind == index))
            events.add(kind, traces.customer[rows], traces.at[rows], _amounts(rng, kind, len(rows)))
            if kind == "mortgage_application":
                refused = rows[rng.random(len(rows)) < REFUSED_SHARE]
                later = rng.integers(7 * DAY_SECONDS, 30 * DAY_SECONDS, len(refused))
                events.add("mortgage_refused", traces.customer[refused], traces.at[refused] + later)


def _add_mortgages(rng: np.random.Generator, events: Events, bank: Bank) -> None:
    """Applications behind the mortgages of the last five years, also those that opened before the history began."""
    column = bank.rulebook.products.index("mortgage")
    opened = bank.town.holdings.opened[:, column]
    oldest = END - MORTGAGE_KEPT_DAYS * DAY_SECONDS
    rows = np.flatnonzero(bank.town.holdings.held[:, column] & (opened > oldest))
    at = opened[rows] - rng.integers(20 * DAY_SECONDS, 70 * DAY_SECONDS, len(rows))
    rows, at = rows[at > oldest], at[at > oldest]
    events.add(
        "mortgage_application",
        rows,
        np.maximum(at, bank.town.people.since[rows]),
        _amounts(rng, "mortgage_application", len(rows)),
    )


def _add_monthly_money(rng: np.random.Generator, events: Events, bank: Bank) -> None:
    values = bank.town.people.values
    income = values["income.monthly"]
    employed = np.flatnonzero(values["employment"] == EMPLOYED)
    stops = np.where(
        rng.random(len(employed)) < SALARY_STOPS_SHARE, END - rng.integers(40, 220, len(employed)) * DAY_SECONDS, END
    )
    customer, at = _monthly(rng, bank.calendar, employed, first_day=24, last_day=28)
    row = np.searchsorted(employed, customer)
    paid = (rng.random(len(customer)) < 0.6 + 0.4 * values["salary.regularity"][customer]) & (at < stops[row])
    customer, at = customer[paid], at[paid]
    events.add("salary_paid", customer, at, income[customer] * rng.uniform(0.97, 1.03, len(customer)))

    customer, at = _monthly(rng, bank.calendar, np.flatnonzero(values["housing"] == RENTING), first_day=1, last_day=4)
    rent = np.clip(0.3 * income, 380, 2_400)
    events.add("rent_paid", customer, at, np.round(rent[customer] / 5) * 5)

    business = np.flatnonzero(bank.town.holdings.held[:, bank.rulebook.products.index("business_account")])
    customer, at = _monthly(rng, bank.calendar, business, first_day=5, last_day=20)
    events.add(
        "business_income", customer, at, 1.4 * income[customer] * np.exp(0.4 * rng.standard_normal(len(customer)))
    )


def _monthly(
    rng: np.random.Generator, calendar: Calendar, who: Ints, *, first_day: int, last_day: int
) -> tuple[Ints, Seconds]:
    months = calendar.seconds(calendar.month_starts())
    customer = np.repeat(who, len(months))
    day = np.tile(months, len(who)) + rng.integers(first_day - 1, last_day, len(customer)) * DAY_SECONDS
    return customer, day + rng.integers(3 * 3_600, 9 * 3_600, len(customer))


def _add_everyday(rng: np.random.Generator, events: Events, bank: Bank) -> None:
    values, visits = bank.town.people.values, bank.town.visits
    adult = values["age"] >= 18
    branch = np.flatnonzero(visits.channel == CHANNELS.index("branch"))
    events.add("branch_visit", visits.customer[branch], visits.at[branch])
    customer, at = _sometimes(rng, values["complaints.count_2y"], exactly=True)
    events.add("complaint_raised", customer, at)
    moved = values["address.years"] < 2
    at_home = (DAYS - 365 * np.minimum(values["address.years"], 1) - rng.integers(1, 364, len(moved))) * DAY_SECONDS
    events.add("address_changed", np.flatnonzero(moved), at_home[moved].astype(np.int64) + 10 * 3_600)
    yearly = {
        "large_deposit": (0.25 * adult, 6_500, 0.8),
        "large_withdrawal": (0.2 * adult, 4_800, 0.8),
        "card_declined": (0.15 + 0.8 * values["credit.utilisation"], None, 0.0),
        "life_event_reported": (0.025 * adult, None, 0.0),
        "loan_refused": (adult * (0.008 + 0.05 * (values["credit.utilisation"] > 0.6)), None, 0.0),
    }
    for kind, (rate, median, spread) in yearly.items():
        customer, at = _sometimes(rng, rate * YEARS)
        amount = None if median is None else median * np.exp(spread * rng.standard_normal(len(customer)))
        events.add(kind, customer, at, amount)


def _sometimes(rng: np.random.Generator, expected: Floats, *, exactly: bool = False) -> tuple[Ints, Seconds]:
    counts = expected.astype(int) if exactly else rng.poisson(expected)
    customer = np.repeat(np.arange(len(expected)), counts)
    at = rng.integers(0, DAYS, len(customer)) * DAY_SECONDS + rng.integers(8 * 3_600, 21 * 3_600, len(customer))
    return customer, at


def _add_products(rng: np.random.Generator, events: Events, bank: Bank) -> None:
    """Openings inside the history, at the same instant as their product rows; closings; and quotes, taken up or not."""
    holdings, openings = bank.town.holdings, bank.journal.openings
    columns = np.array([bank.rulebook.products.index(offer.product) for offer in bank.world.offers])
    product = columns[openings["offer"]]
    events.add("product_opened", openings["customer"], openings["at"], product=product)
    customer, first = np.nonzero(holdings.held & (holdings.opened >= 0))
    events.add("product_opened", customer, holdings.opened[customer, first], product=first)
    customer, gone = np.nonzero(holdings.held & (holdings.closed < END))
    events.add("product_closed", customer, holdings.closed[customer, gone], product=gone)

    asked = np.flatnonzero(rng.random(len(product)) < QUOTE_BEFORE_OPENING_SHARE * (openings["cause"] == ORGANIC))
    before = rng.integers(2 * DAY_SECONDS, 14 * DAY_SECONDS, len(asked))
    events.add(
        "quote_requested",
        openings["customer"][asked],
        np.maximum(openings["at"][asked] - before, 0),
        product=product[asked],
    )
    idle, at = _sometimes(rng, np.where(bank.town.people.values["age"] >= 18, 0.12 * YEARS, 0.0))
    events.add("quote_requested", idle, at, product=rng.choice(columns, len(idle)))
