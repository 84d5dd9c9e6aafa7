"""The record of a decision: what stands in it, and that older records still read."""

import msgspec

from api import decision_log, decision_record
from api.decision_log import Origin
from api.ports import StoredRecord, key_of
from tests.builders import a_plan, a_question, an_action, decided

PLAN = a_plan(
    an_action("isa", "treatments: {web.hero: [{id: n, arm: new, headline: x}, {headline: y}]}"),
    {
        "policy/experiments.yaml": "experiments:\n"
        "  - {experiment: wording, of: isa@web.hero, arms: {new: 50%, usual: 50%}}\n"
    },
)


def a_record() -> bytes:
    """A decision for a customer in an experiment."""
    question = a_question(PLAN)
    return decision_log.encode(
        decision_id="00000000000000abcdef",
        decided_at_us=1_767_614_400_000_000,
        origin=Origin(release="r", ruleset=PLAN.hash, model="m"),
        key=key_of("C0000001"),
        request=question,
        moment=None,
        stored=StoredRecord(
            profile=None, events=None, needs=None, contacts=None, consent=None, outcome_count=0, owner=b""
        ),
        known=True,
        decision=decided(PLAN, question),
        actions=tuple(str(each.id) for each in PLAN.actions),
        experiments=tuple(each.id for each in PLAN.experiments),
    )


def test_record_names_the_arm_of_each_experiment() -> None:
    """Whoever evaluates it needs no key to know who saw what."""
    found = decision_record.decode(a_record())
    assert found.arms == (("wording", decided(PLAN).arms[0]),)
    assert found.fill == (("hero", ("isa",)),)


def test_record_from_before_experiments_still_reads() -> None:
    """Arms stand at the end, so that a shorter record has none."""
    shorter = msgspec.msgpack.encode(msgspec.msgpack.decode(a_record())[:-1])
    assert decision_record.decode(shorter).arms == ()
