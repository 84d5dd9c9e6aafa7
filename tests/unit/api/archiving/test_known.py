"""Records of another layout than their rules' own are read, years later, as they were read for the decision."""

from pathlib import Path

import pytest

from api.adapters.records import encode_events, encode_layout, encode_profile, encode_schema
from api.archiving.known import Known
from api.ports import StoredLayout, StoredRecord
from engine.events import EventLayout
from tests.builders import a_plan, a_trigger, an_action

BEFORE = a_plan(an_action("isa"), a_trigger("paid", "history: [{seen: salary, in: 30d}]\npromote: {isa: 2}"))
AFTER = a_plan(
    an_action("isa"),
    a_trigger("paid", "history: [{seen: salary, in: 30d}]\npromote: {isa: 2}"),
    a_trigger("asked", "history: [{not_seen: quote, in: 30d}]\npromote: {isa: 2}"),
)
DAY_S = 86_400


def layout_of(layout: EventLayout, folded_since_s: int | None = None) -> StoredLayout:
    """A layout as the store keeps it."""
    return StoredLayout(encode_layout(layout), folded_since_s)


def test_the_latest_beginning_before_a_decision_counts(tmp_path: Path) -> None:
    """A layout may be folded under, left, and taken up again: a decision of the first time knows nothing of that."""
    known = Known(tmp_path)
    for since in (10 * DAY_S, 50 * DAY_S):
        known.take([], [layout_of(BEFORE.event_layout, since)])
    for reopened in (known, Known(tmp_path)):
        found = [reopened.folded_since(BEFORE, day * DAY_S) for day in (5, 10, 49, 50, 90)]
        assert found == [None, 10 * DAY_S, 10 * DAY_S, 50 * DAY_S, 50 * DAY_S]
        assert reopened.folded_since(AFTER, 90 * DAY_S) is None


def test_a_reader_carries_histories_over_from_the_beginning_that_it_is_given(tmp_path: Path) -> None:
    """What the rules before did not ask for is known from an hour after that beginning."""
    known = Known(tmp_path)
    known.take([encode_schema(BEFORE.profile_schema)], [layout_of(BEFORE.event_layout), layout_of(AFTER.event_layout)])
    state = BEFORE.event_layout.empty(0)
    stored = StoredRecord(
        profile=encode_profile(BEFORE.profile_schema, BEFORE.profile_schema.empty()),
        events=encode_events((BEFORE.event_layout, state)),
        owner=b"C1",
    )
    beginnings = []
    for since in (10 * DAY_S, 50 * DAY_S):
        events = known.reader(AFTER, since).read(stored).events
        assert events is not None
        beginnings.append(max(events))
    assert beginnings == [10 * DAY_S + 3_600, 50 * DAY_S + 3_600]


@pytest.mark.parametrize("times", [1, 2])
def test_what_is_known_already_changes_nothing(tmp_path: Path, times: int) -> None:
    known = Known(tmp_path)
    for _ in range(times):
        known.take([encode_schema(BEFORE.profile_schema)], [layout_of(BEFORE.event_layout, 5)])
    assert known.revision == 1
