"""Puts records together into customers: people's verdicts first, then declared keys, then scores, likeliest first.

INVARIANT: no customer holds two records that a person called different, nor two of a source in which nobody has two,
nor, unless a person said so, two with different values of a declared key.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import polars as pl

from api.linkage.records import RECORD
from api.linkage.scored import Pair
from api.linkage.spec import Linkage


class How(StrEnum):
    """What put a record to its customer."""

    ALONE = "alone"
    ACCEPTED = "accepted"
    """A person said so."""
    KEY = "key"
    SCORE = "score"


class Doubt(NamedTuple):
    """A pair that a person has to look at, and why."""

    pair: Pair
    reason: str
    """`score`: not sure enough, and no key says otherwise; `apart`: sure enough, but something keeps the two apart."""


class Linked(NamedTuple):
    """The outcome: customers as tuples of records, how each record came there, and what is in doubt."""

    clusters: tuple[tuple[str, ...], ...]
    how: Mapping[str, tuple[How, float]]
    """The strongest link of each record, and how likely it is."""
    doubts: tuple[Doubt, ...]
    refused: int
    """Links by key or verdict that something kept from being made."""


class _Clusters:
    def __init__(self, records: pl.DataFrame, linkage: Linkage, apart: Iterable[tuple[str, str]]) -> None:
        self.of: dict[str, str] = {name: name for name in records[RECORD]}
        self.members: dict[str, list[str]] = {name: [name] for name in self.of}
        self._unique = {name for name, source in linkage.sources.items() if source.unique}
        self._keys = [_values(records, key) for key in linkage.keys]
        self._apart: dict[str, set[str]] = {}
        for left, right in apart:
            self._apart.setdefault(left, set()).add(right)
            self._apart.setdefault(right, set()).add(left)

    def join(self, left: str, right: str, *, by_verdict: bool = False) -> bool:
        """Make one of the clusters of two records, unless something keeps them apart; True where they are one."""
        one, other = self.of[left], self.of[right]
        if one == other:
            return True
        if len(self.members[one]) < len(self.members[other]):
            one, other = other, one
        if self._kept_apart(self.members[one], self.members[other]):
            return False
        if not by_verdict and self._differ(self.members[one], self.members[other]):
            return False
        for name in self.members[other]:
            self.of[name] = one
        self.members[one] += self.members.pop(other)
        return True

    def _kept_apart(self, many: Sequence[str], few: Sequence[str]) -> bool:
        held = set(many)
        if any(not held.isdisjoint(self._apart.get(name, ())) for name in few):
            return True
        if not self._unique:
            return False
        sources = {_source(name) for name in many} & {_source(name) for name in few}
        return not sources.isdisjoint(self._unique)

    def differ(self, left: str, right: str) -> bool:
        """Whether a declared key says that two records' customers are two."""
        return self._differ(self.members[self.of[left]], self.members[self.of[right]])

    def _differ(self, many: Sequence[str], few: Sequence[str]) -> bool:
        """Whether both have a declared key, and none of its values in common."""
        for value_of in self._keys:
            ours, theirs = ({value_of[name] for name in names if name in value_of} for names in (many, few))
            if ours and theirs and ours.isdisjoint(theirs):
                return True
        return False


def _values(records: pl.DataFrame, key: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The value of a key in each record that has it whole."""
    whole = records.filter(pl.all_horizontal(pl.col(field).is_not_null() for field in key))
    return {row[0]: row[1:] for row in whole.select(RECORD, *key).iter_rows()}


def link(
    linkage: Linkage, records: pl.DataFrame, scored: Sequence[Pair], verdicts: Mapping[tuple[str, str], bool]
) -> Linked:
    """Put records together; `verdicts` of people, True for one person, by pair; `scored` likeliest first."""
    here = set(records[RECORD])
    known = {pair: same for pair, same in verdicts.items() if here.issuperset(pair)}
    clusters = _Clusters(records, linkage, (pair for pair, same in known.items() if not same))
    how: dict[str, tuple[How, float]] = {}
    refused = 0
    certain = [(How.ACCEPTED, pair) for pair, same in known.items() if same]
    certain += [(How.KEY, pair) for key in linkage.keys for pair in _alike(records, key)]
    for why, (left, right) in certain:
        if clusters.join(left, right, by_verdict=why is How.ACCEPTED):
            for name in (left, right):
                how.setdefault(name, (why, 1.0))
        else:
            refused += 1
    doubts = []
    for pair in scored:
        if pair.probability >= linkage.accept_at:
            if clusters.join(pair.left, pair.right):
                for name in (pair.left, pair.right):
                    how.setdefault(name, (How.SCORE, pair.probability))
            else:
                doubts.append(Doubt(pair, "apart"))
        elif not clusters.differ(pair.left, pair.right):
            doubts.append(Doubt(pair, "score"))
    return Linked(
        clusters=tuple(sorted(tuple(sorted(members)) for members in clusters.members.values())),
        how={name: how.get(name, (How.ALONE, 1.0)) for name in clusters.of},
        doubts=tuple(_worth_asking(doubts, clusters.of, known)),
        refused=refused,
    )


def _alike(records: pl.DataFrame, key: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Records with the same values in all fields of a key, each with the first of them."""
    whole = records.filter(pl.all_horizontal(pl.col(field).is_not_null() for field in key))
    firsts = whole.select(RECORD, pl.col(RECORD).first().over(list(key)).alias("first"))
    for name, first in firsts.filter(pl.col(RECORD) != pl.col("first")).sort(RECORD).iter_rows():
        yield (min(name, first), max(name, first))


def _worth_asking(
    doubts: Sequence[Doubt], cluster_of: Mapping[str, str], verdicts: Mapping[tuple[str, str], bool]
) -> Iterable[Doubt]:
    """Of the doubts between the same two customers the likeliest; none that is answered already."""
    asked = set()
    for doubt in doubts:
        left, right = cluster_of[doubt.pair.left], cluster_of[doubt.pair.right]
        between = frozenset((left, right))
        if left != right and doubt.pair[:2] not in verdicts and between not in asked:
            asked.add(between)
            yield doubt


def _source(record: str) -> str:
    return record.partition(":")[0]


def customer_of(linkage: Linkage, cluster: Sequence[str]) -> str:
    """What a cluster's customer is called: the first id of the first source, or the first record's own name."""
    order = {name: at for at, name in enumerate(linkage.sources)}
    first = min(cluster, key=lambda record: (order[_source(record)], record))
    return first.partition(":")[2] if _source(first) == linkage.master else first
