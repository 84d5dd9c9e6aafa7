"""Event states: any order of the same events gives the same state."""

from hypothesis import given
from hypothesis import strategies as st

from engine.events import Event
from engine.facts import Held
from engine.ids import EventName
from tests.builders import a_plan, a_trigger

PLAN = a_plan(
    a_trigger(
        "history",
        "promote: {isa: 2}\n"
        "history:\n"
        "  - {seen: salary, in: 30d, at_least: 3}\n"
        "  - {seen: salary, in: 30d, at_least: 2, where: {amount: at least 100, kind: base}}\n"
        "  - {not_seen: quote, since: policy}\n",
    )
)
LAYOUT = PLAN.event_layout


def an_event(name: str, at: int, amount: Held, kind: Held) -> Event:
    """An event; only a salary has fields."""
    return Event(name=EventName(name), at=at, fields=(amount, kind) if name == "salary" else ())


EVENTS = st.builds(
    an_event,
    st.sampled_from(["salary", "salary", "quote", "policy", "complaint"]),
    st.integers(1, 50),
    st.one_of(st.just(float("nan")), st.integers(0, 20_000)),
    st.sampled_from([None, 0, 1]),
)


def state_after(events: list[Event]) -> list[int]:
    """The state that events lead to."""
    state = LAYOUT.empty(0)
    for event in events:
        state = LAYOUT.fold(state, event)
    return state


@given(st.lists(EVENTS, max_size=12).flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))))
def test_folds_commute(drawn: tuple[list[Event], list[Event]]) -> None:
    """Events may arrive in any order."""
    events, shuffled = drawn
    assert state_after(events) == state_after(shuffled)


@given(st.lists(EVENTS, max_size=12))
def test_state_holds_the_latest_matches(events: list[Event]) -> None:
    """As many as its depth, latest first, 0 for those that never were."""
    state = state_after(events)
    for offset, kept in zip(LAYOUT.offsets, LAYOUT.filters, strict=True):
        matching = sorted((each.at for each in events if passes(kept.text, each)), reverse=True)
        assert state[offset : offset + kept.depth] == (matching + [0] * kept.depth)[: kept.depth]


def passes(text: str, event: Event) -> bool:
    """Whether an event passes one of the filters above, by their words."""
    if text.partition("{")[0] != event.name:
        return False
    if "{" not in text:
        return True
    amount, kind = event.fields
    return isinstance(amount, int) and amount >= 10_000 and kind == 0
