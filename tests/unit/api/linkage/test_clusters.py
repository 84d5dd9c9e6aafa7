"""Putting records together: verdicts first, then keys, then scores; what keeps records apart keeps them apart."""

import random

import polars as pl
import pytest

from api.linkage.clusters import Doubt, How, Linked, customer_of, link
from api.linkage.scored import Pair
from api.linkage.spec import Linkage, Source

FIELDS = ("tax", "email")


def a_linkage(*, unique: bool = False, keys: tuple[tuple[str, ...], ...] = (("tax",),)) -> Linkage:
    sources = {"core": Source(file="core.csv", id="id", unique=unique), "cards": Source(file="cards.csv", id="id")}
    return Linkage(sources=sources, keys=keys, accept_at=0.9, review_from=0.5)


def records(**taxes: str | None) -> pl.DataFrame:
    """Records by `source__id`, each with its tax number or none."""
    names = [name.replace("__", ":") for name in taxes]
    return pl.DataFrame(
        {"record": names, "tax": list(taxes.values()), "email": [None] * len(names)},
        schema={"record": pl.String, "tax": pl.String, "email": pl.String},
    ).sort("record")


def together(linked: Linked) -> list[tuple[str, ...]]:
    return [cluster for cluster in linked.clusters if len(cluster) > 1]


def test_records_with_the_same_key_are_one_customer() -> None:
    linked = link(a_linkage(), records(core__1="t1", cards__9="t1", core__2="t2", cards__8=None), [], {})
    assert together(linked) == [("cards:9", "core:1")]
    assert (linked.how["core:1"], linked.how["cards:8"]) == ((How.KEY, 1.0), (How.ALONE, 1.0))


def test_a_missing_part_of_a_key_settles_nothing() -> None:
    both = a_linkage(keys=(("tax", "email"),))
    assert together(link(both, records(core__1="t1", cards__9="t1"), [], {})) == []


def test_scores_link_from_the_threshold_on_and_ask_below_it() -> None:
    sure, unsure = Pair("cards:9", "core:1", 0.9), Pair("cards:8", "core:2", 0.89)
    table = records(core__1="t1", core__2="t2", cards__8=None, cards__9=None)
    linked = link(a_linkage(), table, [sure, unsure], {})
    assert together(linked) == [("cards:9", "core:1")]
    assert linked.doubts == (Doubt(unsure, "score"),)
    assert linked.how["cards:9"] == (How.SCORE, 0.9)


def test_different_keys_keep_records_apart_however_alike_they_are() -> None:
    father = Pair("core:1", "core:2", 0.999)
    linked = link(a_linkage(), records(core__1="t1", core__2="t2"), [father], {})
    assert together(linked) == []
    assert linked.doubts == (Doubt(father, "apart"),)


def test_nobody_is_asked_about_a_likeness_that_a_key_denies() -> None:
    linked = link(a_linkage(), records(core__1="t1", core__2="t2"), [Pair("core:1", "core:2", 0.6)], {})
    assert linked.doubts == ()


def test_different_keys_keep_customers_apart_through_a_third_record() -> None:
    """A card that looks like both belongs to the likelier one."""
    pairs = [Pair("cards:9", "core:1", 0.99), Pair("cards:9", "core:2", 0.95)]
    linked = link(a_linkage(), records(core__1="t1", core__2="t2", cards__9=None), pairs, {})
    assert together(linked) == [("cards:9", "core:1")]
    assert [doubt.pair for doubt in linked.doubts] == [pairs[1]]


def test_two_records_of_a_source_without_doubles_are_never_one_person() -> None:
    table = records(core__1=None, core__2=None)
    linked = link(a_linkage(unique=True), table, [Pair("core:1", "core:2", 0.99)], {})
    assert together(linked) == []


def test_what_a_person_called_different_stays_apart_through_others() -> None:
    pairs = [Pair("cards:9", "core:1", 0.99), Pair("cards:9", "core:2", 0.98)]
    table = records(core__1=None, core__2=None, cards__9=None)
    linked = link(a_linkage(), table, pairs, {("core:1", "core:2"): False})
    assert together(linked) == [("cards:9", "core:1")]


def test_a_person_overrules_keys_and_is_asked_once() -> None:
    pair = Pair("core:1", "core:2", 0.6)
    linked = link(a_linkage(), records(core__1="t1", core__2="t2"), [pair], {("core:1", "core:2"): True})
    assert together(linked) == [("core:1", "core:2")]
    assert linked.how["core:2"] == (How.ACCEPTED, 1.0)
    refused = link(a_linkage(), records(core__1=None, core__2=None), [pair], {("core:1", "core:2"): False})
    assert refused.doubts == ()


def test_a_key_that_a_verdict_denies_is_counted() -> None:
    linked = link(a_linkage(), records(core__1="t1", cards__9="t1"), [], {("cards:9", "core:1"): False})
    assert (together(linked), linked.refused) == ([], 1)


def test_verdicts_on_records_that_are_gone_mean_nothing() -> None:
    linked = link(a_linkage(), records(core__1="t1"), [], {("cards:9", "core:1"): True})
    assert linked.clusters == (("core:1",),)


def test_one_question_between_the_same_two_customers() -> None:
    pairs = [Pair("cards:8", "core:1", 0.8), Pair("cards:9", "core:1", 0.7)]
    linked = link(a_linkage(), records(core__1=None, cards__8="t1", cards__9="t1"), pairs, {})
    assert [doubt.pair for doubt in linked.doubts] == [pairs[0]]


@pytest.mark.parametrize(
    ("cluster", "customer"),
    [(("cards:9", "core:2", "core:1"), "1"), (("cards:9", "cards:8"), "cards:8")],
)
def test_a_customer_goes_by_the_first_sources_id(cluster: tuple[str, ...], customer: str) -> None:
    assert customer_of(a_linkage(), cluster) == customer


def test_the_order_of_equal_links_changes_nothing() -> None:
    """Keys and verdicts are taken in the order of records, whatever the order of rows."""
    rng = random.Random(4)
    taxes = {f"core__{at}": f"t{rng.randint(1, 5)}" if rng.random() < 0.6 else None for at in range(30)}
    shuffled = list(taxes.items())
    rng.shuffle(shuffled)
    assert link(a_linkage(), records(**taxes), [], {}) == link(a_linkage(), records(**dict(shuffled)), [], {})
