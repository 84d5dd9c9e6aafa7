"""An outcome counts once and nothing acknowledged is lost, though workers are killed and the store's power is cut."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import redis

from api.bootstrap import Stores
from bench.processes import Server
from bench.report import CaseResult, Figure, Target
from tests.guarantees.answers import (
    MOST_COPIES,
    Faults,
    Held,
    Ledger,
    Offer,
    Sent,
    ask,
    consent_again_and_again,
    outcomes_of,
    send,
)
from tests.guarantees.events import Told, tell
from tests.guarantees.house import PATIENCE_S, House, client_of, house, question, until
from tests.guarantees.killing import WORKERS, Kills, event_worker, kill_again_and_again
from tests.guarantees.power import Power

PLACES: Final = (("atm", "idle_screen"), ("web", "hero"))
CUTS_IN_STORM: Final = 3
_UNSYNCED: Final = 20
_LATER: Final = 1_000_000
"""A version of consents beyond those of the storms."""
_CUT: Final = "power cuts that took something written"


@dataclass(slots=True)
class Tally:
    """What all rounds came to."""

    copies: int = 0
    outcomes: int = 0
    unanswered: int = 0
    kills: Kills = field(default_factory=Kills)
    cuts: int = 0
    cuts_that_took: int = 0
    """Cuts that found something written and not synced, and took it."""
    bytes_cut: int = 0
    decisions: int = 0
    consents: int = 0
    events: int = 0
    events_wrong: int = 0
    faults: list[Faults] = field(default_factory=list)

    def note_cut(self, bytes_cut: int) -> None:
        """One more."""
        self.cuts += 1
        self.cuts_that_took += bytes_cut > 0
        self.bytes_cut += bytes_cut

    def count(self, what: Callable[[Faults], list[str]]) -> int:
        """How many there were of one kind of fault."""
        return sum(len(what(each)) for each in self.faults)


def run(folder: Path, *, quick: bool) -> CaseResult:
    """Rounds of storms, then the control that shows what a store would lose that syncs once a second."""
    rounds, people = (1, 16) if quick else (6, 30)
    customers = tuple(f"C{number:07}" for number in range(1, rounds * people + 1))
    chance = random.Random(11)
    power, tally = Power(folder), Tally()
    with ExitStack() as opened:
        with power.noted():
            home = opened.enter_context(house(folder, customers))
        server = opened.enter_context(home.server(workers=WORKERS))
        client = opened.enter_context(client_of(server))
        for number in range(rounds):
            some = customers[number * people : (number + 1) * people]
            asyncio.run(_round(home, server, client, power, some, tally, chance))
        lost_by_control = _control(home, client, power, customers[0])
    return _result(tally, lost_by_control, quick=quick)


async def _round(
    home: House,
    server: Server,
    client: httpx.Client,
    power: Power,
    customers: tuple[str, ...],
    tally: Tally,
    chance: random.Random,
) -> None:
    ledger, told = Ledger(), Told.of(customers, chance)
    async with httpx.AsyncClient(base_url=client.base_url, timeout=PATIENCE_S) as asking:
        with event_worker(home) as worker:
            offers = await _offers(asking, customers, ledger)
            outcomes = [outcome for offer in offers for outcome in outcomes_of(offer, chance)]
            copies = [outcome for outcome in outcomes for _ in range(chance.randint(1, MOST_COPIES))]
            chance.shuffle(copies)
            over = asyncio.Event()
            killing = asyncio.create_task(kill_again_and_again(server, worker, over, tally.kills, chance))
            deciding = asyncio.create_task(_decide(asking, customers, ledger, over))
            consenting = asyncio.create_task(consent_again_and_again(asking, customers, ledger, over))
            sending = asyncio.gather(send(asking, copies, ledger), tell(asking, told))
            for _ in range(CUTS_IN_STORM):
                await asyncio.sleep(chance.uniform(0.3, 1.0))
                tally.note_cut(await asyncio.to_thread(power.cut, home.store))
            await sending
            over.set()
            await asyncio.gather(killing, deciding, consenting)
        # Once more without power, when nothing is under way: what was acknowledged last is there as well.
        tally.note_cut(await asyncio.to_thread(power.cut, home.store))
        tally.faults.append(Faults.between(outcomes, ledger, await _held(home, customers)))
        await asyncio.to_thread(until, lambda: _is_whole(client, customers[0]), "the server never answers whole")
        await _send_the_rest(asking, outcomes, ledger)
        await _tell_the_rest(asking, told)
        tally.faults.append(Faults.between(outcomes, ledger, await _held(home, customers)))
        with event_worker(home):
            tally.events_wrong += await asyncio.to_thread(home.with_stores, told.wrong)
    tally.outcomes += len(outcomes)
    tally.copies += len(copies)
    tally.unanswered += sum(counted["none"] for counted in ledger.statuses.values())
    tally.decisions += len(ledger.decisions)
    tally.consents += ledger.consents_acknowledged
    tally.events += len(told.events)


async def _held(home: House, customers: tuple[str, ...]) -> Held:
    async def look(stores: Stores) -> Held:
        return await Held.of(stores, customers)

    return await asyncio.to_thread(home.with_stores, look)


async def apply_for_mortgages(asking: httpx.AsyncClient, customers: Sequence[str]) -> None:
    """Give each customer a reason to be offered home insurance."""
    for customer in customers:
        event = {
            "specversion": "1.0",
            "id": f"applied-{customer}",
            "source": "proof",
            "type": "mortgage_application",
            "subject": f"customer_id:{customer}",
        }
        assert (await asking.post("/v1/events", json=event)).status_code == 202


async def _offers(asking: httpx.AsyncClient, customers: tuple[str, ...], ledger: Ledger) -> list[Offer]:
    """An offer of every place for each customer, who has just applied for a mortgage."""
    await apply_for_mortgages(asking, customers)
    offers: list[Offer] = []
    give_up_at = time.monotonic() + PATIENCE_S
    for customer in customers:
        for channel, place in PLACES:
            made: list[Offer] = []
            while not made:
                assert time.monotonic() < give_up_at, "no offers are made"
                made = await ask(asking, customer, channel, place, f"{customer}-{channel}", ledger)
            offers += made
    return offers


async def _decide(asking: httpx.AsyncClient, customers: tuple[str, ...], ledger: Ledger, over: asyncio.Event) -> None:
    number = 0
    while not over.is_set():
        number += 1
        customer = customers[number % len(customers)]
        await ask(asking, customer, "branch", "card", f"storm-{number}", ledger)
        await asyncio.sleep(0.005)


async def _send_the_rest(asking: httpx.AsyncClient, outcomes: list[Sent], ledger: Ledger) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while rest := [each for each in outcomes if not ledger.is_acknowledged(each)]:
        assert time.monotonic() < give_up_at, "outcomes are not taken"
        await send(asking, rest, ledger)


async def _tell_the_rest(asking: httpx.AsyncClient, told: Told) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while told.unacknowledged:
        assert time.monotonic() < give_up_at, "events are not taken"
        await tell(asking, told)


def _is_whole(client: httpx.Client, customer: str) -> bool:
    try:
        return not client.post("/v1/decisions", json=question(customer, budget_ms=1_000)).json()["degraded"]
    except httpx.TransportError:
        return False


# --- what it comes to ------------------------------------------------------------------------------------------------


def _control(home: House, client: httpx.Client, power: Power, customer: str) -> int:
    """The same cut of a store that syncs once a second: how many acknowledged consents it loses. The proof can fail."""
    with redis.Redis.from_url(home.store.url) as store:
        store.config_set("appendfsync", "everysec")
    version, syncs, since = _LATER, power.syncs, 0
    give_up_at = time.monotonic() + PATIENCE_S
    while since < _UNSYNCED:
        assert time.monotonic() < give_up_at, "the store never waits with a sync"
        version += 1
        answer = client.put(f"/v1/customers/{customer}/consent", json={"version": version})
        assert answer.status_code == 200, answer.text
        since = since + 1 if power.syncs == syncs else 0
        syncs = power.syncs
    power.cut(home.store)
    until(lambda: _is_whole(client, customer), "the server never answers whole")
    kept: int = client.get(f"/v1/customers/{customer}").json()["consent"]["version"]
    return version - max(kept, _LATER)


def _result(tally: Tally, lost_by_control: int, *, quick: bool) -> CaseResult:
    kinds: tuple[tuple[str, Callable[[Faults], list[str]]], ...] = (
        ("outcomes acknowledged and lost", lambda each: each.lost),
        ("outcomes that took effect more than once", lambda each: each.repeated),
        ("consents acknowledged and lost", lambda each: each.consents_lost),
        ("decisions answered whole and lost", lambda each: each.decisions_lost),
        ("accepts without exactly one order", lambda each: each.orders_wrong),
        ("records that say something else than their outcomes", lambda each: each.records_wrong),
    )
    figures = (
        ("outcomes", tally.outcomes, ""),
        ("copies of them sent, in random order", tally.copies, ""),
        ("copies that nobody acknowledged", tally.unanswered, ""),
        ("decisions answered whole", tally.decisions, ""),
        ("consents acknowledged", tally.consents, ""),
        ("events, each sent one to five times", tally.events, ""),
        ("API workers killed", tally.kills.api_workers, ""),
        ("event workers killed", tally.kills.event_workers, ""),
        ("power cuts", tally.cuts, ""),
        (_CUT, tally.cuts_that_took, ""),
        ("written, not synced, and cut away", tally.bytes_cut, "bytes"),
        ("control: consents lost by a store that syncs once a second", lost_by_control, ""),
    )
    return CaseResult(
        case="outcomes",
        title="an outcome counts once, and nothing acknowledged is lost, though workers are killed and power is cut",
        figures=tuple(Figure(what=what, value=value, unit=unit) for what, value, unit in figures),
        targets=(
            *(Target(what=what, bound="at most", target=0, measured=tally.count(found)) for what, found in kinds),
            Target(what="events counted otherwise than once", bound="at most", target=0, measured=tally.events_wrong),
            Target(what="consents that the control loses", bound="at least", target=1, measured=lost_by_control),
            *(() if quick else (Target(what=_CUT, bound="at least", target=1, measured=tally.cuts_that_took),)),
        ),
        notes=(
            "A cut kills the store and truncates its files to the length at which their last successful sync began.",
        ),
    )
