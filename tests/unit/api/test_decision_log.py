"""The record of a decision: what stands in it, and that older records still read."""

import msgspec

from api import decision_log, decision_record
from api.decision_log import Origin
from api.ports import StoredRecord, key_of
from engine import Plan, Request
from tests.builders import SteadyScorer, a_plan, a_question, an_action, decided, the_arbitration

PLAN = a_plan(
    an_action("isa", "treatments: {web.hero: [{id: n, arm: new, headline: x}, {headline: y}]}"),
    {
        "policy/experiments.yaml": "experiments:\n"
        "  - {experiment: wording, of: isa@web.hero, arms: {new: 50%, usual: 50%}}\n"
    },
)


def a_record(plan: Plan = PLAN, question: Request | None = None, scorer: SteadyScorer | None = None) -> bytes:
    """A decision for a customer in an experiment."""
    question = question or a_question(plan)
    return decision_log.encode(
        decision_id="00000000000000abcdef",
        decided_at_us=1_767_614_400_000_000,
        origin=Origin(release="r", ruleset=plan.hash, model="m"),
        key=key_of("C0000001"),
        request=question,
        moment=None,
        stored=StoredRecord(
            profile=None, events=None, needs=None, contacts=None, consent=None, outcome_count=0, owner=b""
        ),
        known=True,
        decision=decided(plan, question, scorer=scorer),
        actions=tuple(str(each.id) for each in plan.actions),
        experiments=tuple(each.id for each in plan.experiments),
    )


def test_record_names_the_arm_of_each_experiment() -> None:
    """Whoever evaluates it needs no key to know who saw what."""
    found = decision_record.decode(a_record())
    assert found.arms == (("wording", decided(PLAN).arms[0]),)
    assert found.fill == (("hero", ("isa",)),)


def test_record_from_before_experiments_still_reads() -> None:
    """Arms stand at the end, so that a shorter record has none."""
    shorter = msgspec.msgpack.encode(msgspec.msgpack.decode(a_record())[:-4])
    assert decision_record.decode(shorter).arms == ()


EVERYBODY = {
    "policy/experiments.yaml": "experiments:\n  - {experiment: e, of: all_offers, arms: {holdout: 99%, a: 1%}}\n"
}


def test_record_knows_the_chance_of_everything_shown() -> None:
    """By placement and rank; 1 where nothing was left to chance."""
    plan = a_plan(
        an_action("isa", value=100),
        an_action("loan", group="loans", value=99),
        an_action("notice", group="notices", tier="service"),
        the_arbitration("exploration: {bound: 0.5}\n"),
    )
    scorer = SteadyScorer(plan, positives=100)
    found = decision_record.decode(a_record(plan, a_question(plan, "web.footer", count=3), scorer))
    ((place, actions),), ((again, chances),) = found.fill, found.chances
    assert (place, again, actions[0], chances[0]) == ("footer", "footer", "notice", 1.0)
    drawn = {slot: weights[of.index(actions[slot])] / 2**32 for _, slot, _, of, weights in found.draws}
    assert chances[1:] == (drawn[1], drawn[2])
    assert 0 < drawn[1] < 1


def test_record_keeps_what_those_held_out_would_have_seen() -> None:
    """With its chances, and beside what was shown: nothing."""
    plan = a_plan(an_action("isa", value=100), EVERYBODY)
    found = decision_record.decode(a_record(plan))
    assert found.arms == (("e", "holdout"),)
    assert found.fill == (("hero", ()),)
    assert found.ghosts == (("hero", ("isa",), (1.0,)),)
    assert decision_record.decode(a_record()).ghosts == ()
