"""Merging two records that are one person's, and separating them again: steps that may be cut off anywhere and go on.

Each step reads, works out and changes one record together with what is noted beside it, if nothing changed in between.
The order is that of caution: before the loser's record leads to the winner's, the winner's holds the consent and the
contacts of both, and before it is its own again, it holds what happened while both were one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from secrets import token_hex
from time import time
from typing import Final, TypeVar

from msgspec.structs import replace

from api import ties
from api.adapters.records import encode_events
from api.merging import consents, histories
from api.merging.entries import (
    UNFINISHED,
    Image,
    Merge,
    MergeState,
    decode_merges,
    with_merge,
)
from api.merging.event_states import State, join_events, part_events
from api.merging.sides import Refusal, Refused, Side, before_of, given_in, see_that_they_can_merge
from api.ports import StoredRecord, StoreUnavailable, key_of
from api.ports.merges import MergeChange, MergeStore
from engine.decision import Snapshot
from engine.events import EventLayout

WITHIN_S: Final = 5.0
ATTEMPTS: Final = 20
"""How often a step begins again because somebody else wrote meanwhile."""
Fields = Mapping[str, bytes | int | None]
T = TypeVar("T")
R = TypeVar("R")


class Merging:
    """Merges and separates on a store; `read` says what a record's event state is under `layout`."""

    def __init__(
        self,
        store: MergeStore,
        *,
        layout: EventLayout,
        read: Callable[[StoredRecord], Snapshot],
        now: Callable[[], float] = time,
        mint: Callable[[], str] = lambda: f"m_{token_hex(6)}",
        settle: Callable[[Sequence[str]], Awaitable[object]] | None = None,
    ) -> None:
        """`settle` is told the records that became one, or two again: what is derived of them is made anew."""
        self._store = store
        self._layout = layout
        self._read_record = read
        self._now = now
        self._mint = mint
        self._settle = settle

    async def merge(self, loser: str, winner: str, *, by: str = "", why: str = "") -> Merge:
        """Make one customer of two: from then on the loser's identities mean the winner. Goes on with one cut off.

        Raises:
            Refused: they cannot be merged.
            StoreUnavailable: the store went away; the same call goes on later.
        """
        ours, theirs = await self._side(winner), await self._side(loser)
        merge = theirs.as_loser()
        if merge is not None and merge.state is MergeState.MERGED and merge.winner == winner:
            return await self._go_on(merge)
        if merge is None or merge.state not in UNFINISHED:
            see_that_they_can_merge(ours, theirs)
            merge = await self._begin(theirs, winner, by, why)
        elif merge.winner != winner:
            sentence = f"`{loser}` is being merged into `{merge.winner}`: finish that with --resume"
            raise Refused(Refusal.IN_PROGRESS, sentence)
        return await self._go_on(merge)

    async def unmerge(self, loser: str, *, by: str = "", why: str = "") -> Merge:
        """Make two customers of one again. Goes on with one cut off.

        Raises:
            Refused: the record was not merged, or into one that has been merged since.
            StoreUnavailable: the store went away; the same call goes on later.
        """
        side = await self._side(loser)
        merge = side.as_loser()
        if merge is None or merge.state is MergeState.SEPARATED:
            raise Refused(Refusal.NOT_MERGED, f"`{loser}` is not merged into anybody")
        if merge.state in {MergeState.BEGUN, MergeState.FROZEN, MergeState.MERGED}:
            moved_to = side.record.moved_to
            if moved_to is not None and moved_to.decode() != merge.winner:
                raise Refused(
                    Refusal.MERGED_SINCE,
                    f"`{loser}` is one with `{merge.winner}`, which was merged since: unmerge `{merge.winner}` first",
                )
            await self._store.note_open(merge.merge_id, loser, deadline=self._deadline())
            told = {"by": by or merge.by, "why": why or merge.why}
            merge = await self._note(merge, MergeState.SEPARATING, told)
        return await self._go_on(merge)

    async def resume(self) -> list[Merge]:
        """Finish every merge and reversal that was cut off."""
        finished = []
        for merge_id, loser in (await self._store.open(deadline=self._deadline())).items():
            merge = (await self._side(loser)).merge(merge_id)
            if merge is None:
                await self._store.note_closed(merge_id, deadline=self._deadline())
            else:
                finished.append(await self._go_on(merge))
        return finished

    async def history(self, customer: str) -> Sequence[Merge]:
        """Every merge that a record took part in, on either side, oldest first."""
        return (await self._side(customer)).merges

    # --- the steps ---------------------------------------------------------------------------------------------------

    async def _begin(self, side: Side, winner: str, by: str, why: str) -> Merge:
        merge = Merge(self._mint(), side.id, winner, MergeState.BEGUN, (), by, why).at(MergeState.BEGUN, self._now_ms())
        await self._store.note_open(merge.merge_id, side.id, deadline=self._deadline())
        if not await self._change(side, merge):
            raise StoreUnavailable("the record is being written, try again")
        return merge

    async def _go_on(self, merge: Merge) -> Merge:
        """Take the steps that are left."""
        if merge.state is MergeState.BEGUN:
            merge = await self._again(self._freeze, merge)
        if merge.state is MergeState.FROZEN:
            await self._again(self._copy, merge)
            merge = await self._note(merge, MergeState.MERGED)
        if merge.state is MergeState.SEPARATING:
            merge = await self._again(self._restore, merge)
        if merge.state is MergeState.RESTORED:
            await self._repoint(merge.loser, merge.winner, merge.loser)
            await self._again(self._part, merge)
            merge = await self._note(merge, MergeState.SEPARATED)
        if self._settle is not None:
            await self._settle((merge.winner, merge.loser))
        await self._store.note_closed(merge.merge_id, deadline=self._deadline())
        return merge

    async def _freeze(self, merge: Merge) -> Merge | None:
        """The winner holds consent and contacts of both; then the loser leads to it, if nothing of it changed."""
        theirs = await self._side(merge.loser)
        if not await self._join(merge, theirs):
            return None
        await self._repoint(merge.loser, merge.loser, merge.winner)
        frozen = merge.at(MergeState.FROZEN, self._now_ms())
        return frozen if await self._change(theirs, frozen, {"moved_to": merge.winner.encode()}) else None

    async def _join(self, merge: Merge, theirs: Side) -> bool:
        ours = await self._side(merge.winner)
        if (open_merge := ours.as_loser()) is not None and open_merge.state is not MergeState.SEPARATED:
            into = f"`{merge.winner}` is being merged into `{open_merge.winner}`"
            raise Refused(Refusal.IN_PROGRESS, f"{into}: unmerge `{merge.loser}` or `{merge.winner}`")
        given = Image.of(theirs.record)
        noted = ours.merge(merge.merge_id)
        before = noted.before if noted is not None and noted.before is not None else Image.of(ours.record)
        fields: dict[str, bytes | int | None] = {}
        consent = consents.stricter(Image.of(ours.record), given)
        if consent != ours.record.consent:
            fields |= {"k": consent, "kv": ours.record.consent_version + 1}
        contacts = histories.join_contacts(ours.record.contacts, given.contacts)
        if contacts != (ours.record.contacts or b""):
            fields |= {"h": contacts, "hv": ours.record.contacts_version + 1}
        joined = replace(
            (noted or replace(merge, steps=())).at(MergeState.JOINED, self._now_ms()),
            given=given,
            before=before,
            joined_consent=consent,
        )
        return await self._change(ours, joined, fields)

    async def _copy(self, merge: Merge) -> Merge | None:
        """Everything else that the loser brought, once."""
        ours, theirs = await self._side(merge.winner), await self._side(merge.loser)
        noted = ours.merge(merge.merge_id)
        if noted is None or noted.before is None:
            raise StoreUnavailable("the winner's side of a merge is missing")
        if noted.state is MergeState.COPIED:
            return noted
        given, was = Image.of(theirs.record), Image.of(ours.record)
        events = join_events(self._layout, self._events(was), self._events(given), known=given.known)
        fields: dict[str, bytes | int | None] = {
            "e": was.events if given.events is None else self._encoded(events),
            "n": histories.join_needs(was.needs, given.needs),
            "t": histories.join_terms(was.terms, given.terms),
            "oc": was.outcome_count + given.outcome_count,
            "g": ties.joined(was.ties, given.ties),
        }
        before = replace(
            noted.before,
            events=was.events,
            needs=was.needs,
            terms=was.terms,
            outcome_count=was.outcome_count,
            ties=was.ties,
        )
        copied = replace(noted.at(MergeState.COPIED, self._now_ms()), given=given, before=before)
        return copied if await self._change(ours, copied, fields, events=True) else None

    async def _restore(self, merge: Merge) -> Merge | None:
        """The loser's record is its own again, with what happened while both were one."""
        ours, theirs = await self._side(merge.winner), await self._side(merge.loser)
        noted = ours.merge(merge.merge_id)
        restored = merge.at(MergeState.RESTORED, self._now_ms())
        fields: dict[str, bytes | int | None] = {}
        if theirs.record.moved_to is not None:
            fields["moved_to"] = None
        if noted is not None and noted.given is not None and noted.before is not None and "moved_to" in fields:
            others = given_in(ours.standing(but=merge.merge_id))
            given = Image.of(theirs.record)
            contacts = histories.loser_contacts(ours.record.contacts, given, noted.before, others)
            fields |= {"h": contacts, "hv": theirs.record.contacts_version + 1}
            if not consents.unchanged_since(ours.merges, ours.record.consent):
                consent = consents.stricter(given, Image.of(ours.record))
                fields |= {"k": consent, "kv": theirs.record.consent_version + 1}
        return restored if await self._change(theirs, restored, fields, events=bool(fields)) else None

    async def _part(self, merge: Merge) -> Merge | None:
        """The winner's record without what only the loser brought, once."""
        ours = await self._side(merge.winner)
        noted = ours.merge(merge.merge_id)
        if noted is None or noted.state is MergeState.SEPARATED:
            return merge
        record = ours.record
        consent, later = consents.without(ours.merges, noted, record.consent)
        now = self._parted(Image.of(record), noted, given_in(ours.standing(but=merge.merge_id)))
        fields: dict[str, bytes | int | None] = {
            "h": now.contacts,
            "hv": record.contacts_version + 1,
            "k": consent,
            "kv": record.consent_version + 1,
            "e": now.events,
            "n": now.needs,
            "t": now.terms,
            "oc": now.outcome_count,
            "g": now.ties,
        }
        separated = noted.at(MergeState.SEPARATED, self._now_ms())
        corrected = [replace(each, before=self._parted(before_of(each), noted, ())) for each in later]
        merges = {each.merge_id: each for each in (*ours.merges, *corrected, separated)}
        side = ours._replace(merges=tuple(merges.values()))
        return separated if await self._change(side, separated, fields, events=True) else None

    def _parted(self, now: Image, merge: Merge, others: Sequence[Image]) -> Image:
        """What a record holds without what only the loser of one merge brought; consent as it is."""
        given, before = merge.given, merge.before
        assert given is not None
        assert before is not None
        contacts = histories.winner_contacts(now.contacts, given, before, others)
        if merge.state is not MergeState.COPIED:
            return replace(now, contacts=contacts)
        states = [state for state in map(self._events, others) if state is not None]
        events = part_events(self._layout, self._events(now), self._events(given), self._events(before), states)
        return replace(
            now,
            contacts=contacts,
            events=now.events if given.events is None else self._encoded(events),
            needs=histories.part_needs(now.needs, given, before),
            terms=histories.part_terms(now.terms, given, before),
            outcome_count=max(0, now.outcome_count - given.outcome_count),
            ties=ties.parted(now.ties, given.ties, before.ties),
        )

    async def _repoint(self, of: str, away_from: str, to: str) -> None:
        """Records that were merged into one, directly or not, lead to another: nobody follows two steps."""
        for each in (await self._side(of)).standing():
            await self._again(self._pointed, (each.loser, away_from, to))
            await self._repoint(each.loser, away_from, to)

    async def _pointed(self, what: tuple[str, str, str]) -> bool | None:
        loser, away_from, to = what
        side = await self._side(loser)
        moved_to = side.record.moved_to
        merge = side.as_loser()
        if merge is None or moved_to is None or moved_to.decode() != away_from:
            return True
        return (await self._change(side, merge, {"moved_to": to.encode()})) or None

    async def _note(self, merge: Merge, state: MergeState, told: Mapping[str, str] | None = None) -> Merge:
        """The loser's side of a merge after a step that changes nothing else."""

        async def noted(merge: Merge) -> Merge | None:
            side = await self._side(merge.loser)
            after = replace(merge, **(told or {})).at(state, self._now_ms())
            return after if await self._change(side, after) else None

        return await self._again(noted, merge)

    # --- reading and writing -----------------------------------------------------------------------------------------

    async def _again(self, step: Callable[[T], Awaitable[R | None]], of: T) -> R:
        for _ in range(ATTEMPTS):
            done = await step(of)
            if done is not None:
                return done
        raise StoreUnavailable("the records keep changing, try again")

    async def _side(self, record: str) -> Side:
        seen = await self._store.read(key_of(record), deadline=self._deadline())
        return Side(seen, decode_merges(seen.merges))

    async def _change(self, side: Side, merge: Merge, fields: Fields | None = None, *, events: bool = False) -> bool:
        change = MergeChange(
            deadline_ms=self._now_ms() + int(WITHIN_S * 1_000),
            merges=with_merge(side.merges, merge),
            fields=fields or {},
            disturbs_events=events,
        )
        return await self._store.change(side.seen, change, deadline=self._deadline())

    def _events(self, image: Image) -> State | None:
        return None if image.events is None else self._read_record(StoredRecord(events=image.events)).events

    def _encoded(self, state: State | None) -> bytes | None:
        return None if state is None else encode_events((self._layout, state))

    def _now_ms(self) -> int:
        return int(self._now() * 1_000)

    @staticmethod
    def _deadline() -> float:
        return asyncio.get_running_loop().time() + WITHIN_S
