"""Sets of held values along one axis: whole numbers in disjoint spans, and whether the value may be missing."""

from dataclasses import dataclass
from typing import Final

Spans = tuple[tuple[int, int], ...]
"""Ascending, disjoint, not touching; both ends inclusive."""


@dataclass(frozen=True, slots=True)
class Domain:
    """Some values of a fact. INVARIANT: the operations below are exact."""

    spans: Spans
    missing: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left, not even to be missing."""
        return not self.spans and not self.missing

    def intersect(self, other: "Domain") -> "Domain":
        """What is in both."""
        return Domain(intersected(self.spans, other.spans), self.missing and other.missing)

    def without(self, other: "Domain") -> "Domain":
        """What is here and not there."""
        return Domain(subtracted(self.spans, other.spans), self.missing and not other.missing)

    def contains(self, value: int) -> bool:
        """Whether a value is among them."""
        return any(low <= value <= high for low, high in self.spans)


NOTHING: Final = Domain(())


def spans_of(values: "set[int] | frozenset[int]") -> Spans:
    """Single values as spans."""
    found: list[tuple[int, int]] = []
    for value in sorted(values):
        if found and found[-1][1] == value - 1:
            found[-1] = (found[-1][0], value)
        else:
            found.append((value, value))
    return tuple(found)


def intersected(left: Spans, right: Spans) -> Spans:
    """What is in both."""
    found, at, other = [], 0, 0
    while at < len(left) and other < len(right):
        low, high = max(left[at][0], right[other][0]), min(left[at][1], right[other][1])
        if low <= high:
            found.append((low, high))
        if left[at][1] < right[other][1]:
            at += 1
        else:
            other += 1
    return tuple(found)


def subtracted(left: Spans, right: Spans) -> Spans:
    """What is in the left and not in the right."""
    found = []
    for start, end in left:
        low = start
        for other_low, other_high in right:
            if other_high < low:
                continue
            if other_low > end:
                break
            if other_low > low:
                found.append((low, other_low - 1))
            low = other_high + 1
        if low <= end:
            found.append((low, end))
    return tuple(found)
