"""One side of a merge: a record as it was read with the merges beside it, and which of them can be merged."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from api.merging.entries import STANDING, Image, Merge, MergeState
from api.ports import StoredRecord
from api.ports.merges import MergeRead


class Refusal(StrEnum):
    """Why records cannot be merged or separated, in words that name nobody."""

    ONE_ALREADY = "both are one customer already"
    NO_CUSTOMER = "no customer has one of these ids"
    SEVERAL_CUSTOMERS = "the identity means several customers: name one of them"
    MERGED_AWAY = "one of them was merged into another customer: name that customer"
    IN_PROGRESS = "another merge of one of them is not finished: finish it first"
    NOT_MERGED = "the record is not merged into anybody"
    MERGED_SINCE = "the customer that it is one with was merged since: separate that one first"


class Refused(Exception):
    """These records cannot be merged or separated; one sentence says why and what to do, with their ids."""

    def __init__(self, refusal: Refusal, sentence: str) -> None:
        self.refusal = refusal
        super().__init__(sentence)


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
        raise Refused(Refusal.ONE_ALREADY, f"`{winner}` is one customer already")
    if ours.record.owner is None:
        raise Refused(Refusal.NO_CUSTOMER, f"no customer has the id `{winner}`")
    if theirs.record.owner is None and ":" not in loser:
        raise Refused(Refusal.NO_CUSTOMER, f"no customer has the id `{loser}`")
    for side in (ours, theirs):
        if side.record.moved_to is not None:
            into_whom = side.record.moved_to.decode()
            raise Refused(Refusal.MERGED_AWAY, f"`{side.id}` was merged into `{into_whom}`: name that customer")
    into = next((each for each in theirs.standing() if each.state is MergeState.JOINED), None)
    if into is not None:
        sentence = f"`{into.loser}` is being merged into `{loser}`: finish that with --resume"
        raise Refused(Refusal.IN_PROGRESS, sentence)
