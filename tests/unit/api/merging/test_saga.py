"""Merging two customers and separating them again: what holds after each, and wherever it is cut off."""

import asyncio

import pytest

from api.adapters.records import encode_consent
from api.merging.entries import MergeState
from api.merging.sides import Refused
from api.ports import StoredRecord, Stream, key_of
from engine.contacts import ContactState, pack
from engine.facts import Consent
from tests.unit.api.merging.persons import ADA, GRACE, MARY, VISITOR, Bank, CutOff, Unreliable, a_record, contact


def a_pair() -> Bank:
    """Ada and Grace, who are one person."""
    return Bank(
        C1=a_record(
            ADA,
            contacts=(contact(10), contact(30)),
            salaries=(900, 500, 300),
            outcomes=2,
            needs={"needs.home": 5, "needs.car": 9},
            quoted={1: 2_000},
        ),
        C2=a_record(
            GRACE,
            contacts=(contact(20, action=2),),
            web=False,
            salaries=(800,),
            since=200,
            outcomes=1,
            needs={"needs.home": 8},
            quoted={1: 3_000, 2: 4_000},
        ),
    )


async def test_the_winner_holds_what_both_held() -> None:
    bank = a_pair()
    merge = await bank.merging().merge(GRACE, ADA, by="clerk", why="one passport")
    assert (merge.state, merge.by, merge.why) == (MergeState.MERGED, "clerk", "one passport")
    assert bank.told(ADA) == {
        "contacts": [contact(10), contact(20, action=2), contact(30)],
        "web": False,
        "objection": False,
        "needs": {"needs.home": 8, "needs.car": 9},
        "events": [200, 900, 800, 500, 0, 0, 0],
        "outcomes": 3,
        "quoted": {1: 2_000, 2: 4_000},
        "moved_to": None,
    }


async def test_a_decision_for_the_losers_identity_is_made_for_the_winner() -> None:
    bank = a_pair()
    await bank.merging().merge(GRACE, ADA)
    assert await bank.asked_as(GRACE) == (ADA, bank.record(ADA))


async def test_merging_again_changes_nothing() -> None:
    bank = a_pair()
    first = await bank.merging().merge(GRACE, ADA)
    told = bank.told(ADA)
    assert await bank.merging().merge(GRACE, ADA) == first
    assert bank.told(ADA) == told


async def test_separating_restores_both() -> None:
    bank = a_pair()
    before = bank.told(ADA), bank.told(GRACE)
    await bank.merging().merge(GRACE, ADA)
    assert (await bank.merging().unmerge(GRACE)).state is MergeState.SEPARATED
    assert (bank.told(ADA), bank.told(GRACE)) == before
    assert (await bank.asked_as(GRACE))[0] == GRACE


async def test_what_happened_while_they_were_one_counts_for_both() -> None:
    bank = a_pair()
    await bank.merging().merge(GRACE, ADA)
    one = bank.record(ADA)
    declined = contact(20, action=2, state=ContactState.DECLINED)
    bank.put(ADA, one._replace(contacts=pack([contact(10), declined, contact(30), contact(40, action=3)])))
    await bank.merging().unmerge(GRACE)
    assert bank.told(ADA)["contacts"] == [contact(10), contact(30), contact(40, action=3)]
    assert bank.told(GRACE)["contacts"] == [declined, contact(40, action=3)]


async def test_what_the_customer_said_while_one_stays_in_force_for_both() -> None:
    bank = a_pair()
    bank.put(GRACE, a_record(GRACE))
    await bank.merging().merge(GRACE, ADA)
    spoken = encode_consent(Consent(version=9, allowed_by_purpose={"marketing": {"web": False}}))
    bank.put(ADA, bank.record(ADA)._replace(consent=spoken))
    await bank.merging().unmerge(GRACE)
    assert (bank.told(ADA)["web"], bank.told(GRACE)["web"]) == (False, False)


async def test_a_visitors_record_is_joined_and_takes_nothing_away() -> None:
    """A browser was never asked for consent, and its history began with the first visit."""
    visits = a_record(None, contacts=(contact(50, action=4),), salaries=(700,), since=600)
    bank = Bank(C1=a_record(ADA, salaries=(500,)), web_visitor__v1=visits)
    await bank.merging().merge(VISITOR, ADA)
    assert bank.told(ADA)["web"] is True
    assert bank.told(ADA)["events"] == [100, 700, 500, 0, 0, 0, 0]
    assert (await bank.asked_as(VISITOR))[0] == ADA


async def test_somebody_who_gave_no_answer_did_not_say_yes() -> None:
    bank = Bank(C1=a_record(ADA), C2=a_record(GRACE, web=None))
    await bank.merging().merge(GRACE, ADA)
    assert bank.told(ADA)["web"] is None


async def test_whoever_folds_events_begins_again_on_the_joined_state() -> None:
    bank = a_pair()
    await bank.merging().merge(GRACE, ADA)
    entries = bank.state.streams[Stream.EVENTS, key_of(ADA).partition]
    assert [(entry.kind, entry.body) for entry in entries] == [("t", ADA.encode())]


def three_in_a_row() -> Bank:
    """Grace is to become Ada, and Ada Mary."""
    bank = a_pair()
    bank.put(MARY, a_record(MARY, contacts=(contact(60, action=5),)))
    return bank


async def test_nobody_follows_two_steps_after_a_winner_is_merged() -> None:
    bank = three_in_a_row()
    await bank.merging().merge(GRACE, ADA)
    await bank.merging().merge(ADA, MARY)
    assert {(await bank.asked_as(name))[0] for name in (GRACE, ADA, MARY)} == {MARY}
    assert bank.told(MARY)["web"] is False


async def test_the_last_of_two_merges_is_reversed_first() -> None:
    bank = three_in_a_row()
    before = [bank.told(name) for name in (ADA, GRACE, MARY)]
    await bank.merging().merge(GRACE, ADA)
    await bank.merging().merge(ADA, MARY)
    with pytest.raises(Refused, match="`C2` is one with `C1`, which was merged since: unmerge `C1` first"):
        await bank.merging().unmerge(GRACE)
    await bank.merging().unmerge(ADA)
    assert (await bank.asked_as(GRACE))[0] == ADA
    await bank.merging().unmerge(GRACE)
    assert [bank.told(name) for name in (ADA, GRACE, MARY)] == before


async def test_of_two_merged_into_one_either_may_leave_first() -> None:
    for first, second in ((GRACE, MARY), (MARY, GRACE)):
        bank = three_in_a_row()
        before = [bank.told(name) for name in (ADA, GRACE, MARY)]
        await bank.merging().merge(GRACE, ADA)
        await bank.merging().merge(MARY, ADA)
        await bank.merging().unmerge(first)
        assert bank.told(ADA)["web"] is (second != GRACE)
        await bank.merging().unmerge(second)
        assert [bank.told(name) for name in (ADA, GRACE, MARY)] == before


@pytest.mark.parametrize(
    ("loser", "winner", "said"),
    [
        (ADA, ADA, "`C1` is one customer already"),
        ("C9", ADA, "no customer has the id `C9`"),
        (ADA, "C9", "no customer has the id `C9`"),
        (ADA, VISITOR, "no customer has the id `web_visitor:v1`"),
    ],
)
async def test_what_cannot_be_merged_is_refused(loser: str, winner: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        await a_pair().merging().merge(loser, winner)


async def test_a_merged_customer_is_named_by_who_they_are_now() -> None:
    bank = three_in_a_row()
    await bank.merging().merge(GRACE, ADA)
    for loser, winner in ((GRACE, MARY), (MARY, GRACE)):
        with pytest.raises(Refused, match="`C2` was merged into `C1`: name that customer"):
            await bank.merging().merge(loser, winner)


async def test_two_who_are_merged_into_each_other_at_once_never_lead_in_a_circle() -> None:
    bank = a_pair()
    results = await asyncio.gather(
        bank.merging().merge(GRACE, ADA), bank.merging().merge(ADA, GRACE), return_exceptions=True
    )
    moved = [bank.record(name).moved_to for name in (ADA, GRACE)]
    assert moved.count(None) >= 1
    assert any(isinstance(result, Exception) for result in results)


async def test_history_names_every_step_on_both_sides() -> None:
    bank = a_pair()
    await bank.merging().merge(GRACE, ADA, by="clerk")
    await bank.merging().unmerge(GRACE, by="auditor")
    (loser,) = await bank.merging().history(GRACE)
    (winner,) = await bank.merging().history(ADA)
    assert [state.value for state, _ in loser.steps] == [
        *("begun", "frozen", "merged", "separating", "restored", "separated")
    ]
    assert [state.value for state, _ in winner.steps] == ["joined", "copied", "separated"]
    assert loser.by == "auditor"


CALLS_OF_A_MERGE = 7
CALLS_OF_A_REVERSAL = 6


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", range(CALLS_OF_A_MERGE))
async def test_a_merge_cut_off_anywhere_is_finished_later(dies_at: int, after: bool) -> None:
    whole, bank = a_pair(), a_pair()
    await whole.merging().merge(GRACE, ADA)
    with pytest.raises(CutOff):
        await bank.merging(Unreliable(bank.store, dies_at, after=after)).merge(GRACE, ADA)
    _see_that_nothing_is_wider(bank, await bank.asked_as(GRACE))
    await bank.merging().resume()
    await bank.merging().merge(GRACE, ADA)
    assert [bank.told(name) for name in (ADA, GRACE)] == [whole.told(name) for name in (ADA, GRACE)]
    assert await bank.store.open(deadline=0) == {}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", range(CALLS_OF_A_MERGE))
async def test_a_merge_cut_off_anywhere_can_be_reversed(dies_at: int, after: bool) -> None:
    bank = a_pair()
    before = [bank.told(name) for name in (ADA, GRACE)]
    with pytest.raises(CutOff):
        await bank.merging(Unreliable(bank.store, dies_at, after=after)).merge(GRACE, ADA)
    begun = bool(await bank.merging().history(GRACE))
    if begun:
        await bank.merging().unmerge(GRACE)
    assert [bank.told(name) for name in (ADA, GRACE)] == before


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", range(CALLS_OF_A_REVERSAL))
async def test_a_reversal_cut_off_anywhere_is_finished_later(dies_at: int, after: bool) -> None:
    bank = a_pair()
    before = [bank.told(name) for name in (ADA, GRACE)]
    await bank.merging().merge(GRACE, ADA)
    with pytest.raises(CutOff):
        await bank.merging(Unreliable(bank.store, dies_at, after=after)).unmerge(GRACE)
    _see_that_nothing_is_wider(bank, await bank.asked_as(GRACE))
    await bank.merging().resume()
    if bank.record(GRACE).moved_to is not None:
        await bank.merging().unmerge(GRACE)
    assert [bank.told(name) for name in (ADA, GRACE)] == before


async def test_the_steps_that_may_be_cut_off_are_all_there_are() -> None:
    """Whoever adds a step is told to cut it off as well."""
    bank = a_pair()
    await bank.merging(Unreliable(bank.store, CALLS_OF_A_MERGE, after=False)).merge(GRACE, ADA)
    await bank.merging(Unreliable(bank.store, CALLS_OF_A_REVERSAL, after=False)).unmerge(GRACE)


def _see_that_nothing_is_wider(bank: Bank, asked: tuple[str, StoredRecord]) -> None:
    """Whoever is asked for as Grace: what Grace refused is refused, and what she was shown counts."""
    told = bank.told(asked[0])
    assert told["web"] is False
    contacts = told["contacts"]
    assert isinstance(contacts, list)
    assert contact(20, action=2) in contacts
