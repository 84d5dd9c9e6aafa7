"""Event states of two records that turn out to be one person's, joined and taken apart again, under one layout."""

from collections import Counter
from collections.abc import Iterable, Sequence

from engine.events import KEPT_SINCE, EventLayout

State = Sequence[int]


def join_events(layout: EventLayout, ours: State | None, theirs: State | None, *, known: bool) -> State | None:
    """What happened to either happened; complete since both are. A visitor's (not `known`) began with its first event,
    so that it makes nothing less complete."""
    if ours is None or theirs is None:
        return ours if theirs is None else theirs
    since = max(ours[KEPT_SINCE], theirs[KEPT_SINCE]) if known else ours[KEPT_SINCE]
    instants = [
        _latest(layout, at, _counted(layout, at, ours) + _counted(layout, at, theirs)) for at in _filters(layout)
    ]
    own = zip(ours[layout.own_offset :], theirs[layout.own_offset :], strict=True)
    return [since, *(each for kept in instants for each in kept), *(max(pair) if known else pair[0] for pair in own)]


def part_events(
    layout: EventLayout, now: State | None, given: State | None, before: State | None, others: Iterable[State]
) -> State | None:
    """The winner's state without what the loser brought; what that had pushed out comes back."""
    if now is None or given is None:
        return now
    if before is None:
        before = layout.empty(now[KEPT_SINCE])
    parted = [before[KEPT_SINCE]]
    for at in _filters(layout):
        left = (_counted(layout, at, now) - _counted(layout, at, given)) | _counted(layout, at, before)
        for other in others:
            left |= _counted(layout, at, other)
        parted += _latest(layout, at, left)
    return [*parted, *before[layout.own_offset :]]


def _filters(layout: EventLayout) -> range:
    return range(len(layout.filters))


def _counted(layout: EventLayout, at: int, state: State) -> Counter[int]:
    offset = layout.offsets[at]
    return Counter(instant for instant in state[offset : offset + layout.filters[at].depth] if instant)


def _latest(layout: EventLayout, at: int, instants: Counter[int]) -> list[int]:
    depth = layout.filters[at].depth
    latest = sorted(instants.elements(), reverse=True)[:depth]
    return latest + [0] * (depth - len(latest))
