"""How budgets stand, as the command tells it."""

from datetime import UTC, datetime

from api.adapters.memory_events import MemoryEventStore
from api.budget_report import as_data, as_lines, look
from engine.contacts import ContactState, pack, unpack
from tests.unit.api.budgeted import BudgetedHouse, spring


async def test_total_is_spent_open_leased_and_left() -> None:
    """One offer was shown, one is open, the rest of the lease waits."""
    house = BudgetedHouse(spring("total: 40, per_day: 30, per_channel: {web: 35}"))
    for customer in ("C1", "C2"):
        assert await house.offered(customer) == ["card"]
    key = house.know("C1")
    kept = house.state.kept(key)
    ((_, unit),) = house.state.units[key.partition]
    shown = unpack(unit.contact + bytes([1, ContactState.SHOWN, 0, 30]))
    kept.record = kept.record._replace(contacts=pack(shown))
    house.state.keep(key, kept)
    (line,) = await look(house.plan, house.budgets, datetime.now(UTC))
    assert (line.spent, line.open, line.leased, line.left) == (1, 1, 5, 33)
    assert (line.today, line.by_channel) == (7, {"web": 7})
    assert list(as_lines(house.plan, [line])) == [
        "budget  counts       total  spent  open  leased  left    today",
        "spring  impressions     40      1     1       5    33  7 of 30",
        "spring on web: 7 of 35 taken",
    ]


async def test_money_is_told_in_major_units() -> None:
    """As it is written in the rule files."""
    house = BudgetedHouse(spring("count: spend, each: 2.50, total: 100"))
    assert await house.offered("C1") == ["card"]
    lines = await look(house.plan, house.budgets, datetime.now(UTC))
    (told,) = as_data(house.plan, lines)
    assert (told["count"], told["total"], told["open"], told["leased"], told["left"]) == ("spend", 100, 2.5, 22.5, 75)
    assert list(as_lines(house.plan, lines))[1].split() == [
        *("spring", "spend", "in", "GBP", "100.00", "0.00", "2.50", "22.50", "75.00", "25.00")
    ]


async def test_what_was_settled_stays_spent() -> None:
    """Also when no offer holds it any more."""
    house = BudgetedHouse(spring("per_day: 8"))
    key = house.know("C1")
    assert await house.offered("C1") == ["card"]
    held = house.state.units[key.partition]
    house.state.units[key.partition] = [(key, unit._replace(counts_from=0, held_until_s=0)) for key, unit in held]
    owned = await MemoryEventStore(house.state).own(key.partition, "w1", lease_ms=60_000, deadline=0)
    assert owned is not None
    await house.budgets.tell(key.partition, await house.budgets.settle(owned, count=9, deadline=0), deadline=0)
    (line,) = await look(house.plan, house.budgets, datetime.now(UTC))
    assert (line.spent, line.open, line.leased, line.left) == (1, 0, 1, None)
