"""The worker and budgets: what came to nothing goes back, leases of the dead are recovered, events never wait."""

from api.adapters.memory import KeptLease, MemoryState
from api.adapters.memory_budgets import MemoryBudgetStore
from api.adapters.memory_events import MemoryEventStore
from api.ports import Unit, key_of
from api.telemetry import Metrics
from api.worker.budgets import RECOVER_EACH_S, ROUND_S, BudgetKeeper
from api.worker.partitions import Partitions
from engine.contacts import ContactState, pack
from engine.plan import Plan
from tests.builders import a_contact, a_plan, an_action
from tests.unit.api.budgeted import spring

ADA = key_of("C0000001")


class Works:
    """A worker that owns Ada's partition alone."""

    def __init__(self) -> None:
        self.state = MemoryState()
        self.metrics = Metrics()
        self.now_s = 1_000_000.0
        self.partitions = Partitions(MemoryEventStore(self.state), "w1", count=ADA.partition + 1)
        self.keeper = BudgetKeeper(MemoryBudgetStore(self.state), self.partitions, self.metrics, lambda: self.now_s)

    async def step(self, plan: Plan) -> None:
        """Own what can be owned, and take a whole round."""
        await self.partitions.renew()
        await self.keeper.step(plan)
        self.now_s += ROUND_S
        await self.keeper.step(plan)

    def hold(self, plan: Plan, state: ContactState) -> None:
        """An offer of the card to Ada whose time is over, as it ended; the budget has one unit out for it."""
        contact = a_contact(plan, "card", state=state)
        kept = self.state.kept(ADA)
        kept.record = kept.record._replace(contacts=pack([contact]), owner=b"C0000001")
        self.state.keep(ADA, kept)
        unit = Unit("spring", "l1", 0, 1, 0, "", pack([contact])[:12], ContactState.SHOWN, 0, "d1")
        self.state.units[ADA.partition] = [(ADA, unit)]
        MemoryBudgetStore(self.state)._budget("spring").taken = 1

    @property
    def counted(self) -> dict[str, int]:
        """What became of amounts."""
        return {result: count for (result,), count in self.metrics.budget_amounts.values.items() if count}


async def test_offer_that_was_not_shown_gives_its_unit_back() -> None:
    """Once its time is over."""
    works, plan = Works(), spring()
    works.hold(plan, ContactState.PENDING)
    await works.step(plan)
    await works.step(plan)
    assert (works.state.budgets["spring"].taken, works.counted) == (0, {"returned": 1})


async def test_offer_that_was_shown_has_spent_its_unit() -> None:
    """It never comes back."""
    works, plan = Works(), spring()
    works.hold(plan, ContactState.SHOWN)
    await works.step(plan)
    budget = works.state.budgets["spring"]
    assert (budget.taken, budget.spent, works.counted) == (1, 1, {"spent": 1})


async def test_lease_of_the_dead_is_recovered() -> None:
    """What no commit drew of it."""
    works, plan = Works(), spring()
    budget = MemoryBudgetStore(works.state)._budget("spring")
    budget.taken, works.state.drawn["l1"] = 10, 3
    budget.leases["l1"] = KeptLease(10, works.state.now_ms() - 60_000, 0, "", "w9")
    await works.step(plan)
    assert (budget.taken, budget.leases, works.counted) == (3, {}, {"recovered": 7})


async def test_bank_without_budgets_is_left_alone() -> None:
    """Nobody asks the store for anything."""
    works = Works()
    works.hold(spring(), ContactState.PENDING)
    await works.step(a_plan(an_action("loan")))
    assert works.counted == {}


async def test_events_do_not_wait_for_budgets_that_cannot_be_reached() -> None:
    """The failure is counted, and tried again a while later."""
    works, plan = Works(), spring()
    works.hold(plan, ContactState.PENDING)
    await works.partitions.renew()
    works.state.available = False
    await works.keeper.step(plan)
    await works.keeper.step(plan)
    assert works.metrics.store_failures.values == {("budgets",): 1}
    works.state.available = True
    works.now_s += RECOVER_EACH_S
    await works.step(plan)
    assert works.counted == {"returned": 1}
