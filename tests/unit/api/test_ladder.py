"""The ladder of degraded answers, rung by rung: what was missing is named and counted, and the fallback shows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec
import pytest

from api.adapters.memory import MemoryCustomerStore, MemoryState
from api.adapters.memory_budgets import MemoryBudgetStore
from api.adapters.record_reader import RecordReader
from api.adapters.records import encode_customers
from api.leases import Leases
from api.ports import (
    Claim,
    ClaimState,
    Commit,
    CommitState,
    Committed,
    CustomerKey,
    Gathered,
    Identity,
    RequestClaim,
    StoredRecord,
    StoreUnavailable,
    key_of,
)
from api.problems import Problem, ProblemType
from api.schemas import DecisionRequest
from api.scorers import open_scorers
from api.service import Service
from api.serving import Serving
from api.settings import Settings
from api.telemetry import Metrics
from api.tokens import TokenCodec
from engine.ids import CustomerId
from tests.unit.api.shells import KEYS, starter_plan

BY_NUMBER = {"scheme": "customer_id", "value": "C0000001"}
BY_CARD = {"scheme": "card_token", "value": "tok_1"}


class UnreliableStore(MemoryCustomerStore):
    """A store in memory whose commits end as a test says, and whose claims are held by another attempt."""

    ends: CommitState | None = None
    refuses = False
    is_claimed = False

    async def gather(self, key: CustomerKey, claim: RequestClaim | None, *, deadline: float) -> Gathered:
        gathered = await super().gather(key, claim, deadline=deadline)
        return gathered._replace(claim=Claim(ClaimState.IN_FLIGHT)) if self.is_claimed else gathered

    async def commit(self, key: CustomerKey, commit: Commit, *, deadline: float) -> Committed:
        if self.refuses:
            raise StoreUnavailable("no reply")
        if self.ends is not None:
            return Committed(self.ends, (await super().gather(key, None, deadline=deadline)).record)
        return await super().commit(key, commit, deadline=deadline)


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """A service and what stands behind it."""

    service: Service
    store: UnreliableStore
    state: MemoryState
    metrics: Metrics

    async def ask(self, **changes: Any) -> dict[str, Any]:
        """What an ATM is answered."""
        question = {"identity": BY_NUMBER, "channel": "atm", "placements": [{"id": "idle_screen"}]} | changes
        answer = await self.service.decide(msgspec.convert(question, DecisionRequest), monotonic())
        decision: dict[str, Any] = msgspec.json.decode(answer)
        return decision

    def damage(self, **fields: bytes) -> None:
        """Let something else lie in the customer's record."""
        key = key_of("C0000001")
        kept = self.state.kept(key)
        kept.record = StoredRecord(owner=b"C0000001")._replace(**fields)  # type: ignore[arg-type]  # fields that hold bytes
        self.state.keep(key, kept)


@pytest.fixture
def ladder(tmp_path: Path) -> Ladder:
    """A service of the starter rules without a model."""
    plan, state, metrics = starter_plan(), MemoryState(), Metrics()
    scorers = open_scorers(Settings(data_dir=tmp_path), plan)
    serving = Serving(
        plan=plan,
        scorer=scorers.baseline,
        baseline=scorers.baseline,
        reader=RecordReader(plan.profile_schema, plan.event_layout),
        tokens=TokenCodec(KEYS),
        release="release",
    )
    store = UnreliableStore(state)
    leases = Leases(MemoryBudgetStore(state), "w1", metrics)
    service = Service(serving=serving, store=store, secrets=KEYS, metrics=metrics, leases=leases)
    return Ladder(service=service, store=store, state=state, metrics=metrics)


def away(ladder: Ladder) -> None:
    ladder.state.available = False


def commits_without_reply(ladder: Ladder) -> None:
    ladder.store.refuses = True


def commits_late(ladder: Ladder) -> None:
    ladder.store.ends = CommitState.LATE


def loses_every_race(ladder: Ladder) -> None:
    ladder.store.ends = CommitState.CONFLICT


def means_two_people(ladder: Ladder) -> None:
    both = [CustomerId("C0000001"), CustomerId("C0000002")]
    ladder.state.identities[Identity("card_token", "tok_1")] = encode_customers(both)


@pytest.mark.parametrize(
    ("identity", "fault", "degraded"),
    [
        (BY_CARD, away, "identity"),
        (BY_CARD, means_two_people, "identity_ambiguous"),
        (BY_NUMBER, away, "record"),
        (BY_NUMBER, lambda ladder: ladder.damage(profile=b"\xc1"), "record"),
        (BY_NUMBER, lambda ladder: ladder.damage(consent=b"\xc1"), "consent"),
        (BY_NUMBER, lambda ladder: ladder.damage(contacts=b"odd"), "contacts"),
        (BY_NUMBER, loses_every_race, "contacts"),
        (BY_NUMBER, commits_without_reply, "commit"),
        (BY_NUMBER, commits_late, "late"),
    ],
)
async def test_what_is_missing_is_named_and_counted_and_the_fallback_shows(
    ladder: Ladder, identity: dict[str, str], fault: Callable[[Ladder], None], degraded: str
) -> None:
    """Consent and contact history are never guessed: no marketing action, the placement's own content."""
    fault(ladder)
    decision = await ladder.ask(identity=identity)
    (proposition,) = decision["propositions"]
    assert decision["degraded"] == [degraded]
    assert (proposition["options"], proposition["fallback"]["treatment_id"]) == ([], "atm_idle_default")
    assert ladder.metrics.decisions.values == {("atm", degraded): 1}


async def test_whole_answer_names_nothing(ladder: Ladder) -> None:
    """The same question with nothing wrong; the faults above prove something only because of it."""
    assert (await ladder.ask())["degraded"] == []
    assert ladder.metrics.decisions.values == {("atm", "none"): 1}


async def test_repeat_of_a_request_in_flight_waits_inside_its_budget(ladder: Ladder) -> None:
    """Then the fallback shows: a machine at the wall has no use for a conflict."""
    ladder.store.is_claimed = True
    assert (await ladder.ask(request_id="r1", budget_ms=10))["degraded"] == ["late"]


async def test_request_id_with_another_body_is_refused(ladder: Ladder) -> None:
    """With the same body it is the same decision."""
    first = await ladder.ask(request_id="r1")
    assert (await ladder.ask(request_id="r1"))["decision_id"] == first["decision_id"]
    with pytest.raises(Problem) as refused:
        await ladder.ask(request_id="r1", moment="waiting")
    assert refused.value.kind is ProblemType.REQUEST_ID_REUSED
