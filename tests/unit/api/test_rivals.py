"""A challenger scores for the customers whom its hash takes, and for nobody else; whatever is wrong with it, nobody
misses it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec
import pytest

from api.adapters.memory import MemoryCustomerStore, MemoryState
from api.adapters.memory_budgets import MemoryBudgetStore
from api.adapters.record_reader import RecordReader
from api.decision_record import decode
from api.experiments.traffic import Traffic
from api.leases import Leases
from api.rivals import open_rival, rival_of
from api.schemas import DecisionRequest
from api.service import Service
from api.serving import Rival, Serving, for_customer
from api.settings import Settings
from api.telemetry import Metrics
from api.tokens import TokenCodec
from models.challenge import CHALLENGE, Challenge, read_challenge
from models.errors import ModelRefused
from models.lift import Verdict
from tests.builders import NOW, SteadyScorer, a_plan, a_question, an_action, decided
from tests.unit.api.experiments.builders import note_decision, note_outcome
from tests.unit.api.shells import KEYS

PLAN = a_plan(an_action("isa"))
CHALLENGER, CURRENT = "c" * 64, "a" * 64
CHALLENGED = Challenge(
    version=CHALLENGER, share=0.3, salt="5a17", since=NOW - timedelta(days=1), until=NOW + timedelta(days=27)
)
CUSTOMERS = tuple(f"C{number:07d}" for number in range(2_000))


def serving_of(version: str, rival: Rival | None = None) -> Serving:
    scorer = SteadyScorer(PLAN)
    scorer.version = version
    return Serving(
        plan=PLAN,
        scorer=scorer,
        baseline=SteadyScorer(PLAN),
        reader=RecordReader(PLAN.profile_schema, PLAN.event_layout),
        tokens=TokenCodec(KEYS),
        release="release",
        rival=rival,
    )


def service_of(serving: Serving, state: MemoryState) -> Service:
    metrics = Metrics()
    leases = Leases(MemoryBudgetStore(state), "w1", metrics)
    return Service(serving=serving, store=MemoryCustomerStore(state), secrets=KEYS, metrics=metrics, leases=leases)


def question(customer: str, **more: object) -> DecisionRequest:
    asked = {
        "identity": {"scheme": "customer_id", "value": customer},
        "channel": "web",
        "placements": [{"id": "hero"}],
    } | more
    return msgspec.convert(asked, DecisionRequest)


def test_the_share_is_kept_and_nobody_changes_sides() -> None:
    taken = [customer for customer in CUSTOMERS if CHALLENGED.takes(customer)]
    assert len(taken) / len(CUSTOMERS) == pytest.approx(0.3, abs=0.03)
    assert taken == [customer for customer in CUSTOMERS if CHALLENGED.takes(customer)]
    other = replace(CHALLENGED, salt="other")
    assert {customer for customer in CUSTOMERS if other.takes(customer)} != set(taken)


async def test_a_decision_is_scored_by_the_side_that_its_customer_is_on() -> None:
    """And so is the explanation; the record says by which, so that it can be made again."""
    state = MemoryState()
    service = service_of(serving_of(CURRENT, Rival(CHALLENGED, serving_of(CHALLENGER))), state)
    for customer in CUSTOMERS[:30]:
        expected = CHALLENGER if CHALLENGED.takes(customer) else CURRENT
        answer: dict[str, Any] = msgspec.json.decode(await service.decide(question(customer), monotonic()))
        assert answer["model"] == expected
        explained: dict[str, Any] = msgspec.json.decode(await service.explain(question(customer), monotonic()))
        assert explained["model"] == expected
        again: dict[str, Any] = msgspec.json.decode(await service.replay(answer["decision_id"], monotonic()))
        assert again["model"] == expected


async def test_a_repeated_request_gets_its_answer_after_the_challenge_has_ended() -> None:
    service = service_of(serving_of(CURRENT, Rival(CHALLENGED, serving_of(CHALLENGER))), MemoryState())
    customer = next(customer for customer in CUSTOMERS if CHALLENGED.takes(customer))
    first = msgspec.json.decode(await service.decide(question(customer, request_id="r1"), monotonic()))
    service.take_up(serving_of(CURRENT))
    second = msgspec.json.decode(await service.decide(question(customer, request_id="r1"), monotonic()))
    assert (second["decision_id"], second["model"]) == (first["decision_id"], CHALLENGER)
    other = msgspec.json.decode(await service.decide(question(customer), monotonic()))
    assert other["model"] == CURRENT


def test_without_a_challenge_there_is_nobody_to_ask() -> None:
    serving = serving_of(CURRENT)
    assert for_customer(serving, "C0000001") is serving
    assert rival_of(serving) is None


@pytest.mark.parametrize(
    "content", [b"{", b"", msgspec.json.encode(CHALLENGED), msgspec.json.encode(CHALLENGED).replace(b"0.3", b"0.9")]
)
def test_a_challenger_that_cannot_be_had_challenges_nobody(content: bytes, tmp_path: Path) -> None:
    """A pointer that is damaged, a model that is not there, a share that nobody may have."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / CHALLENGE).write_bytes(content)
    reader = RecordReader(PLAN.profile_schema, PLAN.event_layout)
    assert open_rival(Settings(data_dir=tmp_path), PLAN, reader, TokenCodec(KEYS), "release", None) is None


def test_a_challenge_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_challenge(tmp_path) is None
    (tmp_path / CHALLENGE).write_bytes(msgspec.json.encode(CHALLENGED))
    assert read_challenge(tmp_path) == CHALLENGED
    (tmp_path / CHALLENGE).write_bytes(msgspec.json.encode(CHALLENGED).replace(b'"5a17"', b'""'))
    with pytest.raises(ModelRefused, match="the challenge is damaged"):
        read_challenge(tmp_path)


def counted(answers: int, of_others: int) -> Traffic:
    """Every customer is asked; of those whom the challenger takes so many in a hundred answer, and of the others."""
    seen, state = Traffic(CHALLENGED, PLAN), MemoryState()
    for number, customer in enumerate(CUSTOMERS):
        asked = a_question(PLAN, customer=customer)
        record = note_decision(state, PLAN, asked, decided(PLAN, asked), NOW)
        seen.see("r", record)
        if number % 100 < (answers if CHALLENGED.takes(customer) else of_others):
            seen.see("o", note_outcome(state, record, decode(record).fill[0][1][0], "convert", NOW))
    return seen


def test_sides_are_compared_at_the_horizon_and_not_before() -> None:
    seen = counted(20, 5)
    early, late = seen.report(NOW), seen.report(CHALLENGED.until)
    assert early.comparison is None
    (sentence,) = early.evidence(NOW).objections
    assert sentence == f"its share of the customers is compared on {CHALLENGED.until:%Y-%m-%d}, and not before"
    assert late.comparison is not None
    assert late.comparison.verdict is Verdict.HIGHER
    assert late.evidence(NOW).objections == ()
    assert late.challenger.customers + late.current.customers == len(CUSTOMERS)


def test_a_challenger_whose_customers_answer_less_is_objected_to() -> None:
    (sentence,) = counted(5, 20).report(CHALLENGED.until).evidence(datetime.now(UTC)).objections
    assert " of its customers gave a positive answer, " in sentence


def test_what_came_before_the_challenge_does_not_count() -> None:
    seen, asked = Traffic(CHALLENGED, PLAN), a_question(PLAN)
    seen.see("r", note_decision(MemoryState(), PLAN, asked, decided(PLAN, asked), NOW - timedelta(days=2)))
    seen.see("r", b"no record")
    report = seen.report(CHALLENGED.until)
    assert report.challenger.customers + report.current.customers == 0
    assert report.unreadable == 1
