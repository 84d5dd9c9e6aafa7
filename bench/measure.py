"""Times calls: several subjects in turns, so that a busy moment of the machine falls on all of them alike."""

import gc
import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something to time: `call` is one operation, repeated `calls` times a round."""

    name: str
    call: Callable[[], object]
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Microseconds per call."""

    calls: int
    p50_us: float
    p95_us: float
    p99_us: float


def spread(samples_us: Sequence[float]) -> Spread:
    """Percentiles by nearest rank of at least one sample."""
    ordered = sorted(samples_us)

    def at(share: float) -> float:
        return round(ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)], 2)

    return Spread(calls=len(ordered), p50_us=at(0.5), p95_us=at(0.95), p99_us=at(0.99))


def time_in_turns(subjects: Sequence[Subject], rounds: int) -> Mapping[str, Spread]:
    """Every call timed alone; the first round only warms up."""
    samples: dict[str, array[float]] = {subject.name: array("d") for subject in subjects}
    for number in range(rounds + 1):
        for subject in subjects:
            gc.collect()
            taken = _times_us(subject.call, subject.calls)
            if number:
                samples[subject.name].extend(taken)
    return {name: spread(each) for name, each in samples.items()}


def _times_us(call: Callable[[], object], calls: int) -> "array[float]":
    taken = array("d")
    for _ in range(calls):
        started = perf_counter_ns()
        call()
        taken.append((perf_counter_ns() - started) / 1000)
    return taken


def median(values: Sequence[float]) -> float:
    """The middle value; of two middle ones the lower."""
    return sorted(values)[(len(values) - 1) // 2]
