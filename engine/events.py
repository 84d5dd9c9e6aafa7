"""Folds one event into a customer's event state, from which history conditions are answered in constant time.

For every distinct event filter that the rules mention, the state keeps the instants of its latest matches, as many as
the most demanding `at_least` asks for. Keeping the latest k is a commuting accumulator: any order of the same events
gives the same state. What facts count and add up stands behind them, see `engine.running`.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Final

from engine.errors import FactError
from engine.facts import FactSpec, Held, Natural, hold
from engine.ids import EventName
from engine.running import Running, blocks_of

KEPT_SINCE: Final = 0
"""Position, in an event state, of the instant since which the history is complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSpec:
    """What the catalogue declares of one kind of event."""

    name: EventName
    title: str = ""
    source: str = ""
    fields: tuple[FactSpec, ...] = ()
    keep_days: int | None = None
    """How long its history is kept; None: for ever."""
    private: bool = False

    def hold(self, data: Mapping[str, Natural]) -> list[Held]:
        """The event's fields in held form, in declared order; absent fields are missing.

        Raises:
            FactError: a value does not fit, or a field is not declared.
        """
        declared = {spec.name for spec in self.fields}
        unknown = next((name for name in data if name not in declared), None)
        if unknown is not None:
            raise FactError(unknown, f"is not a field of the event `{self.name}`")
        return [hold(spec, data.get(spec.name)) for spec in self.fields]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """One kind of event, perhaps narrowed by its fields, and how many of its latest instants are kept."""

    event: EventName
    text: str
    """The filter in canonical words: equal text means equal filter."""
    depth: int
    matches: Callable[[Sequence[Held]], bool] | None = None
    """Whether an event's held fields pass; None: every event of the kind does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a customer; `fields` in held form, in the order of its `EventSpec`."""

    name: EventName
    at: int
    fields: Sequence[Held] = ()


@dataclass(frozen=True)
class EventLayout:
    """Where each filter's instants stand in an event state: position 0 is KEPT_SINCE, then `depth` places a filter,
    then one place a filter and running fact that says since when it is kept itself, at the end the facts' blocks.

    Instants of one filter stand latest first; 0 is "not so often". A filter is kept since KEPT_SINCE or, where its own
    place says so, only since later: rules that came to ask for it found nobody who had kept it.
    """

    filters: tuple[EventFilter, ...]
    running: tuple[Running, ...] = ()

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """First position of each filter's instants."""
        offsets, at = [], KEPT_SINCE + 1
        for kept in self.filters:
            offsets.append(at)
            at += kept.depth
        return tuple(offsets)

    @cached_property
    def width(self) -> int:
        """Length of an event state, the blocks of running facts apart."""
        return self.own_offset + len(self.filters) + len(self.running)

    @cached_property
    def own_offset(self) -> int:
        """First of the places that say since when each filter, then each fact, is kept; 0 there: since KEPT_SINCE."""
        return KEPT_SINCE + 1 + sum(kept.depth for kept in self.filters)

    @cached_property
    def hash(self) -> int:
        """32 bits that name the layout; a stored state of another layout is read through `carry_over`."""
        kept = [*(f"{kept.text}|{kept.depth}" for kept in self.filters), *(fact.text for fact in self.running)]
        text = "own\n" + "\n".join(kept)
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")

    @cached_property
    def _filters_by_event(self) -> Mapping[EventName, tuple[tuple[int, EventFilter], ...]]:
        by_event: dict[EventName, list[tuple[int, EventFilter]]] = {}
        for offset, kept in zip(self.offsets, self.filters, strict=True):
            by_event.setdefault(kept.event, []).append((offset, kept))
        return {name: tuple(found) for name, found in by_event.items()}

    def empty(self, kept_since: int) -> list[int]:
        """The state of a customer with no event yet, whose history is complete since that instant."""
        return [kept_since] + [0] * (self.width - 1 + len(self.running))

    def fits(self, state: Sequence[int]) -> bool:
        """Whether a state has as many places and blocks as this layout."""
        at = self.width
        for _ in self.running:
            if at >= len(state):
                return False
            at += 1 + 2 * state[at]
        return at == len(state)

    def fold(self, state: Sequence[int], event: Event) -> list[int]:
        """The state after one more event; the given state is left alone."""
        after = list(state)
        for offset, kept in self._filters_by_event.get(event.name, ()):
            if kept.matches is None or kept.matches(event.fields):
                latest = sorted([*after[offset : offset + kept.depth], event.at], reverse=True)
                after[offset : offset + kept.depth] = latest[: kept.depth]
        if event.name in self._running_events:
            blocks = blocks_of(after, self.width)
            for at, fact in enumerate(self.running):
                if fact.event == event.name:
                    blocks[at] = fact.with_event(blocks[at], event.at, event.fields)
            after[self.width :] = chain.from_iterable(blocks)
        return after

    @cached_property
    def _running_events(self) -> frozenset[EventName]:
        return frozenset(fact.event for fact in self.running)

    def joined(self, ours: Sequence[int], theirs: Sequence[int]) -> list[int]:
        """Two states of one customer that may have seen the same events, as one that has seen all of them.

        Each instant counts as often as in that of the two states where it stands more often, of each bucket of a fact
        that counts which holds more; each filter and fact is kept since the earlier of the two.
        """
        joined = [min(ours[KEPT_SINCE], theirs[KEPT_SINCE])]
        for offset, kept in zip(self.offsets, self.filters, strict=True):
            end = offset + kept.depth
            either = Counter(ours[offset:end]) | Counter(theirs[offset:end])
            joined += sorted(either.elements(), reverse=True)[: kept.depth]
        for place in range(self.own_offset, self.width):
            since = min(max(state[KEPT_SINCE], state[place]) for state in (ours, theirs))
            joined.append(since if since > joined[KEPT_SINCE] else 0)
        pairs = zip(self.running, blocks_of(ours, self.width), blocks_of(theirs, self.width), strict=True)
        return [*joined, *chain.from_iterable(fact.joined(first, second) for fact, first, second in pairs)]

    def carry_over(self, state: Sequence[int], source: "EventLayout", since: int) -> list[int]:
        """A state of another layout under this one: what both keep stays, other filters and facts begin at `since`.

        A filter that is to go deeper than the source went begins at `since` as well, unless it never came so far; what
        is known of it stays.
        """
        carried = self.empty(state[KEPT_SINCE])
        place_by_text = {kept.text: at for at, kept in enumerate(source.filters)}
        for at, (offset, kept) in enumerate(zip(self.offsets, self.filters, strict=True)):
            place = place_by_text.get(kept.text)
            if place is None:
                carried[self.own_offset + at] = since
                continue
            first, depth = source.offsets[place], source.filters[place].depth
            known = state[first : first + min(depth, kept.depth)]
            carried[offset : offset + len(known)] = known
            forgotten = depth < kept.depth and bool(known[-1])
            carried[self.own_offset + at] = since if forgotten else state[source.own_offset + place]
        return self._with_running(carried, state, source, since)

    def _with_running(self, carried: list[int], state: Sequence[int], source: "EventLayout", since: int) -> list[int]:
        if not self.running:
            return carried
        blocks, known = [[0] for _ in self.running], blocks_of(state, source.width)
        place_by_text = {fact.text: at for at, fact in enumerate(source.running)}
        first, source_first = self.own_offset + len(self.filters), source.own_offset + len(source.filters)
        for at, fact in enumerate(self.running):
            place = place_by_text.get(fact.text)
            carried[first + at] = since if place is None else state[source_first + place]
            if place is not None:
                blocks[at] = known[place]
        carried[self.width :] = chain.from_iterable(blocks)
        return carried
