"""Event states of two records that turn out to be one person's, joined and taken apart again, under one layout."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

from engine.events import KEPT_SINCE, EventLayout
from engine.running import Running, blocks_of

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
    of_both = zip(ours[layout.own_offset : layout.width], theirs[layout.own_offset : layout.width], strict=True)
    own = [max(pair) if known else pair[0] for pair in of_both]
    pairs = zip(layout.running, blocks_of(ours, layout.width), blocks_of(theirs, layout.width), strict=True)
    blocks = [_both(fact, block, other) for fact, block, other in pairs]
    return [since, *chain.from_iterable(instants), *own, *chain.from_iterable(blocks)]


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
    three = [blocks_of(state, layout.width) for state in (now, given, before)]
    blocks = [_without(fact, *each) for fact, *each in zip(layout.running, *three, strict=True)]
    return [*parted, *before[layout.own_offset : layout.width], *chain.from_iterable(blocks)]


def _filters(layout: EventLayout) -> range:
    return range(len(layout.filters))


def _counted(layout: EventLayout, at: int, state: State) -> Counter[int]:
    offset = layout.offsets[at]
    return Counter(instant for instant in state[offset : offset + layout.filters[at].depth] if instant)


def _latest(layout: EventLayout, at: int, instants: Counter[int]) -> list[int]:
    depth = layout.filters[at].depth
    latest = sorted(instants.elements(), reverse=True)[:depth]
    return latest + [0] * (depth - len(latest))


def _both(fact: Running, ours: Sequence[int], theirs: Sequence[int]) -> list[int]:
    """What a running fact has seen of both: amounts add up, of two last values the later one stands."""
    block = list(ours)
    for key, amount in _amounts(fact, theirs):
        block = fact.with_amount(block, key, amount)
    return block


def _without(fact: Running, now: Sequence[int], given: Sequence[int], before: Sequence[int]) -> list[int]:
    """What a running fact has seen without what the loser brought."""
    if fact.window is None:
        return list(before) if list(now) == list(given) else list(now)
    left = dict(_amounts(fact, now))
    own = dict(_amounts(fact, before))
    for key, amount in _amounts(fact, given):
        left[key] = left.get(key, 0) - amount
        if not left[key] and key not in own:
            del left[key]
    block = [0]
    for key in sorted(left):
        block = fact.with_amount(block, key, left[key])
    return block


def _amounts(fact: Running, block: Sequence[int]) -> list[tuple[int, int]]:
    """The buckets of a block, oldest first, with what each holds itself; of a last value its instant and itself."""
    count = block[0]
    keys, sums = block[1 : 1 + count], block[1 + count :]
    if fact.window is None:
        return list(zip(keys, sums, strict=True))
    return [(key, sums[at] - (sums[at - 1] if at else 0)) for at, key in enumerate(keys)]
