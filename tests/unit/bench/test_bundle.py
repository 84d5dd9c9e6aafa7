"""The benchmark's bundle."""

from functools import cache

from bench.blocks import customer_values
from bench.bundle import ACTIONS, GROUPS, PLACEMENTS, SEED, SURVIVORS, BenchBundle, bench_bundle, flat_files
from bench.customers import NOW, contacts_of, request_of, snapshot_of
from bench.engine_case import KEY, ConstantScorer
from bench.peers import evaluators
from engine import Plan, compile_bundle, decide
from engine.contacts import ContactState


@cache
def compiled() -> tuple[BenchBundle, Plan]:
    """The bundle and its plan, made once for all tests."""
    bundle = bench_bundle()
    return bundle, compile_bundle(bundle.files).plan


def test_same_seed_gives_the_same_bytes() -> None:
    """Figures of different days are about the same rules."""
    assert bench_bundle(3).files == bench_bundle(3).files
    assert bench_bundle(3).files != bench_bundle(4).files


def test_bundle_has_the_promised_size() -> None:
    """200 actions, 500 blocks, 40 attributes, 8 groups, a treatment of every action on each of 5 channels."""
    bundle, plan = compiled()
    assert (len(plan.actions), len(bundle.blocks), len(plan.catalogue.facts)) == (ACTIONS, 500, 40)
    assert len({action.group for action in plan.actions}) == GROUPS
    assert [channel.id for channel in plan.channels] == list(PLACEMENTS)
    assert all(all(by_action) for by_place in plan.treatments for by_action in by_place.values())
    assert plan.warnings == ()


def test_every_customer_leaves_the_same_twenty_actions_standing() -> None:
    """On every channel, whoever asks; with missing values, and with earlier contacts."""
    bundle, plan = compiled()
    scorer = ConstantScorer(plan)
    for number, channel in enumerate(PLACEMENTS):
        decision = decide(
            plan=plan,
            request=request_of(plan, number, channel),
            snapshot=snapshot_of(plan, number),
            scorer=scorer,
            baseline=scorer,
            now=NOW,
            exploration_key=KEY,
        )
        survivors = {plan.actions[candidate.action].id for candidate in decision.ranking}
        assert survivors == set(bundle.survivors)
        assert len(survivors) == SURVIVORS
        assert len(decision.filled[0].options) == 1


def test_earlier_contacts_lie_in_the_past_and_rest_nothing_that_survives() -> None:
    """Contact policy has something to count and nothing to forbid."""
    _, plan = compiled()
    contacts = contacts_of(plan, 5)
    assert all(contact.at < NOW.timestamp() and contact.state is ContactState.SHOWN for contact in contacts)
    assert [contact.at for contact in contacts] == sorted(contact.at for contact in contacts)
    assert all(plan.position_by_hash[contact.action_hash] % 10 for contact in contacts)


def test_every_engine_finds_the_same_blocks_true() -> None:
    """A peer that answered another question would be no peer."""
    blocks = compiled()[0].blocks[::5]
    for number in range(3):
        values = customer_values(SEED, number)
        expected = [position for position, block in enumerate(blocks) if block.truth(values)]
        for name, evaluate in evaluators(blocks, values).items():
            assert list(evaluate()) == expected, name


def test_flat_bundle_makes_a_trigger_of_every_block() -> None:
    """Nothing may skip a block where engines are compared."""
    blocks = compiled()[0].blocks[:40]
    assert len(compile_bundle(flat_files(blocks)).plan.triggers) == 40
