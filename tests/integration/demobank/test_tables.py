"""The bank's files: shapes, keys, and that they agree with each other."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from demobank.attributes import OFTEN_MISSING
from demobank.rulebook import read_rulebook
from tests.integration.demobank.conftest import AS_OF, ROOT, MadeBank

END = datetime.fromisoformat(AS_OF).replace(tzinfo=UTC)
BEGAN = END - timedelta(days=728)
INSTANT = pl.Datetime("us", "UTC")
NATURAL_GAPS = {"mortgage.renews_on", "car.finance_ends_on"}


def share(flags: pl.Series) -> float:
    """How many of the rows are true."""
    return float(flags.to_numpy().mean())


def test_columns_are_those_agreed_upon(bank: MadeBank) -> None:
    """A real bank hands over the same ones."""
    rules = read_rulebook(ROOT / "rules")
    beside = {
        "customer_id", "known_at", "segments", "groups", "consent.marketing", "consent.profiling_objection",
        "known_at.followup.calls_30d",
    }  # fmt: skip

    assert set(bank.table("bank/customers").columns) == set(rules.attributes) | beside
    assert dict(bank.table("bank/products").schema) == {
        "customer_id": pl.String, "product": pl.String, "opened_on": pl.Date, "closed_on": pl.Date,
    }  # fmt: skip
    assert bank.table("bank/accounts").columns == ["account_number", "customer_id", "role", "kind", "card_token"]
    assert dict(bank.table("bank/events").schema) == {
        "event_id": pl.String, "source": pl.String, "type": pl.String, "customer_id": pl.String, "time": INSTANT,
        "data": pl.String,
    }  # fmt: skip
    assert dict(bank.table("bank/contacts").schema) == {
        "contact_id": pl.String, "customer_id": pl.String, "at": INSTANT, "channel": pl.String, "placement": pl.String,
        "rank": pl.Int32, "session_id": pl.String, "action": pl.String, "impression": pl.Boolean,
        "positive": pl.Boolean, "positive_at": INSTANT, "declined": pl.Boolean, "declined_at": INSTANT,
        "decline_reason": pl.String, "converted": pl.Boolean, "converted_at": INSTANT, "assignment": pl.String,
        "probability": pl.Float64, "candidates": pl.Int32,
    }  # fmt: skip


def test_attribute_columns_have_the_type_of_the_catalogue(bank: MadeBank) -> None:
    """Money and decimals in major units as floats."""
    expected = {
        "boolean": pl.Boolean, "integer": pl.Int64, "decimal": pl.Float64, "money": pl.Float64, "category": pl.String,
        "date": pl.Date,
    }  # fmt: skip
    schema = bank.table("bank/customers").schema

    assert {
        name: kind for name, kind in read_rulebook(ROOT / "rules").attributes.items() if schema[name] != expected[kind]
    } == {}


@pytest.mark.parametrize(
    ("table", "key"),
    [("customers", "customer_id"), ("events", "event_id"), ("contacts", "contact_id")],
)
def test_every_id_is_unique(bank: MadeBank, table: str, key: str) -> None:
    """No row can be taken for another."""
    frame = bank.table(f"bank/{table}")

    assert frame[key].n_unique() == frame.height


@pytest.mark.parametrize("table", ["products", "accounts", "events", "contacts"])
def test_every_row_belongs_to_a_customer(bank: MadeBank, table: str) -> None:
    """And every product, event, channel and action is one the rules know."""
    rules = read_rulebook(ROOT / "rules")
    known = {
        "product": rules.products,
        "kind": rules.products,
        "type": tuple(rules.event_sources),
        "action": tuple(offer.action for offer in rules.offers),
        "placement": tuple(placement.name for placement in rules.placements),
    }
    frame = bank.table(f"bank/{table}")

    assert frame["customer_id"].is_in(bank.table("bank/customers")["customer_id"].implode()).all()
    for column, words in known.items():
        if column in frame.columns:
            assert set(frame[column].unique()) <= set(words)


def test_nothing_happens_before_a_customer_joined_or_after_the_history(bank: MadeBank) -> None:
    """Applications for running mortgages reach back five years, all else two."""
    events = bank.table("bank/events").join(
        bank.table("bank/customers").select("customer_id", "customer.since"), on="customer_id"
    )

    applied = events.filter(pl.col("type") == "mortgage_application")
    others = events.filter(pl.col("type") != "mortgage_application")

    assert (events["time"] < END).all()
    assert (events["time"].dt.date() >= events["customer.since"]).all()
    assert (others["time"] >= BEGAN).all()
    assert (applied["time"] >= END - timedelta(days=5 * 365)).all()
    assert (applied["time"] < BEGAN).any()


def test_event_data_is_json_of_the_fields_in_the_catalogue(bank: MadeBank) -> None:
    """An amount, a product, or an empty object."""
    sample = bank.table("bank/events").sample(3_000, seed=1)
    kinds = {kind: set(json.loads(text)) for kind, text in sample.select("type", "data").iter_rows()}

    assert kinds["salary_paid"] == {"amount"}
    assert kinds["product_opened"] == {"product"}
    assert kinds["branch_visit"] == set()
    assert all(json.loads(text).get("amount", 1) > 0 for text in sample["data"])


def test_products_opened_in_the_history_have_their_event_and_the_other_way_round(bank: MadeBank) -> None:
    """On the same day."""
    opened = (
        bank.table("bank/events")
        .filter(pl.col("type") == "product_opened")
        .select(
            "customer_id", pl.col("data").str.json_path_match("$.product").alias("product"), pl.col("time").dt.date()
        )
    )
    rows = bank.table("bank/products").filter(pl.col("opened_on") >= BEGAN.date())

    assert opened.height == rows.height
    assert (
        rows.join(
            opened,
            left_on=["customer_id", "product", "opened_on"],
            right_on=["customer_id", "product", "time"],
            how="anti",
        ).height
        == 0
    )


def test_nobody_holds_one_product_twice_at_a_time(bank: MadeBank) -> None:
    """It may be closed and opened again."""
    rows = bank.table("bank/products").sort("customer_id", "product", "opened_on")
    again = rows.filter(
        (pl.col("customer_id") == pl.col("customer_id").shift(1)) & (pl.col("product") == pl.col("product").shift(1))
    )
    still_open = rows.filter(pl.col("closed_on").is_null()).select("customer_id", "product")

    assert still_open.n_unique() == still_open.height
    assert again.height < 200
    assert (rows["closed_on"] > rows["opened_on"]).drop_nulls().all()


def test_the_product_count_is_what_was_held_when_the_snapshot_was_taken(bank: MadeBank) -> None:
    """Later openings are not in it, so it cannot tell outcomes."""
    customers = bank.table("bank/customers").select("customer_id", "products.count", "customer.since")
    held = (
        bank.table("bank/products")
        .join(customers, on="customer_id")
        .filter((pl.col("opened_on") < BEGAN.date()) | (pl.col("opened_on") == pl.col("customer.since")))
        .filter(pl.col("opened_on") <= pl.max_horizontal("customer.since", pl.lit(BEGAN.date())))
        .group_by("customer_id")
        .agg(pl.len().alias("held"), pl.col("products.count").first())
    )

    assert held.height == customers.height
    assert share(held["held"] == held["products.count"]) > 0.999


def test_offers_were_made_to_consenting_adults_who_did_not_hold_the_product(bank: MadeBank) -> None:
    """The world's own S."""
    contacts = bank.table("bank/contacts")
    gives = {offer.action: offer.product for offer in read_rulebook(ROOT / "rules").offers}
    customers = bank.table("bank/customers").select("customer_id", "birth_on", "consent.marketing", "deceased")
    known = contacts.join(customers, on="customer_id").with_columns(product=pl.col("action").replace_strict(gives))
    held = known.join(bank.table("bank/products"), on=["customer_id", "product"]).filter(
        (pl.col("opened_on") < pl.col("at").dt.date())
        & (pl.col("closed_on").is_null() | (pl.col("closed_on") > pl.col("at").dt.date()))
    )

    assert (pl.Series(known["birth_on"]).dt.offset_by("18y") <= known["at"].dt.date()).all()
    assert known.select(pl.col("channel").is_in(pl.col("consent.marketing"))).to_series().all()
    assert not known["deceased"].any()
    assert held.height == 0


def test_outcomes_follow_impressions_in_order(bank: MadeBank) -> None:
    """Positive or declined, never both, never unseen; converted only after a positive answer, within 90 days."""
    contacts = bank.table("bank/contacts")
    positive, declined, converted = (contacts.filter(name) for name in ("positive", "declined", "converted"))

    assert positive["impression"].all()
    assert declined["impression"].all()
    assert not (contacts["positive"] & contacts["declined"]).any()
    assert converted["positive"].all()
    assert (positive["positive_at"] > positive["at"]).all()
    assert (converted["converted_at"] >= converted["positive_at"]).all()
    assert (converted["converted_at"] - converted["positive_at"] <= timedelta(days=90)).all()
    for flag in ("positive", "declined", "converted"):
        assert (contacts[flag] == contacts[f"{flag}_at"].is_not_null()).all()
    assert (contacts["declined"] == contacts["decline_reason"].is_not_null()).all()


def test_every_conversion_is_an_opening(bank: MadeBank) -> None:
    """At the very instant, and each opening counts for one contact at most."""
    gives = {offer.action: offer.product for offer in read_rulebook(ROOT / "rules").offers}
    converted = (
        bank.table("bank/contacts").filter("converted").with_columns(product=pl.col("action").replace_strict(gives))
    )
    opened = (
        bank.table("bank/events")
        .filter(pl.col("type") == "product_opened")
        .with_columns(product=pl.col("data").str.json_path_match("$.product"))
    )
    keys = ["customer_id", "product", "converted_at"]

    assert converted.join(opened, left_on=keys, right_on=["customer_id", "product", "time"], how="anti").height == 0
    assert converted.select(keys).n_unique() == converted.height


def test_the_uniform_share_carries_its_probability(bank: MadeBank) -> None:
    """One over the number of candidates, for one decision in twenty; the old policy's probability is unknown."""
    contacts = bank.table("bank/contacts")
    uniform = contacts.filter(pl.col("assignment") == "uniform")
    sessions = contacts.group_by("session_id").agg(pl.col("assignment").n_unique(), pl.col("rank").max(), pl.len())

    assert uniform.height / contacts.height == pytest.approx(0.05, abs=0.003)
    assert (uniform["probability"] * uniform["candidates"]).to_numpy() == pytest.approx(1.0)
    assert contacts.filter(pl.col("assignment") == "logged")["probability"].is_null().all()
    assert (sessions["assignment"] == 1).all()
    assert (sessions["rank"] == sessions["len"]).all()


def test_uniform_choices_are_uniform_and_logged_ones_are_not(bank: MadeBank) -> None:
    """Each action is drawn as often as its probabilities add up to."""
    contacts = bank.table("bank/contacts")
    uniform = contacts.filter(pl.col("assignment") == "uniform")
    slots = bank.table("truth/slots").join(uniform.select("contact_id", "action", "probability"), on="contact_id")
    drawn = dict(slots["action"].value_counts().iter_rows())
    expected = {
        action: slots.filter(pl.col(f"p.{action}").is_not_null())["probability"].to_numpy().sum()
        for action in sorted(drawn)
    }
    logged = contacts.filter(pl.col("assignment") == "logged")["action"].value_counts()["count"].to_numpy()

    off = [(drawn[action] - expected[action]) / np.sqrt(expected[action]) for action in drawn]
    assert np.abs(off).max() < 4
    assert logged.max() > 5 * logged.min()


def test_eight_attributes_have_gaps_and_the_others_none(bank: MadeBank) -> None:
    """About 15 percent, in the file as in the world."""
    gaps = {
        name: count for name, count in bank.table("bank/customers").null_count().row(0, named=True).items() if count
    }

    assert set(gaps) == set(OFTEN_MISSING) | NATURAL_GAPS
    assert all(0.13 < gaps[name] / 20_000 < 0.17 for name in OFTEN_MISSING)


def test_snapshots_were_known_before_every_contact(bank: MadeBank) -> None:
    """Two percent of them long before."""
    customers = bank.table("bank/customers")
    contacts = bank.table("bank/contacts").join(customers.select("customer_id", "known_at"), on="customer_id")

    assert (contacts["known_at"] < contacts["at"]).all()
    assert share(customers["known_at"] < BEGAN - timedelta(days=90)) == pytest.approx(0.02, abs=0.001)


def test_the_planted_leak_is_known_only_after_every_outcome(bank: MadeBank) -> None:
    """Its own date gives it away."""
    customers = bank.table("bank/customers").select("customer_id", "known_at.followup.calls_30d", "followup.calls_30d")
    contacts = bank.table("bank/contacts").join(customers, on="customer_id")
    outcome = pl.max_horizontal("at", "positive_at", "declined_at", "converted_at")

    assert contacts.select((outcome < pl.col("known_at.followup.calls_30d")).all()).item()
    assert (customers["known_at.followup.calls_30d"] <= END).all()


def test_accounts_and_cards_lead_to_their_customers(bank: MadeBank) -> None:
    """Tokens are unique, every customer has a first card, and some numbers mean two people."""
    accounts = bank.table("bank/accounts")
    cards = accounts.filter(pl.col("card_token").is_not_null())
    owners = accounts.group_by("account_number").agg(pl.col("customer_id").n_unique())

    assert cards["card_token"].n_unique() == cards.height
    assert set("tok_" + bank.table("bank/customers")["customer_id"]) <= set(cards["card_token"])
    assert (cards["card_token"].str.slice(4, 8) == cards["customer_id"]).all()
    assert set(accounts["role"]) == {"owner", "joint", "guardian", "company"}
    assert (owners["customer_id"] <= 2).all()
    assert 0.01 < share(owners["customer_id"] == 2) < 0.1


def test_open_accounts_have_an_open_product(bank: MadeBank) -> None:
    """Unless the account is somebody else's that they share or guard."""
    own = bank.table("bank/accounts").filter(pl.col("role").is_in(["owner", "company"]))
    still_open = bank.table("bank/products").filter(pl.col("closed_on").is_null())

    assert (
        own.join(still_open, left_on=["customer_id", "kind"], right_on=["customer_id", "product"], how="anti").height
        == 0
    )


def test_the_situations_that_are_shown_first_are_frequent(bank: MadeBank) -> None:
    """A mortgage application without home insurance, a trip just booked, a saver who rents."""
    events, customers = bank.table("bank/events"), bank.table("bank/customers")
    insured = bank.table("bank/products").filter(
        (pl.col("product") == "home_insurance") & pl.col("closed_on").is_null()
    )
    applied = events.filter(pl.col("type") == "mortgage_application").select("customer_id").unique()
    uninsured = applied.join(insured, on="customer_id", how="anti")
    booked = events.filter((pl.col("type") == "travel_purchase") & (pl.col("time") > END - timedelta(days=30)))
    saving = customers.filter(
        (pl.col("savings.trend_90d") > 0.15)
        & (pl.col("rent_payments.count_90d") >= 3)
        & pl.col("age").is_between(23, 45)
    )

    assert uninsured.height > 0.1 * customers.height
    assert booked["customer_id"].n_unique() > 0.01 * customers.height
    assert saving.height > 0.01 * customers.height
