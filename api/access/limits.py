"""How often each caller may ask: a bucket of tokens each, filled at a steady rate; nothing is shared or waited for."""

from collections.abc import Callable
from time import monotonic
from typing import Final

from api.access.callers import Caller
from api.access.roles import Role
from api.problems import Problem, ProblemType

BURST_S: Final = 10.0
"""Who was silent may ask so many seconds' worth at once."""
_MOST_BUCKETS: Final = 10_000


class Bucket:
    """What one caller has left."""

    __slots__ = ("at", "level")

    def __init__(self, level: float, at: float) -> None:
        self.level = level
        self.at = at


class Limits:
    """The buckets of a process."""

    def __init__(
        self,
        *,
        touchpoint_per_s: float = 0.0,
        staff_per_s: float = 0.0,
        person_per_s: float = 0.0,
        address_per_s: float = 0.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Requests a second, for keys of touchpoints, for other keys, for people, and for an address; 0: no limit."""
        self._touchpoint_per_s = touchpoint_per_s
        self._staff_per_s = staff_per_s
        self._person_per_s = person_per_s
        self._address_per_s = address_per_s
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    def take(self, caller: Caller) -> None:
        """Count one request of a caller.

        Raises:
            Problem: it asks too often; says when to come back.
        """
        rate = caller.per_s
        if rate == 0.0:
            if caller.is_person:
                rate = self._person_per_s
            else:
                rate = self._touchpoint_per_s if Role.TOUCHPOINT in caller.roles else self._staff_per_s
        if rate > 0.0:
            self._take(caller.name, rate)

    def take_from(self, address: str) -> None:
        """Count one request of somebody who needs no key.

        Raises:
            Problem: too many come from there.
        """
        if self._address_per_s > 0.0:
            self._take(address, self._address_per_s)

    def _take(self, name: str, rate: float) -> None:
        now = self._clock()
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._new(name, max(1.0, rate * BURST_S), now)
        level = min(max(1.0, rate * BURST_S), bucket.level + (now - bucket.at) * rate)
        bucket.at = now
        if level < 1.0:
            bucket.level = level
            wait_s = int((1.0 - level) / rate) + 1
            raise Problem(ProblemType.RATE_LIMITED, f"{rate:g} requests a second are taken", retry_after_s=wait_s)
        bucket.level = level - 1.0

    def _new(self, name: str, full: float, now: float) -> Bucket:
        if len(self._buckets) >= _MOST_BUCKETS:
            # The one that was used longest ago is full again, or nearly.
            del self._buckets[min(self._buckets, key=lambda each: self._buckets[each].at)]
        bucket = Bucket(full, now)
        self._buckets[name] = bucket
        return bucket
