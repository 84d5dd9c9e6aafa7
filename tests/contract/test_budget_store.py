"""Budgets: leases that together never exceed what there is, and units that go back once, when they came to nothing."""

import time

from api.ports import Commit, CommitState, LeaseAsked, LeaseTaken, Ownership, Standing, Unit
from engine.contacts import Contact, ContactState
from engine.contacts import pack as pack_contacts
from tests.contract.worlds import ADA, CARD, SESSION, World, a_claim, a_commit, an_outcome, soon

BUDGET = "spring"
TODAY = 739_000
HOUR_MS = 3_600_000
LONG_OVER_MS = -6_000
"""A lease of this length ended so long ago that it may be recovered."""


def asked(name: str, /, **changes: object) -> LeaseAsked:
    """A share for one worker of a budget of 100 offers."""
    plain = LeaseAsked(
        budget=BUDGET,
        lease=name,
        worker="w1",
        each=1,
        total=100,
        per_day=None,
        channel="",
        total_of_channel=None,
        day=TODAY,
        latest_end_ms=None,
        length_ms=HOUR_MS,
    )
    return plain._replace(**changes)  # type: ignore[arg-type]  # each test names fields of its own


async def take(world: World, name: str = "l1", /, **changes: object) -> LeaseTaken:
    """Take a share."""
    return await world.budgets.take(asked(name, **changes), deadline=soon())


async def end(world: World, lease: str = "l1", *, drawn: int = 0, certain: bool = True) -> int:
    """End a lease."""
    return await world.budgets.end(BUDGET, lease, drawn=drawn, certain=certain, deadline=soon())


async def standing(world: World) -> Standing:
    """How the budget stands."""
    return await world.budgets.standing(BUDGET, deadline=soon())


def a_reservation(at_s: int | None = None, state: ContactState = ContactState.PENDING) -> Contact:
    """A contact of the gold card, now."""
    return Contact(int(time.time()) if at_s is None else at_s, CARD, SESSION, 1, state, 0, 10)


def a_unit(contact: Contact, lease: str = "l1", *, ends_ms: int | None = None, **changes: object) -> Unit:
    """What an offer holds whose time is over already."""
    unit = Unit(
        budget=BUDGET,
        lease=lease,
        lease_ends_ms=int(1_000 * time.time()) + HOUR_MS if ends_ms is None else ends_ms,
        amount=1,
        day=TODAY,
        channel="",
        contact=pack_contacts([contact])[:12],
        counts_from=ContactState.SHOWN,
        held_until_s=int(time.time()) - 1,
        decision_id="decision-1",
    )
    return unit._replace(**changes)  # type: ignore[arg-type]  # each test names fields of its own


async def commit(world: World, *units: Unit, contact: Contact) -> CommitState:
    """Commit an offer that takes units."""
    made: Commit = a_commit(await world.read(), contact, units=units)
    return (await world.customers.commit(ADA, made, deadline=soon())).state


async def own(world: World) -> Ownership:
    """Own the customer's partition."""
    owned = await world.events.own(ADA.partition, "w1", lease_ms=60_000, deadline=soon())
    assert owned is not None
    return owned


async def settle_and_tell(world: World) -> int:
    """Settle what is over and tell the budgets; says what went back."""
    settled = await world.budgets.settle(await own(world), count=10, deadline=soon())
    return await world.budgets.tell(ADA.partition, settled, deadline=soon())


async def test_a_lease_is_a_quarter_of_what_is_left_for_each_worker(world: World) -> None:
    """So that nobody holds what others could use."""
    first = await take(world)
    assert (first.amount, first.left) == (25, 75)
    second = await take(world, "l2", worker="w2")
    assert (second.amount, second.left) == (75 // 8, 75 - 75 // 8)
    assert (await standing(world)).taken == 25 + 75 // 8


async def test_leases_together_never_exceed_the_budget(world: World) -> None:
    """The last ones are single units; then there is nothing."""
    amounts = [(await take(world, f"l{number}", total=10)).amount for number in range(20)]
    assert sum(amounts) == 10
    assert amounts[:8] == [2, 2, 1, 1, 1, 1, 1, 1]
    assert not any(amounts[8:])


async def test_total_day_and_channel_bind_together(world: World) -> None:
    """The least of the three; what is taken counts for each."""
    bounds: dict[str, object] = {"per_day": 50, "channel": "web", "total_of_channel": 20}
    assert (await take(world, **bounds)).amount == 5
    found = await standing(world)
    assert (found.taken, found.day, found.today, found.by_channel) == (5, TODAY, 5, {"web": 5})
    assert (await take(world, "l2", per_day=5)).amount == 0
    assert (await take(world, "l3", channel="web", total_of_channel=5)).amount == 0
    assert (await take(world, "l4", total=5)).amount == 0
    assert (await take(world, "l5", channel="atm", total_of_channel=4)).amount == 1


async def test_a_new_day_begins_at_nothing_and_an_old_one_is_over(world: World) -> None:
    """A clock that is behind gets nothing of either."""
    assert (await take(world, per_day=4)).amount == 1
    assert (await take(world, "l2", per_day=4, day=TODAY + 1)).amount == 1
    assert (await standing(world)).today == 1
    assert (await take(world, "l3", per_day=4)).amount == 0


async def test_a_lease_ends_with_its_day(world: World) -> None:
    """No spending of a new day on an old day's lease."""
    midnight_ms = int(1_000 * time.time()) + 60_000
    taken = await take(world, latest_end_ms=midnight_ms)
    assert abs(taken.ends_ms - midnight_ms) < 1_000
    assert (await take(world, "l2", latest_end_ms=midnight_ms - 120_000)).amount == 0


async def test_amounts_are_whole_offers(world: World) -> None:
    """A budget of money that is left does not make half a voucher."""
    assert (await take(world, each=30)).amount == 30
    assert (await take(world, "l2", each=80)).amount == 0
    assert (await take(world, "l3", each=30)).left == 40


async def test_changed_figures_bind_at_the_next_lease(world: World) -> None:
    """Raised or lowered, also below what is taken."""
    await take(world)
    assert (await take(world, "l2", total=20)).amount == 0
    assert (await take(world, "l3", total=1_025)).amount == 250


async def test_what_was_not_drawn_goes_back_once(world: World) -> None:
    """To total, day and channel."""
    await take(world, channel="web", total_of_channel=100)
    assert await end(world, drawn=5) == 20
    assert await end(world, drawn=5) == 0
    found = await standing(world)
    assert (found.taken, found.today, found.by_channel) == (5, 5, {"web": 5})


async def test_a_refund_of_an_old_day_is_none_of_the_new(world: World) -> None:
    """It goes back to the total alone."""
    await take(world)
    await take(world, "l2", day=TODAY + 1)
    before = await standing(world)
    await end(world)
    after = await standing(world)
    assert (after.taken, after.today) == (before.taken - 25, before.today)


async def test_a_commit_needs_living_leases(world: World) -> None:
    """By the store's clock; a commit that is refused writes nothing."""
    contact = a_reservation()
    ended = a_unit(contact, ends_ms=int(1_000 * time.time()) - 1)
    assert await commit(world, a_unit(contact), ended, contact=contact) is CommitState.LEASE_ENDED
    assert (await world.record()).contacts is None
    assert await commit(world, a_unit(contact), contact=contact) is CommitState.COMMITTED


async def test_units_are_committed_with_a_request_claim_too(world: World) -> None:
    """Beside the claim's own key."""
    contact = a_reservation()
    read = await world.read(claim=a_claim())
    made = a_commit(read, contact, claim=a_claim(), units=(a_unit(contact), a_unit(contact, "l2", budget="autumn")))
    assert (await world.customers.commit(ADA, made, deadline=soon())).state is CommitState.COMMITTED
    held = {each.budget: each.open for each in await world.budgets.held(deadline=soon())}
    assert held == {BUDGET: 1, "autumn": 1}


async def test_recovery_counts_what_was_committed_and_gives_back_the_rest(world: World) -> None:
    """Of a lease whose holder is gone, and not before nobody can commit on it any more."""
    contact = a_reservation()
    taken = await take(world)
    assert await commit(world, a_unit(contact, ends_ms=taken.ends_ms), contact=contact) is CommitState.COMMITTED
    (lease,) = await world.budgets.open_leases(BUDGET, deadline=soon())
    assert (lease.lease, lease.amount, lease.ends_ms, lease.worker) == ("l1", 25, taken.ends_ms, "w1")
    assert await world.budgets.recover(BUDGET, lease, deadline=soon()) == 0
    await take(world, "l2", length_ms=LONG_OVER_MS)
    over = next(each for each in await world.budgets.open_leases(BUDGET, deadline=soon()) if each.lease == "l2")
    before = (await standing(world)).taken
    assert await world.budgets.recover(BUDGET, over, deadline=soon()) == over.amount
    assert await world.budgets.recover(BUDGET, over, deadline=soon()) == 0
    assert (await standing(world)).taken == before - over.amount


async def test_recovery_keeps_what_commits_drew(world: World) -> None:
    """A draw that its holder never learned of is found in the records."""
    contact = a_reservation()
    taken = await take(world, length_ms=LONG_OVER_MS)
    unit = a_unit(contact)
    assert await commit(world, unit, contact=contact) is CommitState.COMMITTED
    (lease,) = await world.budgets.open_leases(BUDGET, deadline=soon())
    assert await world.budgets.recover(BUDGET, lease, deadline=soon()) == taken.amount - 1
    assert (await standing(world)).taken == 1


async def test_an_uncertain_lease_stays_for_recovery(world: World) -> None:
    """What was surely not drawn goes back at once, the doubt when the records are counted."""
    await take(world, length_ms=LONG_OVER_MS)
    assert await end(world, drawn=3, certain=False) == 22
    assert await end(world, drawn=3, certain=False) == 0
    (lease,) = await world.budgets.open_leases(BUDGET, deadline=soon())
    assert lease.amount == 3
    assert await world.budgets.recover(BUDGET, lease, deadline=soon()) == 3
    assert (await standing(world)).taken == 0


async def test_an_offer_that_was_not_shown_gives_its_unit_back_once(world: World) -> None:
    """Also when the same news is told twice."""
    contact = a_reservation()
    await take(world)
    await commit(world, a_unit(contact), contact=contact)
    settled = await world.budgets.settle(await own(world), count=10, deadline=soon())
    assert [(each.budget, each.spent, each.amount, each.day) for each in settled] == [(BUDGET, False, 1, TODAY)]
    assert await world.budgets.tell(ADA.partition, settled, deadline=soon()) == 1
    assert await world.budgets.tell(ADA.partition, settled, deadline=soon()) == 0
    assert await settle_and_tell(world) == 0
    assert (await standing(world)).taken == 24


async def test_an_offer_that_was_shown_has_spent_its_unit(world: World) -> None:
    """An impression is enough where impressions count; where accepts do, it takes an accept."""
    contact = a_reservation()
    await take(world)
    accepts = a_unit(contact, counts_from=ContactState.ACCEPTED, budget="autumn")
    await commit(world, a_unit(contact), accepts, contact=contact)
    await world.outcomes.record_outcome(ADA, an_outcome(ContactState.SHOWN), deadline=soon())
    held = {each.budget: (each.spent, each.open) for each in await world.budgets.held(deadline=soon())}
    assert held == {BUDGET: (1, 0), "autumn": (0, 1)}
    assert await settle_and_tell(world) == 1
    found = await standing(world)
    assert (found.taken, found.spent) == (25, 1)
    assert await world.budgets.held(deadline=soon()) == []


async def test_units_are_held_until_their_time_is_over(world: World) -> None:
    """Nobody looks at them before."""
    contact = a_reservation()
    await take(world)
    await commit(world, a_unit(contact, held_until_s=int(time.time()) + 3_600), contact=contact)
    assert await world.budgets.settle(await own(world), count=10, deadline=soon()) == []


async def test_only_the_owner_settles(world: World) -> None:
    """Whoever lost the partition leaves its units alone."""
    contact = a_reservation()
    await commit(world, a_unit(contact), contact=contact)
    owned = await own(world)
    assert await world.budgets.settle(owned._replace(epoch=owned.epoch - 1), count=10, deadline=soon()) == []
    assert len(await world.budgets.settle(owned, count=10, deadline=soon())) == 1


async def test_a_unit_whose_contact_is_gone_counts_as_spent(world: World) -> None:
    """What is uncertain is never given out again."""
    contact = a_reservation()
    await take(world)
    await commit(world, a_unit(a_reservation(at_s=1)), contact=contact)
    assert await settle_and_tell(world) == 0
    assert (await standing(world)).spent == 1
