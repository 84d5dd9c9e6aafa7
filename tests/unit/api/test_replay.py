"""A decision that is made again gives its record byte for byte, whatever took part in it."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from api import decision_log, decision_record, replay
from api.adapters.record_reader import RecordReader
from api.adapters.records import encode_consent, encode_profile
from api.ports import StoredRecord, Stream, key_of
from api.serving import Serving
from api.tokens import TokenCodec
from engine import Plan, Request
from engine.contacts import pack
from engine.facts import Consent, Natural
from engine.pipeline import decide
from engine.ports import Scorer
from tests.builders import (
    CONSENTING,
    KEY,
    NOW,
    BrokenScorer,
    SteadyScorer,
    a_contact,
    a_plan,
    a_question,
    an_action,
    the_arbitration,
    the_contact_policy,
    the_guards,
)
from tests.unit.api.budgeted import BudgetedHouse, spring
from tests.unit.api.shells import KEYS

AT_US = int(NOW.timestamp()) * 1_000_000 + 123_456
OBJECTING = Consent(version=2, allowed_by_purpose=CONSENTING.allowed_by_purpose, profiling_objection=True)
EXPERIMENTS = {
    "policy/experiments.yaml": "experiments:\n"
    "  - {experiment: pays, of: all_offers, arms: {offers: 50%, holdout: 50%}}\n"
    "  - {experiment: arms, of: arbitration, arms: {as_is: 20%, random_relevant: 20%, no_propensity: 20%, "
    "no_levers: 20%, engagement_only: 20%}}\n"
}
PLAN = a_plan(
    *(an_action(name, value=value) for name, value in (("isa", 90), ("card", 100), ("fund", 110), ("loan", 95))),
    an_action("bond", "terms: {fee: 0.1 * rent, hold: 14d}", value=99),
    the_arbitration("exploration: {bound: 0.5}\nlevers: [{lever: push, percent: 20, actions: [isa]}]\n"),
    the_contact_policy("caps: [{cap: few, per: customer, count: impressions, limit: 3, in: 30d}]\n"),
    the_guards("{guard: objection, when: {consent.profiling_objection: true}, effect: no_profiling}"),
    EXPERIMENTS,
)
CUSTOMERS = tuple(f"C{number:07}" for number in range(40))
"""Enough of them for every arm."""


def serving_of(plan: Plan, scorer: Scorer) -> Serving:
    """What serves with a scorer, and a baseline that knows more and thinks otherwise."""
    return Serving(
        plan=plan,
        scorer=scorer,
        baseline=SteadyScorer(plan, {"loan": 0.2}, positives=40),
        reader=RecordReader(plan.profile_schema, plan.event_layout),
        tokens=TokenCodec(KEYS),
        release="release",
    )


def stored_of(customer: str, consent: Consent) -> StoredRecord:
    """The record of a customer with a contact of yesterday."""
    facts: dict[str, Natural] = {"holds": [], "groups": [], "segments": [], "rent": 900}
    return StoredRecord(
        profile=encode_profile(PLAN.profile_schema, PLAN.profile_schema.encode(facts)),
        contacts=pack([a_contact(PLAN, "card")]),
        consent=encode_consent(consent),
        outcome_count=2,
        owner=customer.encode(),
    )


def recorded(serving: Serving, question: Request, stored: StoredRecord) -> bytes:
    """The record of a decision, as the service makes it."""
    decision = decide(
        plan=serving.plan,
        request=question,
        snapshot=serving.reader.read(stored),
        scorer=serving.scorer,
        baseline=serving.baseline,
        now=datetime.fromtimestamp(AT_US / 1_000_000, UTC),
        exploration_key=KEY,
    )
    return decision_log.encode(
        decision_id="00000000000000abcdef",
        decided_at_us=AT_US,
        origin=serving.origin,
        key=key_of(question.customer),
        request=question,
        moment=None if question.moment is None else str(PLAN.moments[question.moment]),
        stored=stored,
        known=True,
        decision=decision,
        actions=serving.action_ids,
        experiments=serving.experiment_ids,
    )


def again(serving: Serving, stored: bytes, *, rescored: bool) -> bytes:
    """The record of the decision made again."""
    record = decision_record.decode(stored)
    question, decision = replay.decide_again(serving, record, KEY, rescored=rescored)
    return replay.record_again(serving, record, question, decision)


QUESTIONS: Mapping[str, Mapping[str, object]] = {
    "plain": {},
    "places": {"more": ("web.footer",), "count": 2},
    "moment": {"moment": "session_started", "session": "s1"},
    "context": {"context": {"cash": 20.0}, "locale": "nb-NO"},
    "choices": {"only": ["isa", "fund", "card"], "exclude": ["card"], "prefetch": True},
    "retried": {"retry": 2},
}


@pytest.mark.parametrize("rescored", [False, True])
@pytest.mark.parametrize("kind", QUESTIONS)
@pytest.mark.parametrize("consent", [CONSENTING, OBJECTING], ids=["profiled", "objecting"])
@pytest.mark.parametrize("scorer", [SteadyScorer(PLAN, {"isa": 0.07}), BrokenScorer(PLAN)], ids=["scored", "degraded"])
def test_a_decision_made_again_gives_its_record(kind: str, consent: Consent, scorer: Scorer, rescored: bool) -> None:
    """In every arm of an experiment, drawn, held out, degraded and without profiling."""
    serving = serving_of(PLAN, scorer)
    words = dict(QUESTIONS[kind])
    more: tuple[str, ...] = words.pop("more", ())  # type: ignore[assignment]  # each kind has its own words
    records = [
        recorded(
            serving,
            a_question(PLAN, "web.hero", *more, customer=customer, **words),  # type: ignore[arg-type]
            stored_of(customer, consent),
        )
        for customer in CUSTOMERS
    ]
    assert [again(serving, each, rescored=rescored) for each in records] == records
    found = [decision_record.decode(each) for each in records]
    assert len({each.arms for each in found}) >= 8
    assert any(each.draws for each in found)
    assert any(each.ghosts for each in found)


async def test_a_record_of_the_service_with_budgets_and_held_terms_is_given_again() -> None:
    """The last unit, the offer after it, and terms that were quoted before."""
    plan = spring("total: 1", lines="terms: {fee: 0.1 * rent, hold: 14d}")
    house = BudgetedHouse(plan)
    for customer in ("C1", "C2", "C1"):
        await house.ask(customer)
    records = [
        entry.body
        for (stream, _), entries in house.state.streams.items()
        for entry in entries
        if stream is Stream.DECISIONS
    ]
    serving = house.service.serving
    assert len(records) == 3
    for each in records:
        record = decision_record.decode(each)
        question, decision = replay.decide_again(serving, record, KEYS.exploration, rescored=True)
        assert replay.record_again(serving, record, question, decision) == each
    assert {decision_record.decode(each).budgets for each in records} >= {(("spring", 0),)}


def test_the_first_difference_is_named() -> None:
    serving = serving_of(PLAN, SteadyScorer(PLAN))
    stored = recorded(serving, a_question(PLAN), stored_of("C1", CONSENTING))
    assert replay.first_difference(stored, stored) is None
    other = recorded(serving, a_question(PLAN, locale="nb-NO"), stored_of("C1", CONSENTING))
    assert str(replay.first_difference(stored, other)) == "`locale`: recorded 'en-GB', found 'nb-NO'"
