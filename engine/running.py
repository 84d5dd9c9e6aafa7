"""Facts that run along with a customer's events: counts, totals, trends in windows, and the last value of a field.

Each keeps one block of an event state, `[n, n keys ascending, n values]`. For a window the keys are the first seconds
of buckets and the values sum up everything from the oldest bucket on, so that any stretch is one difference. A last
value is its instant and itself. INVARIANT: a block depends on which events were folded and not on their order.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from engine.clock import before, start_of
from engine.facts import MAX_HELD, NAN, FactSpec, FactType, Held
from engine.ids import EventName
from engine.syntax import Duration

FINE: Final = 128
DAY_S: Final = 86_400
HOUR_S: Final = 3_600
QUARTER_S: Final = 900
_SECONDS_UP_TO_DAYS: Final = 7
_HOURS_UP_TO_DAYS: Final = 90
_SLACK_D: Final = 1
"""Kept beyond the window: an event may lie minutes in the future, and a day has 25 hours once a year."""
_KEY_BYTES: Final = 5
_VALUE_BYTES: Final = 9
_COUNT_BYTES: Final = 3
_HALF: Final = 2**63
_WHOLE: Final = 2**64
_UNBOUNDED: Final = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What one fact keeps of a customer's events. Without an `operation` it can be carried over and not folded."""

    event: EventName
    text: str
    """What is kept, in canonical words: equal text means equal blocks."""
    operation: str = ""
    """count, total, trend or last."""
    field: int | None = None
    """Position of the field that is added up or kept; None: events are counted."""
    window: Duration | None = None
    """None for the last value."""
    zone: ZoneInfo | None = None
    """Whose days are counted in."""
    matches: Callable[[Sequence[Held]], bool] | None = None
    """Whether an event's held fields pass; None: every event of the kind does."""
    fine: int = FINE
    """How many buckets stand at the window's own resolution; what is older stands in whole days."""

    @property
    def step_s(self) -> int:
        """Length of a bucket: a second, an hour or a day."""
        days = self.window.longest_days if self.window is not None else 0
        return 1 if days <= _SECONDS_UP_TO_DAYS else HOUR_S if days <= _HOURS_UP_TO_DAYS else DAY_S

    @property
    def kept_days(self) -> int:
        """How far back buckets are kept; a trend looks at two windows."""
        return 0 if self.window is None else self.window.longest_days * (2 if self.operation == "trend" else 1)

    @property
    def most_bytes(self) -> int:
        """What a block takes in a record at most, the instant since which it is kept included."""
        if self.window is None:
            return _COUNT_BYTES + 2 * _KEY_BYTES + _VALUE_BYTES
        buckets = self.kept_days + _SLACK_D + 2 + (0 if self.step_s == DAY_S else self.fine)
        return _COUNT_BYTES + _KEY_BYTES + buckets * (_KEY_BYTES + _VALUE_BYTES)

    def with_event(self, block: Sequence[int], at: int, fields: Sequence[Held]) -> list[int]:
        """The block after one more event of the kind."""
        if self.matches is not None and not self.matches(fields):
            return list(block)
        amount = 1 if self.field is None else fields[self.field]
        return self.with_amount(block, at, int(amount)) if isinstance(amount, int) else list(block)

    def with_amount(self, block: Sequence[int], at: int, amount: int) -> list[int]:
        """The block after one more amount; whoever calls knows that the event passes."""
        if self.window is None:
            return [1, *max((at, amount), (block[1], block[2]))] if block[0] else [1, at, amount]
        keys, sums = list(block[1 : 1 + block[0]]), list(block[1 + block[0] :])
        self._add(keys, sums, at, amount)
        return [len(keys), *keys, *sums]

    def _add(self, keys: list[int], sums: list[int], at: int, amount: int) -> None:
        fine = self.bucket_of(at)
        whole_days = self.step_s == DAY_S
        if keys and fine > keys[-1]:
            self._forget(keys, sums, fine)
        elif keys and self.day_of(fine) < self._horizon(keys[-1]):
            return
        coarse = 0 if whole_days else max(0, len(keys) - self.fine)
        key = self.day_of(fine) if not whole_days and len(keys) >= self.fine and fine < keys[coarse] else fine
        place = bisect_left(keys, key)
        is_new = place == len(keys) or keys[place] != key
        if is_new:
            keys.insert(place, key)
            sums.insert(place, sums[place - 1] if place else 0)
        for each in range(place, len(sums)):
            sums[each] = _wrapped(sums[each] + amount)
        if is_new and key == fine and not whole_days and len(keys) > self.fine and place > coarse:
            self._coarsen(keys, sums, coarse)

    def _coarsen(self, keys: list[int], sums: list[int], oldest: int) -> None:
        """Put the oldest fine bucket into its day."""
        day = self.day_of(keys[oldest])
        if oldest and keys[oldest - 1] == day:
            del keys[oldest], sums[oldest - 1]
        else:
            keys[oldest] = day

    def _forget(self, keys: list[int], sums: list[int], newest: int) -> None:
        """Drop what no window reaches any more."""
        gone = bisect_left(keys, self._horizon(newest))
        if gone:
            base = sums[gone - 1]
            del keys[:gone], sums[:gone]
            for at in range(len(sums)):
                sums[at] = _wrapped(sums[at] - base)

    def _horizon(self, newest: int) -> int:
        return self.day_of(newest - (self.kept_days + _SLACK_D) * DAY_S)

    def bucket_of(self, at: int) -> int:
        """The first second of an instant's bucket."""
        step = self.step_s
        return self.day_of(at) if step == DAY_S else at - at % step

    def day_of(self, at: int) -> int:
        """The first second of an instant's day in the bank's zone."""
        assert self.zone is not None
        return _day_of(at - at % QUARTER_S, self.zone)

    def joined(self, ours: Sequence[int], theirs: Sequence[int]) -> list[int]:
        """Two blocks that may have seen the same events: of each bucket, what has more.

        Where one has more buckets than are kept fine, the two may not be cut alike: then the longer one stands.
        """
        if list(ours) == list(theirs) or not theirs[0]:
            return list(ours)
        if self.window is None or not ours[0]:
            return max(list(ours), list(theirs), key=_told)
        if self.step_s != DAY_S and max(ours[0], theirs[0]) > self.fine:
            return max(list(ours), list(theirs))
        amounts = dict(_amounts(ours))
        for key, amount in _amounts(theirs):
            if abs(amount) > abs(amounts.get(key, 0)):
                amounts[key] = amount
        block = [0]
        for key in sorted(amounts):
            block = self.with_amount(block, key, amounts[key])
        return block


@lru_cache(maxsize=8_192)
def _day_of(quarter: int, zone: ZoneInfo) -> int:
    """The first second of the day in which a quarter of an hour lies; all zones change days at the end of one."""
    return start_of(datetime.fromtimestamp(quarter, zone), zone, "day")


def blocks_of(state: Sequence[int], first: int) -> list[list[int]]:
    """The blocks of an event state, of which the first begins at a position.

    Raises:
        ValueError: the state ends before its last block does.
    """
    blocks, at = [], first
    while at < len(state):
        end = at + 1 + 2 * state[at]
        if end > len(state):
            raise ValueError("an event state ends within a block")
        blocks.append(list(state[at:end]))
        at = end
    return blocks


def _amounts(block: Sequence[int]) -> list[tuple[int, int]]:
    """Buckets with what each of them holds itself."""
    count = block[0]
    sums = block[1 + count :]
    return [(block[1 + at], _wrapped(sums[at] - (sums[at - 1] if at else 0))) for at in range(count)]


def _told(last: list[int]) -> list[int]:
    """What a last value says, for comparing: the later, then the greater."""
    return last[1:]


def _wrapped(number: int) -> int:
    """Modulo 2 ** 64, as the record keeps it: any stretch whose own sum fits comes out right."""
    return (number + _HALF) % _WHOLE - _HALF


class RunningFacts:
    """Reads running facts out of event states, for rows; where windows begin is kept for the second."""

    def __init__(
        self,
        zone: ZoneInfo,
        facts: Sequence[Running],
        specs: Sequence[FactSpec],
        slots: Sequence[int],
        *,
        width: int,
        own_offset: int,
    ) -> None:
        """`specs` and `slots` of each fact; `width` of what stands before the blocks, `own_offset` of the instants
        since which the facts are kept."""
        self.zone = zone
        self.facts = tuple(facts)
        self.specs = tuple(specs)
        self.slots = tuple(slots)
        self.width = width
        self.own_offset = own_offset
        self._fine = [_UNBOUNDED if fact.step_s == DAY_S else fact.fine for fact in facts]
        self._kept: tuple[int, tuple[tuple[int, int, int], ...]] = (-1, ())

    def fill(self, row: list[Held], state: Sequence[int], kept_since: int, now_s: int) -> None:
        """Set each fact's slot; NaN, or None for a truth value, where it is unknown."""
        starts = self._starts(now_s)
        at = self.width
        for position in range(len(self.facts)):
            since = max(kept_since, state[self.own_offset + position])
            row[self.slots[position]] = self._value(position, state, at, since, starts, now_s)
            at += 1 + 2 * state[at]

    def _value(
        self,
        position: int,
        state: Sequence[int],
        at: int,
        since: int,
        starts: tuple[tuple[int, int, int], ...],
        now_s: int,
    ) -> Held:
        fact, spec, count = self.facts[position], self.specs[position], state[at]
        if fact.operation == "last":
            if not count or state[at + 1] > now_s:
                return spec.missing
            return bool(state[at + 2]) if spec.type is FactType.BOOLEAN else state[at + 2]
        begin, before_it = starts[2 * position], starts[2 * position + 1]
        fine = self._fine[position]
        end = bisect_right(state, now_s, at + 1, at + 1 + count)
        first = _place(state, at, count, begin, fine)
        recent = _between(state, at, count, first, end)
        if fact.operation == "trend":
            earlier = _between(state, at, count, _place(state, at, count, before_it, fine), first)
            return _change(recent, earlier, spec.decimals) if since <= before_it[0] else NAN
        return recent if since <= begin[0] and abs(recent) <= MAX_HELD else NAN

    def next_change(self, state: Sequence[int], now_s: int) -> int | None:
        """When the first of the facts may change although nothing happens: its oldest bucket leaves a window."""
        starts = self._starts(now_s)
        at, found = self.width, [0]
        for position in range(len(self.facts)):
            fact, count = self.facts[position], state[at]
            windows = 0 if fact.window is None else 2 if fact.operation == "trend" else 1
            found += [_leaves(fact, state, at, begin, now_s) for begin in starts[2 * position : 2 * position + windows]]
            coming = bisect_right(state, now_s, at + 1, at + 1 + count)
            found.append(state[coming] if coming < at + 1 + count else 0)
            at += 1 + 2 * count
        return min((each for each in found if each), default=None)

    def _starts(self, now_s: int) -> tuple[tuple[int, int, int], ...]:
        """For each fact its window and the one before: first second, that of its bucket, that of its day."""
        kept = self._kept
        if kept[0] != now_s:
            now = datetime.fromtimestamp(now_s, UTC).astimezone(self.zone)
            starts: list[tuple[int, int, int]] = []
            for fact in self.facts:
                window = fact.window
                for times in range(2):
                    start = now_s
                    if window is not None:
                        begin = before(now, window)
                        start = int((before(begin, window) if times else begin).timestamp())
                    starts.append((start, fact.bucket_of(start), fact.day_of(start)))
            kept = (now_s, tuple(starts))
            self._kept = kept
        return kept[1]


def _change(recent: int, earlier: int, decimals: int) -> Held:
    """How much more the later stretch holds, as a share of the earlier one; unknown where that holds nothing."""
    if not earlier:
        return NAN
    share = (2 * (recent - earlier) * 10**decimals + abs(earlier)) // (2 * abs(earlier))
    return share if abs(share) <= MAX_HELD else NAN


def _place(state: Sequence[int], at: int, count: int, start: tuple[int, int, int], fine: int) -> int:
    """The first bucket of a window that begins at `start`."""
    first = bisect_left(state, start[1], at + 1, at + 1 + count)
    if first - at - 1 <= count - fine:
        first = bisect_left(state, start[2], at + 1, at + 1 + count)
    return first


def _leaves(fact: Running, state: Sequence[int], at: int, begin: tuple[int, int, int], now_s: int) -> int:
    """When the oldest bucket of a window leaves it, 0 for an empty one; by the day where months are counted."""
    count = state[at]
    fine = _UNBOUNDED if fact.step_s == DAY_S else fact.fine
    first = _place(state, at, count, begin, fine)
    if first >= at + 1 + count:
        return 0
    key = state[first]
    in_days = fact.step_s == DAY_S or first - at - 1 < count - fine
    until = fact.day_of(key + DAY_S + DAY_S // 2) if in_days else key + fact.step_s
    leaves = now_s + until - begin[0]
    assert fact.window is not None
    return min(leaves, now_s + DAY_S) if fact.window.unit in ("mo", "y") else leaves


def _between(state: Sequence[int], at: int, count: int, first: int, end: int) -> int:
    """What the buckets from one position up to another hold together."""
    if end <= first:
        return 0
    before_first = state[first + count - 1] if first > at + 1 else 0
    return _wrapped(state[end + count - 1] - before_first)
