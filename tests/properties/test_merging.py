"""What is joined of two customers never allows more than either would be allowed alone."""

from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from api.adapters.records import decode_consent, encode_consent
from api.merging.consents import stricter
from api.merging.entries import Image
from api.merging.event_states import join_events, part_events
from api.merging.histories import join_contacts, winner_contacts
from engine.contacts import Contact, pack, unpack
from engine.events import EventFilter, EventLayout
from engine.facts import Consent
from engine.ids import EventName
from engine.running import Running
from engine.syntax import Duration

CHANNELS, PURPOSES = ("web", "atm"), ("marketing", "profiling")
answers = st.dictionaries(st.sampled_from(CHANNELS), st.booleans())
consents = st.builds(
    Consent,
    version=st.integers(0, 9),
    allowed_by_purpose=st.dictionaries(st.sampled_from(PURPOSES), answers),
    profiling_objection=st.none() | st.booleans(),
)
contacts = st.lists(
    st.builds(Contact, *[st.integers(0, 3)] * 3, st.integers(0, 1), st.integers(0, 6), st.just(0), st.just(10)),
    max_size=6,
)
LAYOUT = EventLayout(
    tuple(EventFilter(event=EventName(name), text=name, depth=depth) for name, depth in (("a", 3), ("b", 1)))
)


def state_of(many: list[int], one: int) -> list[int]:
    return [1, *[*sorted(many, reverse=True), 0, 0, 0][:3], one, 0, 0]


states = st.builds(state_of, st.lists(st.integers(1, 9), max_size=5), st.integers(0, 9))


def allows(consent: Consent, purpose: str, channel: str, default: bool) -> bool:
    return consent.allowed_by_purpose.get(purpose, {}).get(channel, default)


@given(consents, consents, st.booleans())
def test_joined_consent_allows_what_both_allow_and_nothing_else(ours: Consent, theirs: Consent, default: bool) -> None:
    """Whatever applies where there is no answer."""
    stored = stricter(Image(consent=encode_consent(ours)), Image(consent=encode_consent(theirs)))
    joined = decode_consent(stored)
    for purpose in PURPOSES:
        for channel in CHANNELS:
            both = allows(ours, purpose, channel, default) and allows(theirs, purpose, channel, default)
            assert allows(joined, purpose, channel, default) == both
    objections = {ours.profiling_objection, theirs.profiling_objection}
    assert (joined.profiling_objection is False) == (objections == {False})
    assert (joined.profiling_objection is True) == (True in objections)


@given(contacts, contacts)
def test_joined_contacts_hold_each_of_both_as_far_as_it_went(ours: list[Contact], theirs: list[Contact]) -> None:
    joined = unpack(join_contacts(pack(ours), pack(theirs)))
    assert len({each[:4] for each in joined}) == len(joined)
    for contact in (*ours, *theirs):
        assert any(each[:4] == contact[:4] and each.state >= contact.state for each in joined)


@given(contacts, contacts)
def test_taking_contacts_apart_leaves_the_winners_own(ours: list[Contact], theirs: list[Contact]) -> None:
    joined = join_contacts(pack(ours), pack(theirs))
    left = unpack(winner_contacts(joined, Image(contacts=pack(theirs)), Image(contacts=pack(ours)), ()))
    assert {each[:4] for each in left} == {each[:4] for each in ours}


RUNNING = tuple(
    Running(
        event=EventName("a"),
        text=operation,
        operation=operation,
        window=None if operation == "last" else Duration(30, "d"),
        zone=ZoneInfo("Europe/London"),
    )
    for operation in ("total", "last")
)
WITH_FACTS = EventLayout((), RUNNING)
amounts = st.lists(st.tuples(st.integers(1_790_000_000, 1_791_000_000), st.integers(1, 50)), max_size=8)


def running_state(seen: list[tuple[int, int]]) -> list[int]:
    blocks = [[0], [0]]
    for at, amount in seen:
        blocks = [fact.with_amount(block, at, amount) for fact, block in zip(RUNNING, blocks, strict=True)]
    return [1, 0, 0, *blocks[0], *blocks[1]]


@given(amounts, amounts)
def test_running_facts_of_two_are_those_of_one_who_saw_everything(
    ours: list[tuple[int, int]], theirs: list[tuple[int, int]]
) -> None:
    """And taken apart again they are as they were, but for a last value that both share."""
    joined = join_events(WITH_FACTS, running_state(ours), running_state(theirs), known=True)
    assert joined == running_state([*ours, *theirs])
    parted = part_events(WITH_FACTS, joined, running_state(theirs), running_state(ours), ())
    assert parted == running_state(ours)


@given(states, states)
def test_an_event_state_is_taken_apart_as_it_was_joined(ours: list[int], theirs: list[int]) -> None:
    joined = join_events(LAYOUT, ours, theirs, known=True)
    assert part_events(LAYOUT, joined, theirs, ours, ()) == ours
