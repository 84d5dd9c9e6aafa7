"""Who counts in which arm, and which conversions: all customers of the window, offered or not."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from api.adapters.memory import MemoryState
from api.adapters.memory_events import MemoryJournal
from api.experiments.attribution import ExperimentReport, judge, observed_under
from api.experiments.recorded import walk
from api.ports import Stream, key_of
from engine import Plan
from engine.experiments import arm_of
from models.lift import Counted, Verdict
from tests.builders import KEY, NOW, a_plan, a_question, an_action, decided
from tests.unit.api.experiments.builders import note_convert, note_decision, note_opening

DAY = timedelta(days=1)
LATER = NOW + 100 * DAY


def a_bank(experiment: str = "{experiment: e, of: all_offers, arms: {offers: 50%, holdout: 50%}}") -> Plan:
    """It offers an ISA and cover, and tells of a service that gives a loan."""
    return a_plan(
        an_action("isa", gives="isa", value=200),
        an_action("cover", gives="cover", group="insurance", value=100),
        an_action("loan", gives="loan", group="loans", tier="service", value=50),
        {"policy/experiments.yaml": f"experiments:\n  - {experiment}\n"},
    )


def seen(state: MemoryState, plan: Plan, customers: Sequence[str], at: datetime = NOW) -> None:
    """Decisions for some customers on the web."""
    for customer in customers:
        question = a_question(plan, "web.footer", customer=customer)
        note_decision(state, plan, question, decided(plan, question, now=at), at)


def reported(state: MemoryState, plan: Plan, now: datetime = LATER, archive: Path | None = None) -> ExperimentReport:
    """The one experiment's report, windows of 30 days."""

    async def collect() -> ExperimentReport:
        observed, journal = observed_under(plan), MemoryJournal(state)
        await walk(journal, Stream.DECISIONS, observed.see, archive)
        await walk(journal, Stream.EVENTS, observed.see_event)
        (report,) = judge(plan, observed, now_s=int(now.timestamp()), window_days=30)
        return report

    return asyncio.run(collect())


def by_arm(plan: Plan, count: int = 40) -> dict[str, list[str]]:
    """Customers by their arm in the first experiment."""
    found: dict[str, list[str]] = {}
    for number in range(count):
        customer = f"C{number:07d}"
        found.setdefault(arm_of(plan.experiments[0], customer, KEY), []).append(customer)
    return found


def counted(report: ExperimentReport) -> dict[str, Counted]:
    """What was counted in each arm."""
    return {each.arm: each.counted for each in report.arms}


def test_openings_count_for_everybody_in_the_window_offered_or_not() -> None:
    """Held out as well as shown; once a customer, from the first decision on, for 30 days."""
    plan, state = a_bank(), MemoryState()
    arms = by_arm(plan)
    seen(state, plan, [*arms["offers"], *arms["holdout"]])
    seen(state, plan, arms["offers"][:3], NOW + 20 * DAY)
    for customer in (arms["offers"][0], arms["offers"][1], arms["holdout"][0]):
        note_opening(state, customer, "isa", NOW + 2 * DAY)
    note_opening(state, arms["offers"][0], "cover", NOW + 3 * DAY)
    note_opening(state, arms["offers"][2], "isa", NOW - DAY)
    note_opening(state, arms["offers"][2], "isa", NOW + 31 * DAY)
    note_opening(state, arms["holdout"][1], "loan", NOW + DAY)
    assert counted(reported(state, plan)) == {
        "offers": Counted(customers=len(arms["offers"]), converted=2),
        "holdout": Counted(customers=len(arms["holdout"]), converted=1),
    }


def test_customers_whose_window_is_open_count_in_no_rate() -> None:
    """They may still convert."""
    plan, state = a_bank(), MemoryState()
    arms = by_arm(plan)
    seen(state, plan, arms["offers"][:5])
    seen(state, plan, arms["offers"][5:7], NOW + 10 * DAY)
    report = reported(state, plan, NOW + 35 * DAY)
    offers = next(each for each in report.arms if each.arm == "offers")
    assert (offers.customers, offers.still_open, offers.counted.customers) == (7, 2, 5)


def test_outcomes_that_only_offered_customers_can_give_do_not_count_beside_a_holdout() -> None:
    """They count where every arm is shown offers."""
    held_out, ways = a_bank(), a_bank("{experiment: e, of: arbitration, arms: {as_is: 50%, no_levers: 50%}}")
    for plan, converted in ((held_out, 0), (ways, 1)):
        state, customer = MemoryState(), "C0000001"
        seen(state, plan, [customer])
        note_convert(state, customer, "isa", NOW + DAY)
        assert sum(each.converted for each in counted(reported(state, plan)).values()) == converted


def test_experiment_on_one_action_counts_its_own_product() -> None:
    """Another product is no conversion of it."""
    plan = a_bank("{experiment: e, of: isa@web.footer, arms: {offer: 50%, holdout: 50%}}")
    state, customers = MemoryState(), [f"C{number:07d}" for number in range(4)]
    seen(state, plan, customers)
    note_opening(state, customers[0], "isa", NOW + DAY)
    note_opening(state, customers[1], "cover", NOW + DAY)
    assert sum(each.converted for each in counted(reported(state, plan)).values()) == 1


def test_report_tells_to_whom_something_was_or_would_have_been_shown() -> None:
    """By ghosts for those held out."""
    plan, state = a_bank(), MemoryState()
    arms = by_arm(plan)
    seen(state, plan, arms["holdout"])
    report = reported(state, plan)
    assert {each.arm: each.shown for each in report.arms} == {"offers": 0, "holdout": len(arms["holdout"])}


def test_arms_that_did_not_get_their_shares_are_a_mismatch() -> None:
    """As when decisions of one arm are lost."""
    plan, state = a_bank(), MemoryState()
    arms = by_arm(plan, 200)
    seen(state, plan, [*arms["offers"], *arms["holdout"]])
    assert not reported(state, plan).mismatch
    state = MemoryState()
    seen(state, plan, [*arms["offers"], *arms["holdout"][:40]])
    assert reported(state, plan).mismatch


def test_customer_in_several_arms_counts_in_none() -> None:
    """As when the key was changed."""
    plan, state = a_bank(), MemoryState()
    question = a_question(plan, customer="C0000001")
    decisions = [decided(plan, question, key=bytes([each] * 8)) for each in range(8)]
    assert len({each.arms[0] for each in decisions}) == 2
    for at, decision in enumerate(decisions):
        note_decision(state, plan, question, decision, NOW + at * DAY)
    report = reported(state, plan)
    assert (report.strays, sum(each.customers for each in report.arms)) == (1, 0)


def test_experiment_that_the_rules_dropped_is_still_told() -> None:
    """Without shares to hold it against."""
    plan, state = a_bank(), MemoryState()
    seen(state, plan, ["C0000001", "C0000002"])
    without = a_bank("{experiment: other, of: all_offers, arms: {offers: 50%, holdout: 50%}}")
    report = reported(state, without)
    assert (report.experiment, report.known, report.split_probability) == ("e", False, None)


def test_few_customers_are_not_enough_evidence() -> None:
    """And the holdout is the control."""
    plan, state = a_bank(), MemoryState()
    arms = by_arm(plan)
    seen(state, plan, [*arms["offers"], *arms["holdout"]])
    report = reported(state, plan)
    offers = next(each for each in report.arms if each.arm == "offers")
    assert report.control == "holdout"
    assert offers.comparison is not None
    assert offers.comparison.verdict is Verdict.NOT_ENOUGH_EVIDENCE


def test_what_is_archived_counts_once_beside_what_the_streams_still_hold(tmp_path: Path) -> None:
    """Streams are read from where the archive ends."""
    plan, state = a_bank(), MemoryState()
    seen(state, plan, ["C0000001"])
    partition = key_of("C0000001").partition
    entry = state.streams[Stream.DECISIONS, partition][0]
    seen(state, plan, ["C0000001"], NOW + DAY)
    (tmp_path / "day=2026-01-05").mkdir()
    table = pa.table({"partition": [partition], "entry_id": [entry.id], "recorded": [entry.body]})
    pq.write_table(table, tmp_path / "day=2026-01-05" / "decisions-00000001.parquet")
    kinds: list[str] = []
    journal = MemoryJournal(state)
    assert asyncio.run(walk(journal, Stream.DECISIONS, lambda kind, _: kinds.append(kind), tmp_path)) == 2
    state.streams[Stream.DECISIONS, partition].pop(0)
    assert sum(each.customers for each in reported(state, plan, archive=tmp_path).arms) == 1
    assert asyncio.run(walk(journal, Stream.DECISIONS, lambda kind, _: kinds.append(kind), tmp_path)) == 2
    assert kinds == ["r"] * 4


def test_entries_that_cannot_be_read_are_counted() -> None:
    """And stop nothing."""
    plan, state = a_bank(), MemoryState()
    seen(state, plan, ["C0000001"])
    state.append(Stream.DECISIONS, 0, "r", b"nonsense")
    state.append(Stream.EVENTS, 0, "r", b"nonsense")
    observed = observed_under(plan)

    async def collect() -> None:
        await walk(MemoryJournal(state), Stream.DECISIONS, observed.see)
        await walk(MemoryJournal(state), Stream.EVENTS, observed.see_event)

    asyncio.run(collect())
    assert observed.unreadable == 2
    assert len(observed.members["e"]) == 1


@pytest.mark.parametrize("product", [None, 5])
def test_openings_without_a_product_open_nothing(product: object) -> None:
    """What sources send is not trusted."""
    plan, state = a_bank(), MemoryState()
    seen(state, plan, ["C0000001"])
    note_opening(state, "C0000001", product, NOW + DAY)  # type: ignore[arg-type]
    assert sum(each.converted for each in counted(reported(state, plan)).values()) == 0
