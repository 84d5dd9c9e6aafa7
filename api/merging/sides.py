"""One side of a merge: a record as it was read with the merges beside it, and which of them can be merged."""

from collections.abc import Sequence
from typing import NamedTuple

from api.merging.entries import STANDING, Image, Merge, MergeState
from api.ports import StoredRecord
from api.ports.merges import MergeRead


class Refused(Exception):
    """These records cannot be merged or separated; one sentence says why and what to do."""


class Side(NamedTuple):
    """A record as it was read, and its merges, oldest first."""

    seen: MergeRead
    merges: tuple[Merge, ...]

    @property
    def record(self) -> StoredRecord:
        return self.seen.record

    @property
    def id(self) -> str:
        return self.seen.key.record

    def merge(self, merge_id: str) -> Merge | None:
        """What this side notes of a merge."""
        return next((each for each in self.merges if each.merge_id == merge_id), None)

    def as_loser(self) -> Merge | None:
        """The last merge in which this record was the loser."""
        return next((each for each in reversed(self.merges) if each.loser == self.id), None)

    def standing(self, but: str = "") -> list[Merge]:
        """The merges into this record that hold, but for one."""
        return [each for each in self.merges if each.state in STANDING and each.merge_id != but]


def given_in(merges: Sequence[Merge]) -> list[Image]:
    """What the losers of merges brought."""
    return [each.given for each in merges if each.given is not None]


def before_of(merge: Merge) -> Image:
    """What the winner of a merge held before it."""
    assert merge.before is not None
    return merge.before


def see_that_they_can_merge(ours: Side, theirs: Side) -> None:
    """Raises `Refused` where the two records cannot be merged."""
    winner, loser = ours.id, theirs.id
    if winner == loser:
        raise Refused(f"`{winner}` is one customer already")
    if ours.record.owner is None:
        raise Refused(f"no customer has the id `{winner}`")
    if theirs.record.owner is None and ":" not in loser:
        raise Refused(f"no customer has the id `{loser}`")
    for side in (ours, theirs):
        if side.record.moved_to is not None:
            raise Refused(f"`{side.id}` was merged into `{side.record.moved_to.decode()}`: name that customer")
    into = next((each for each in theirs.standing() if each.state is MergeState.JOINED), None)
    if into is not None:
        raise Refused(f"`{into.loser}` is being merged into `{loser}`: finish that with --resume")
