"""Request ids: first sight decides, the same question gets the same answer, and never across a change of consent."""

import asyncio

from api.adapters.records import encode_consent
from api.ports import Claim, ClaimState, CommitState, ConsentWrite, RequestClaim
from engine.contacts import ContactState
from engine.facts import Consent
from tests.contract.worlds import ADA, GRACE, World, a_claim, a_commit, a_contact, an_outcome, soon, soon_ms

REPEAT = a_claim(attempt=b"attempt2")


async def _standing(world: World, claim: RequestClaim) -> Claim:
    return (await world.read(ADA, claim)).claim


async def _answer(world: World, claim: RequestClaim) -> CommitState:
    read = await world.read(ADA, claim)
    return (await world.customers.commit(ADA, a_commit(read, a_contact(), claim=claim), deadline=soon())).state


async def _taken_over(world: World) -> None:
    """Ask again until the repeat holds the claim."""
    while (await _standing(world, REPEAT)).state is not ClaimState.OURS:
        pass


async def test_a_request_without_an_id_claims_nothing(world: World) -> None:
    """It reads, no more."""
    assert (await world.read()).claim == Claim(ClaimState.NONE)


async def test_first_sight_claims_and_a_repeat_in_flight_sees_it(world: World) -> None:
    """Only one of them decides."""
    assert (await _standing(world, a_claim())).state is ClaimState.OURS
    assert (await _standing(world, REPEAT)).state is ClaimState.IN_FLIGHT


async def test_reading_again_in_one_attempt_is_no_repeat(world: World) -> None:
    """The claim names the attempt."""
    await _standing(world, a_claim())
    assert (await _standing(world, a_claim())).state is ClaimState.OURS


async def test_an_answered_request_gives_its_answer(world: World) -> None:
    """To whoever asks the same again."""
    assert await _answer(world, a_claim()) is CommitState.COMMITTED
    assert await _standing(world, REPEAT) == Claim(ClaimState.ANSWERED, b"answer")


async def test_another_body_under_the_same_id_is_told(world: World) -> None:
    """In flight and answered."""
    other = a_claim(body=b"body-two", attempt=b"attempt2")
    await _standing(world, a_claim())
    assert (await _standing(world, other)).state is ClaimState.OTHER_BODY
    await _answer(world, a_claim())
    assert (await _standing(world, other)).state is ClaimState.OTHER_BODY


async def test_a_request_id_belongs_to_one_customer(world: World) -> None:
    """The same id of another customer is another request."""
    await _answer(world, a_claim())
    assert (await world.read(GRACE, a_claim(body=b"body-two"))).claim.state is ClaimState.OURS


async def test_an_attempt_that_was_given_up_frees_its_id(world: World) -> None:
    """After the time for which it was held."""
    await _standing(world, a_claim(hold_ms=1))
    await _taken_over(world)


async def test_an_attempt_whose_claim_was_taken_over_commits_nothing(world: World) -> None:
    """Two answers to one request cannot both be kept."""
    lost = a_claim(hold_ms=1)
    read = await world.read(ADA, lost)
    await _taken_over(world)
    committed = await world.customers.commit(ADA, a_commit(read, a_contact(), claim=lost), deadline=soon())
    assert committed.state is CommitState.CLAIM_LOST
    assert (await world.record()).contacts is None


async def test_an_answer_is_not_repeated_across_a_change_of_consent(world: World) -> None:
    """The repeat decides anew, and its answer is kept in turn."""
    await _answer(world, a_claim())
    consent = encode_consent(Consent(version=1))
    await world.outcomes.set_consent(ADA, ConsentWrite(soon_ms(), consent, 1, b"entry"), deadline=soon())
    assert (await _standing(world, REPEAT)).state is ClaimState.OURS
    assert (await _standing(world, a_claim(attempt=b"attempt3"))).state is ClaimState.IN_FLIGHT
    assert await _answer(world, REPEAT) is CommitState.COMMITTED
    assert (await _standing(world, a_claim(attempt=b"attempt3"))).state is ClaimState.ANSWERED


async def test_an_answer_is_not_repeated_after_a_decline(world: World) -> None:
    """A decline binds the very next request, a repeat included; an impression does not undo the answer."""
    await _answer(world, a_claim())
    await world.outcomes.record_outcome(ADA, an_outcome(ContactState.SHOWN, "o1"), deadline=soon())
    assert (await _standing(world, REPEAT)).state is ClaimState.ANSWERED
    await world.outcomes.record_outcome(ADA, an_outcome(ContactState.DECLINED, "o2"), deadline=soon())
    assert (await _standing(world, REPEAT)).state is ClaimState.OURS


async def test_of_many_repeats_at_once_one_decides(world: World) -> None:
    """And only its contact is reserved."""
    claims = [a_claim(attempt=b"attempt%d" % number) for number in range(9)]

    async def ask(claim: RequestClaim) -> bool:
        read = await world.read(ADA, claim)
        if read.claim.state is not ClaimState.OURS:
            return False
        committed = await world.customers.commit(ADA, a_commit(read, a_contact(), claim=claim), deadline=soon())
        return committed.state is CommitState.COMMITTED

    assert sum(await asyncio.gather(*map(ask, claims))) == 1
    assert (await world.record()).contacts_version == 1
