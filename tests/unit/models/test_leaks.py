"""Facts that tell the outcome are found by the instant at which they became known."""

from collections.abc import Mapping

import numpy as np

from engine.ids import FactName
from models.arrays import Codes
from models.bank import Snapshots
from models.leaks import judge_lateness

AGE, CALLS = FactName("age"), FactName("followup.calls_30d")


def snapshots(customer: list[int], known_at: list[int], own: Mapping[FactName, list[int]] | None = None) -> Snapshots:
    return Snapshots(
        customer=np.array(customer),
        known_at_s=np.array(known_at),
        fact_known_at_s={fact: np.array(instants) for fact, instants in (own or {}).items()},
        profiles=[()] * len(customer),
        has_value={AGE: np.ones(len(customer), dtype=np.int64), CALLS: np.ones(len(customer), dtype=np.int64)},
    )


def contacts(*pairs: tuple[int, int]) -> tuple[Codes, Codes]:
    customer, at_s = zip(*pairs, strict=True)
    return np.array(customer), np.array(at_s)


def test_the_latest_snapshot_known_by_then_describes_a_contact() -> None:
    known = snapshots([1, 1, 2], [100, 200, 150])
    customer, at_s = contacts((1, 99), (1, 100), (1, 199), (1, 500), (2, 149), (2, 150), (3, 500), (0, 500))
    assert known.place(customer, at_s).tolist() == [-1, 0, 0, 1, -1, 2, -1, -1]


def test_a_fact_with_a_later_date_of_its_own_is_refused_by_name() -> None:
    known = snapshots([1, 2], [100, 100], {CALLS: [900, 900]})
    customer, at_s = contacts((1, 200), (2, 300), (2, 901))
    found = judge_lateness(known, customer, at_s, known.place(customer, at_s))
    assert set(found.refused) == {CALLS}
    assert found.refused[CALLS].startswith("`followup.calls_30d` is refused: at 67% of 3 contacts")
    assert found.rows_by_fact[CALLS].tolist() == [True, True, False]


def test_a_fact_without_a_date_of_its_own_has_its_snapshots() -> None:
    known = snapshots([1, 2], [100, 900])
    customer, at_s = contacts((1, 200), (2, 300))
    assert set(judge_lateness(known, customer, at_s, known.place(customer, at_s)).refused) == {AGE, CALLS}


def test_a_few_late_values_are_missing_and_refuse_nothing() -> None:
    """One customer who joined yesterday does not spoil a fact."""
    known = snapshots(list(range(200)), [100] * 200, {CALLS: [100] * 199 + [900]})
    customer, at_s = contacts(*((code, 200) for code in range(200)))
    found = judge_lateness(known, customer, at_s, known.place(customer, at_s))
    assert found.refused == {}
    assert found.rows_by_fact[CALLS].sum() == 1


def test_strangers_are_not_late() -> None:
    """Whoever is in no snapshot at all is unknown, which says nothing about the facts."""
    known = snapshots([1], [100])
    customer, at_s = contacts((1, 200), (7, 200), (8, 200))
    assert judge_lateness(known, customer, at_s, known.place(customer, at_s)).refused == {}
