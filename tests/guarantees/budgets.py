"""Budgets are never exceeded: many clients on one budget, in processes that are killed.

What was offered is counted in the customers' own contact histories, which no budget has a say in.
"""

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.adapters.budget_store import RedisBudgetStore
from api.adapters.cluster import nodes_at
from api.adapters.customer_store import RedisCustomerStore
from api.adapters.embedded import EmbeddedServer
from api.adapters.flights import Timing
from api.adapters.nodes import Nodes
from api.adapters.record_store import RedisRecordStore
from api.adapters.records import encode_consent, encode_profile
from api.ports import RECOVERED_AFTER_MS, LoadedRecord, key_of
from bench.report import ROOT, CaseResult, Figure, Target
from engine.contacts import hash32, unpack
from engine.ids import CustomerId
from tests.builders import CONSENTING
from tests.guarantees.spender import CLIENTS, CUSTOMERS, LEASE_S, TOTAL, card_of, plan_of

PROCESSES: Final = 4
ROUNDS: Final = 200
QUICK_ROUNDS: Final = 1
KILLS: Final = 3
"""At most so many processes are killed in a round, each somewhere in its first seconds."""
PATIENCE_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a round came to."""

    number: int
    kills: int
    offers: int
    """In the histories of the customers."""
    open: int
    """Held by leases that nobody had ended, when the round was over."""
    seconds: float


class Spenders:
    """The processes that ask, on one store."""

    def __init__(self, url: str, chance: random.Random) -> None:
        self._url = url
        self._chance = chance
        self._running = [self._start() for _ in range(PROCESSES)]
        self._spare = [self._start() for _ in range(KILLS)]
        """Started already, so that whoever is killed is replaced at once."""

    def _start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "tests.guarantees.spender", self._url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def round(self, number: int) -> int:
        """Let all of them ask until nothing is left, and kill some meanwhile; says how many were killed."""
        for spender in self._running:
            _tell(spender, number)
        kills = self._chance.randint(1, KILLS)
        for _ in range(kills):
            time.sleep(self._chance.uniform(0.02, 0.6))
            at = self._chance.randrange(PROCESSES)
            _end(self._running[at])
            self._running[at] = self._spare.pop(0)
            self._spare.append(self._start())
            _tell(self._running[at], number)
        for spender in self._running:
            assert spender.stdout is not None
            assert spender.stdout.readline(), "a process ended by itself"
        return kills

    def end(self) -> None:
        """Kill all of them."""
        for spender in (*self._running, *self._spare):
            _end(spender)


def _tell(spender: "subprocess.Popen[str]", number: int) -> None:
    assert spender.stdin is not None
    spender.stdin.write(f"{number}\n")
    spender.stdin.flush()


def _end(spender: "subprocess.Popen[str]") -> None:
    spender.kill()
    spender.wait()
    for pipe in (spender.stdin, spender.stdout):
        assert pipe is not None
        try:
            pipe.close()
        except BrokenPipeError:
            continue


class Ledger:
    """Looks into the store."""

    def __init__(self, nodes: Nodes) -> None:
        self._customers = RedisCustomerStore(nodes)
        self._records = RedisRecordStore(nodes)
        self.budgets = RedisBudgetStore(nodes)

    async def load(self, customers: Sequence[str]) -> None:
        """Customers who consent to everything."""
        plan = plan_of(0)
        profile = encode_profile(
            plan.profile_schema, plan.profile_schema.encode({"holds": [], "groups": [], "segments": []})
        )
        consent = encode_consent(CONSENTING)
        await self._records.load(
            [LoadedRecord(customer=CustomerId(name), profile=profile, consent=consent) for name in customers]
        )

    async def offers(self, number: int) -> int:
        """How often the card of a round stands in histories."""
        card, found = hash32(card_of(number)), 0
        for customer in CUSTOMERS:
            gathered = await self._customers.gather(key_of(customer), None, deadline=_soon())
            found += sum(contact.action_hash == card for contact in unpack(gathered.record.contacts or b""))
        return found

    async def open(self, number: int) -> int:
        """What leases hold of the budget of a round."""
        return sum(lease.amount for lease in await self.budgets.open_leases(_budget(number), deadline=_soon()))

    async def recovered(self, number: int) -> int:
        """Recover every lease of a round's budget; what is taken then."""
        for lease in await self.budgets.open_leases(_budget(number), deadline=_soon()):
            await self.budgets.recover(_budget(number), lease, deadline=_soon())
        return (await self.budgets.standing(_budget(number), deadline=_soon())).taken


def _budget(number: int) -> str:
    return f"{card_of(number)}.budget"


def _soon() -> float:
    return asyncio.get_running_loop().time() + PATIENCE_S


@contextmanager
def _ledger(url: str) -> Iterator[tuple[asyncio.Runner, Ledger]]:
    with asyncio.Runner() as runner:

        async def opened() -> tuple[Nodes, Ledger]:
            nodes = nodes_at(url, Timing(flight=PATIENCE_S))
            await nodes.start()
            return nodes, Ledger(nodes)

        nodes, ledger = runner.run(opened())
        try:
            yield runner, ledger
        finally:
            runner.run(nodes.close())


def run(folder: Path, *, quick: bool) -> CaseResult:
    """Rounds, each on a budget of its own; the dead are recovered at the end."""
    rounds = range(QUICK_ROUNDS if quick else ROUNDS)
    store = EmbeddedServer(folder / "data")
    store.start()
    try:
        with _ledger(store.url) as (runner, ledger):
            runner.run(ledger.load(CUSTOMERS))
            spenders = Spenders(store.url, random.Random())
            try:
                seen = [_round(spenders, runner, ledger, at) for at in rounds]
            finally:
                spenders.end()
            time.sleep(LEASE_S + RECOVERED_AFTER_MS / 1_000 + 1.0)
            kept = {at: runner.run(ledger.recovered(at)) for at in rounds}
    finally:
        store.stop()
    return _result(seen, kept)


def _round(spenders: Spenders, runner: asyncio.Runner, ledger: Ledger, number: int) -> Round:
    began = time.monotonic()
    kills = spenders.round(number)
    return Round(
        number=number,
        kills=kills,
        offers=runner.run(ledger.offers(number)),
        open=runner.run(ledger.open(number)),
        seconds=time.monotonic() - began,
    )


def _result(seen: Sequence[Round], kept: dict[int, int]) -> CaseResult:
    unexplained = sum(max(0, TOTAL - each.offers - each.open) for each in seen)
    uneven = sum(abs(kept[each.number] - each.offers) for each in seen)
    return CaseResult(
        case="budgets",
        title=f"budgets under {PROCESSES * CLIENTS} clients in {PROCESSES} processes, some killed in every round",
        figures=(
            Figure(what="rounds on one budget", value=len(seen), unit=f"of {TOTAL} offers each"),
            Figure(what="processes killed", value=sum(each.kills for each in seen), unit="by SIGKILL"),
            Figure(what="offers of budgets", value=sum(each.offers for each in seen), unit="counted in histories"),
            Figure(what="most in one round", value=max(each.offers for each in seen), unit="offers"),
            Figure(what="least in one round", value=min(each.offers for each in seen), unit="offers"),
            Figure(what="leases of the dead", value=sum(each.open for each in seen), unit="offers, in all"),
            Figure(what="seconds a round", value=round(max(each.seconds for each in seen), 1), unit="at most"),
        ),
        targets=(
            Target(what="overspent, of all budgets together", bound="at most", target=0,
                   measured=sum(max(0, each.offers - TOTAL) for each in seen)),
            Target(what="underspent beyond what open leases held", bound="at most", target=0, measured=unexplained),
            Target(what="difference between budgets and histories once the dead were recovered", bound="at most",
                   target=0, measured=uneven),
        ),
        notes=(f"Leases of {LEASE_S:.0f} s; the product's are longer.",),
        details={f"round {each.number}": {"offers": each.offers, "open": each.open} for each in seen},
    )  # fmt: skip
