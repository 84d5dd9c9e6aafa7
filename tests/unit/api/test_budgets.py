"""Budgets through the service: leases taken, drawn, given back, and never overspent, on a store that lies in memory."""

import asyncio
from collections import Counter
from datetime import date, datetime
from time import monotonic
from zoneinfo import ZoneInfo

import msgspec
import pytest

from api import decision_record
from api.adapters.records import encode_profile
from api.leases import LENGTH_S, MARGIN_S, Leases, _Day
from api.ports import Commit, CommitState, Committed, CustomerKey, LeaseAsked, LeaseTaken, StoreUnavailable, Stream
from api.schemas import DecisionRequest, IdentityBody, PlacementBody
from engine.contacts import ContactState, pack, unpack
from engine.facts import Natural
from tests.builders import a_plan, an_action
from tests.unit.api.budgeted import PATIENT, BudgetedHouse, actions_of, serving_of, spring

DAY_S = 86_400
LONDON = ZoneInfo("Europe/London")


async def test_offers_end_with_the_budget() -> None:
    """Four customers see the card, the others the next best; nobody waits and nothing is degraded."""
    house = BudgetedHouse()
    answers = [await house.ask(f"C{number}") for number in range(7)]
    assert [actions_of(answer) for answer in answers] == 4 * [["card"]] + 3 * [["loan"]]
    assert {tuple(answer["degraded"]) for answer in answers} == {()}
    assert house.taken == 4


async def test_reasons_name_the_budget() -> None:
    """As staff see them."""
    house = BudgetedHouse(spring("total: 0"))
    answer = await house.ask(channel="branch", placements=(PlacementBody(id="card"),), detail="all")
    card = next(each for each in answer["rejected"] if each["action"] == "card")
    assert card["stage"] == "budget_spent"
    assert card["reasons"][0]["rule"] == "budget/spring"


async def test_processes_share_a_budget() -> None:
    """Whoever asks in which order: together they never offer more than there is."""
    first = BudgetedHouse(spring("total: 20"))
    second = BudgetedHouse(first.plan, first.state, worker="w2")
    offered: Counter[str] = Counter()
    for number in range(40):
        house = (first, second)[number % 2]
        offered.update(await house.offered(f"C{number}"))
    assert offered["card"] <= 20
    assert first.taken <= 20
    held = sum(lease.amount for lease in first.state.budgets["spring"].leases.values())
    assert first.taken - offered["card"] <= held


async def test_requests_together_take_all_there_is_and_no_more() -> None:
    """Sixty-four at once on a budget of ten, with nothing on lease yet: they wait for one lease after the other."""
    house = BudgetedHouse(spring("total: 10"))
    answers = await asyncio.gather(*(house.ask(f"C{number}") for number in range(64)))
    assert Counter(actions_of(answer)[0] for answer in answers) == {"card": 10, "loan": 54}
    assert {tuple(answer["degraded"]) for answer in answers} == {()}


async def test_same_offer_in_its_session_takes_no_second_unit() -> None:
    """A page that is loaded again costs nothing."""
    house = BudgetedHouse()
    assert [await house.offered("C1", session_id="s") for _ in range(3)] == [["card"]] * 3
    await house.leases.keep()
    assert sum(len(units) for units in house.state.units.values()) == 1


async def test_store_of_budgets_away_keeps_back_what_needs_it() -> None:
    """`degraded: budget`; everything else goes on, and the offer comes back with the store."""
    house = BudgetedHouse()
    away = _AwayFor(house.leases)
    away.on()
    answer = await house.ask("C1")
    assert (actions_of(answer), answer["degraded"]) == (["loan"], ["budget"])
    away.off()
    await house.hear_again()
    assert await house.offered("C2") == ["card"]


async def test_commit_that_is_refused_gives_its_units_back() -> None:
    """A race that is lost draws again and not twice."""
    house = BudgetedHouse()
    house.service._store = _Scripted(house, [CommitState.CONFLICT])  # type: ignore[assignment]  # a store that refuses once
    assert await house.offered("C1") == ["card"]
    assert _drawn(house) == 1


async def test_commit_in_doubt_leaves_its_units_to_recovery() -> None:
    """The answer is the fallback; when the lease is long over, the records are counted and the rest goes back."""
    house = BudgetedHouse(spring("total: 4"))
    house.service._store = _Scripted(house, [None])  # type: ignore[assignment]  # a store that does not answer once
    answer = await house.ask("C1")
    assert (actions_of(answer), answer["degraded"]) == ([], ["commit"])
    (lease,) = house.state.budgets["spring"].leases.values()
    await _end_all(house.leases)
    assert (lease.worker, house.taken) == ("", 1)
    lease.ends_ms -= 60_000
    (left_open,) = await house.budgets.open_leases("spring", deadline=0)
    assert await house.budgets.recover("spring", left_open, deadline=0) == 1
    assert house.taken == 0


async def test_units_of_an_ended_lease_are_refused_and_the_next_lease_is_used() -> None:
    """By the store's clock, whatever ours says."""
    house = BudgetedHouse(spring("total: 40"))
    assert await house.offered("C1") == ["card"]
    house.end_leases()
    assert await house.offered("C2") == ["loan"]
    await house.hear_again()
    assert await house.offered("C3") == ["card"]


async def test_leases_go_back_at_the_end() -> None:
    """A process that stops leaves nothing behind but what it offered."""
    house = BudgetedHouse(spring("total: 40"))
    async with house.leases.running():
        assert await house.offered("C1") == ["card"]
        assert house.taken == 10
    assert house.taken == 1
    assert house.state.budgets["spring"].leases == {}


async def test_lease_ends_with_the_day_where_days_are_bounded() -> None:
    """The new day's units come of a lease of its own."""
    house = BudgetedHouse(spring("per_day: 8"))
    assert await house.offered("C1") == ["card"]
    (lease,) = house.state.budgets["spring"].leases.values()
    today = lease.day
    await _end_all(house.leases)
    house.ahead_s = DAY_S
    await house.hear_again()
    assert await house.offered("C2") == ["card"]
    assert house.state.budgets["spring"].day == today + 1


@pytest.mark.parametrize(
    ("first", "last", "hours"),
    [
        ("2026-03-29T00:00+00:00", "2026-03-29T23:59:59+01:00", 23),
        ("2026-10-25T00:00+01:00", "2026-10-25T23:59:59+00:00", 25),
    ],
)
def test_day_of_a_budget_is_one_of_the_calendar_when_the_clocks_change(first: str, last: str, hours: int) -> None:
    """The same day at its first and its last second, and it ends an hour early or late."""
    began_s, ended_s = (datetime.fromisoformat(each).timestamp() for each in (first, last))
    for instants in ((began_s, ended_s), (ended_s, began_s)):
        days = _Day()
        for now_s in instants:
            assert days.of(now_s, LONDON) == (date.fromisoformat(first[:10]).toordinal(), began_s + hours * 3_600)
        assert days.of(ended_s + 1, LONDON)[0] == date.fromisoformat(first[:10]).toordinal() + 1


async def test_a_changed_total_binds_at_the_next_lease() -> None:
    """Without a restart: the bundle that serves says how much there is."""
    house = BudgetedHouse(spring("total: 1"))
    assert [await house.offered(f"C{number}") for number in range(2)] == [["card"], ["loan"]]
    house.service.take_up(serving_of(spring("total: 5")))
    await house.hear_again()
    assert await house.offered("C9") == ["card"]
    assert house.taken <= 5


async def test_budget_that_counts_money_instead_of_offers_begins_anew() -> None:
    """A hundred offers are no hundred pence."""
    house = BudgetedHouse(spring("total: 40"))
    assert await house.offered("C1") == ["card"]
    house.service.take_up(serving_of(spring("count: spend, each: 5, total: 5")))
    assert [await house.offered(f"D{number}") for number in range(2)] == [["card"], ["loan"]]
    assert house.state.budgets["spring:spend"].taken == 500


async def test_channel_has_its_own_part() -> None:
    """The web's is used up, the branch goes on."""
    house = BudgetedHouse(spring("total: 10, per_channel: {web: 1}"))
    assert [await house.offered(f"C{number}") for number in range(2)] == [["card"], ["loan"]]
    assert await house.offered("C5", channel="branch", placements=(PlacementBody(id="card"),)) == ["card"]
    assert house.state.budgets["spring"].by_channel == {"web": 1}


async def test_decision_replays_with_what_its_budget_had_left() -> None:
    """The last unit, and the offer after it."""
    house = BudgetedHouse(spring("total: 1"))
    for customer in ("C1", "C2"):
        answer = await house.ask(customer)
        replayed = msgspec.json.decode(await house.service.replay(answer["decision_id"], monotonic()))
        assert actions_of(replayed) == actions_of(answer)
    records = [
        decision_record.decode(entry.body)
        for (stream, _), entries in house.state.streams.items()
        for entry in entries
        if stream is Stream.DECISIONS
    ]
    assert {record.record: record.budgets for record in records} == {"C1": (), "C2": (("spring", 0),)}


async def test_explaining_takes_nothing() -> None:
    """A question without any effect."""
    house = BudgetedHouse()
    house.know("C1")
    asked = DecisionRequest(
        identity=IdentityBody(scheme="customer_id", value="C1"), channel="web", placements=(PlacementBody(id="hero"),)
    )
    answer = msgspec.json.decode(await house.service.explain(asked, monotonic()))
    assert actions_of(answer) == ["card"]
    assert _drawn(house) == 0


async def test_bank_without_budgets_asks_nobody() -> None:
    """What nobody uses costs nothing."""
    house = BudgetedHouse(a_plan(PATIENT, an_action("loan")))
    assert await house.offered("C1") == ["loan"]
    assert house.state.budgets == {}


@pytest.mark.parametrize(("count", "state"), [("accepts", ContactState.ACCEPTED), ("impressions", ContactState.SHOWN)])
async def test_unit_says_which_contact_spends_it(count: str, state: ContactState) -> None:
    """The very contact that the commit appended, and the state from which on it counts."""
    house = BudgetedHouse(spring(f"count: {count}, total: 4"))
    key = house.know("C1")
    await house.ask("C1")
    ((_, unit),) = house.state.units[key.partition]
    (contact,) = unpack(house.state.kept(key).record.contacts or b"")
    assert unit.contact == pack([contact])[:12]
    assert unit.counts_from == state


async def test_quoted_terms_are_kept_in_the_record_and_replayed() -> None:
    """They hold on another channel, and a replay of the second answer quotes them too."""
    plan = a_plan(PATIENT, an_action("loan", "terms: {fee: 0.1 * rent, hold: 14d}"))
    house = BudgetedHouse(plan)
    key = house.know("C1")
    kept = house.state.kept(key)
    for rent in (900, 2_000):
        facts: dict[str, Natural] = {"holds": [], "groups": [], "segments": [], "rent": rent}
        kept.record = house.state.kept(key).record._replace(
            profile=encode_profile(plan.profile_schema, plan.profile_schema.encode(facts))
        )
        house.state.keep(key, kept)
        answer = await house.ask("C1", channel="branch", placements=(PlacementBody(id="card"),))
        assert [option["terms"] for each in answer["propositions"] for option in each["options"]] == [{"fee": 90.0}]
        replayed = msgspec.json.decode(await house.service.replay(answer["decision_id"], monotonic()))
        assert replayed["propositions"][0]["options"][0]["terms"] == {"fee": 90.0}


def _drawn(house: BudgetedHouse) -> int:
    return sum(unit.amount for units in house.state.units.values() for _, unit in units)


async def _end_all(leases: Leases) -> None:
    async with leases.running():
        pass


class _AwayFor:
    """Takes the store of budgets away from leases alone, as a cluster's node that is away does."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._store = leases._store

    def on(self) -> None:
        self._leases._store = _Away()  # type: ignore[assignment]  # only `take` is asked

    def off(self) -> None:
        self._leases._store = self._store


class _Away:
    async def take(self, asked: LeaseAsked, *, deadline: float) -> LeaseTaken:
        raise StoreUnavailable("the store does not answer")


class _Scripted:
    """A customer store whose first commits end as told; None: nobody knows how."""

    def __init__(self, house: BudgetedHouse, ends: list[CommitState | None]) -> None:
        self._store = house.customers
        self._ends = ends
        self.resolve = house.customers.resolve
        self.gather = house.customers.gather

    async def commit(self, key: CustomerKey, commit: Commit, *, deadline: float) -> Committed:
        if self._ends:
            end = self._ends.pop(0)
            if end is None:
                raise StoreUnavailable("the store did not answer in time")
            return Committed(end, (await self.gather(key, None, deadline=deadline)).record)
        return await self._store.commit(key, commit, deadline=deadline)


def test_margin_leaves_a_lease_time_to_be_spent() -> None:
    """Else nothing would ever be offered."""
    assert MARGIN_S < LENGTH_S / 2
