"""Two years of offers and answers, day by day: what the bank's old policy showed, and how the hidden world answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from demobank.arrays import Bools, Ints, Singles, Table
from demobank.calendar import DAY_SECONDS, DAYS
from demobank.memory import Memory, Openings, Rows
from demobank.rulebook import CHANNELS
from demobank.stage import CAUSED, ORGANIC, SURE, Encounter, Journal, Stage
from demobank.world import (
    DECLINE_WEIGHT,
    DELAY_LIMIT_DAYS,
    DELAY_MEDIAN_DAYS,
    DELAY_SIGMA,
    NEED_WEIGHT,
    OTHER_EXPOSURE_WEIGHT,
    OWN_EXPOSURE_WEIGHT,
    RANK_FACTORS,
    RELUCTANT_CONVERSION,
    season,
)

WHIM = 0.8  # scale of the Gumbel noise in the old policy
TELLER_INSIGHT = 0.8  # what a branch saw of a need and never wrote down
SEEN = {"atm": 0.97, "web": 0.97, "pc": 0.97, "phone": 0.88, "branch": 0.85}
DECLINED = {"atm": 0.03, "web": 0.03, "pc": 0.05, "phone": 0.4, "branch": 0.45}
ANSWER_SECONDS = (5, 600)
# An offer within four weeks (two half-lives) makes a reluctant customer drop half of what they would have bought.
RECENT_EXPOSURE, PUT_OFF = 0.25, 0.5
BRANCH = CHANNELS.index("branch")
_CONTACT_TYPES = {
    "key": "i8",
    "customer": "i4",
    "at": "i8",
    "channel": "u1",
    "placement": "u1",
    "rank": "u1",
    "offer": "i2",
    "seen": "?",
    "positive": "?",
    "declined": "?",
    "answered_at": "i8",
    "uniform": "?",
    "candidates": "i2",
    "chance": "f4",
}
_OPENING_TYPES = {"customer": "i4", "offer": "i2", "at": "i8", "cause": "u1"}


class History:
    """One run of the hidden world over the whole calendar."""

    def __init__(self, stage: Stage, rng: np.random.Generator) -> None:
        offers = len(stage.world.offers)
        self._stage, self._rng = stage, rng
        self._memory = Memory(stage.held, stage.world.twins)
        self._season = season(stage.world, stage.angles).astype(np.float32)
        self._channel_offer = stage.world.channel_group[:, stage.world.group].astype(np.float32)
        self._examination = stage.world.examination.astype(np.float32)
        self._sure = np.flatnonzero(stage.world.sure_thing)
        self._seen = np.array([SEEN[channel] for channel in CHANNELS])
        self._declined = np.array([DECLINED[channel] for channel in CHANNELS])
        self._contacts = Rows(**_empty(_CONTACT_TYPES))
        self._openings = Rows(**_empty(_OPENING_TYPES))
        self._slots = Rows(
            key=np.empty(0, dtype=np.int64),
            examination=np.empty(0, dtype=np.float32),
            logit=np.empty((0, offers), dtype=np.float32),
            shown_logit=np.empty((0, offers), dtype=np.float32),
        )

    def run(self, advance: Callable[[int], None]) -> Journal:
        """Live through every day; `advance` hears of each that is done."""
        stage = self._stage
        closing_days, organic_days = stage.closings.by_day(), stage.organic.by_day()
        visit_edges = np.searchsorted(stage.visits.at, np.arange(DAYS + 1) * DAY_SECONDS)
        for day in range(DAYS):
            gone = closing_days[day]
            self._memory.held[stage.closings.customer[gone], stage.closings.offer[gone]] = False
            self._record_openings(self._memory.open_due(day, self._organic(day, organic_days[day])))
            today = np.arange(visit_edges[day], visit_edges[day + 1])
            if len(today):
                self._meet(day, self._encounter(day, today))
            advance(day + 1)
        self._record_openings(self._memory.open_due(DAYS, self._organic(DAYS, slice(0, 0))))
        return self._journal()

    def _organic(self, day: int, rows: slice) -> Openings:
        """Openings of their own accord. Reluctant customers drop some when they are being sold to."""
        organic, reluctant = self._stage.organic, self._stage.audience.reluctant
        customer, offer = organic.customer[rows], organic.offer[rows]
        exposures = self._memory.exposures(customer, np.full(len(customer), day, dtype=np.float32)).sum(axis=1)
        pushed = reluctant[customer] & ~self._stage.world.sure_thing[offer] & (exposures > RECENT_EXPOSURE)
        kept = ~(pushed & (self._rng.random(len(customer)) < PUT_OFF))
        cause = np.full(len(customer), ORGANIC, dtype=np.uint8)
        return Openings(customer=customer, offer=offer, at=organic.at[rows], cause=cause)[kept]

    def _encounter(self, day: int, visit: Ints) -> Encounter:
        stage, memory = self._stage, self._memory
        customer, at = stage.visits.customer[visit], stage.visits.at[visit]
        moment = (at / DAY_SECONDS).astype(np.float32)
        channel = stage.visits.channel[visit]
        exposures = memory.exposures(customer, moment)
        others = exposures.sum(axis=1, keepdims=True) - exposures
        needed = self._needed(customer, day // 7)
        context = self._channel_offer[channel] + self._season[day]
        worn = (
            np.float32(OWN_EXPOSURE_WEIGHT) * exposures
            + np.float32(OTHER_EXPOSURE_WEIGHT) * others
            + np.float32(DECLINE_WEIGHT) * memory.sourness(customer, moment)
        )
        calm = stage.audience.fixed[customer] + context + np.float32(NEED_WEIGHT) * needed
        return Encounter(
            visit=visit,
            customer=customer,
            at=at,
            day=moment,
            channel=channel,
            placement=stage.visits.placement[visit],
            items=stage.visits.items[visit] if stage.offering else np.zeros(len(visit), dtype=np.uint8),
            exposures=exposures,
            needed=needed,
            calm=calm,
            logit=calm - worn,
            shown_logit=stage.audience.shown_fixed[customer] + context - worn,
            open_to=~memory.held[customer],
            uniform=self._rng.random(len(visit)) < stage.uniform_share,
        )

    def _needed(self, customer: Ints, week: int) -> Singles:
        """Whether each offer's need is on; never for offers without one."""
        theme = self._stage.world.theme
        bits = self._stage.audience.need_bits[customer, week][:, None]
        return np.asarray(((bits >> np.maximum(theme, 0).astype(np.uint8)) & 1) * (theme >= 0), dtype=np.float32)

    def _meet(self, day: int, met: Encounter) -> None:
        luck = self._rng.random((len(met.visit), len(self._sure)), dtype=np.float32)
        self._open_sure_things(day, met, luck)
        wish = self._wishes(met)
        candidates = met.open_to.sum(axis=1)
        exposures = met.exposures
        for rank in range(len(RANK_FACTORS)):
            rows = np.flatnonzero((met.items > rank) & (candidates > rank))
            if not len(rows):
                break
            offer = wish[rows].argmax(axis=1)
            if met.uniform.any():
                self._record_slots(met, rows[met.uniform[rows]], wish, rank)
            wish[rows, offer] = -np.inf
            seen = self._answer(day, met, rows, offer, rank, candidates[rows] - rank, luck)
            exposures[rows[seen], offer[seen]] += 1.0
        self._memory.expose(met.customer, met.day, exposures)

    def _wishes(self, met: Encounter) -> Singles:
        """How much the old policy, or pure chance, wants to show each offer; -inf for what is held."""
        whim = -np.log(np.maximum(self._rng.standard_exponential(met.logit.shape, dtype=np.float32), 1e-30))
        insight = np.float32(TELLER_INSIGHT) * met.needed * (met.channel == BRANCH)[:, None]
        belief = self._stage.audience.leaning[met.customer] + insight
        wish = np.float32(WHIM) * whim + np.where(met.uniform[:, None], np.float32(0.0), belief)
        return np.where(met.open_to, wish, -np.inf)

    def _open_sure_things(self, day: int, met: Encounter, luck: Singles) -> None:
        """Open what would have been opened anyway.

        INVARIANT: whether a sure thing opens depends on nothing that was ever offered, so its uplift is exactly 0.
        """
        for column, offer in enumerate(self._sure):
            intent = self._examination[met.placement, 0] * _sigmoid(met.calm[:, offer])
            rows = np.flatnonzero(
                met.open_to[:, offer] & (luck[:, column] < intent * self._stage.world.conversion[offer])
            )
            self._schedule(day, met.customer[rows], np.full(len(rows), offer, dtype=np.int16), met.at[rows], SURE)

    def _answer(
        self,
        day: int,
        met: Encounter,
        rows: Ints,
        offer: Ints,
        rank: int,
        candidates: Ints,
        luck: Singles,
    ) -> Bools:
        """Show one offer each, let the world answer, write it down; returns who saw it."""
        customer, channel, at = met.customer[rows], met.channel[rows], met.at[rows]
        chance = self._examination[met.placement[rows], rank] * _sigmoid(met.logit[rows, offer])
        draw = self._rng.random((4, len(rows)))
        for column, sure in enumerate(self._sure):
            draw[0] = np.where(offer == sure, luck[rows, column], draw[0])
        seen: Bools = draw[1] < self._seen[channel]
        positive = seen & (draw[0] < chance)
        declined = seen & ~positive & (draw[2] < self._declined[channel])
        answered_at = at + self._rng.integers(*ANSWER_SECONDS, len(rows))
        self._memory.decline(customer[declined], offer[declined], met.day[rows][declined])

        converting = self._stage.world.conversion[offer] * np.where(
            self._stage.audience.reluctant[customer], RELUCTANT_CONVERSION, 1.0
        )
        converts = np.flatnonzero(positive & (draw[3] < converting) & ~self._stage.world.sure_thing[offer])
        self._schedule(day, customer[converts], offer[converts].astype(np.int16), answered_at[converts], CAUSED)
        self._contacts.add(
            key=met.visit[rows] * len(RANK_FACTORS) + rank,
            customer=customer,
            at=at,
            channel=channel,
            placement=met.placement[rows],
            rank=np.full(len(rows), rank + 1, dtype=np.uint8),
            offer=offer.astype(np.int16),
            seen=seen,
            positive=positive,
            declined=declined,
            answered_at=answered_at,
            uniform=met.uniform[rows],
            candidates=candidates.astype(np.int16),
            chance=chance,
        )
        return seen

    def _schedule(self, day: int, customer: Ints, offer: Ints, at: Ints, cause: int) -> None:
        days = DELAY_MEDIAN_DAYS * np.exp(DELAY_SIGMA * self._rng.standard_normal(len(customer)))
        later = at + (np.minimum(days, DELAY_LIMIT_DAYS - 1) * DAY_SECONDS).astype(np.int64) + 60
        causes = np.full(len(customer), cause, dtype=np.uint8)
        self._memory.schedule(day, Openings(customer=customer, offer=offer, at=later, cause=causes))

    def _record_slots(self, met: Encounter, rows: Ints, wish: Singles, rank: int) -> None:
        inside = np.isfinite(wish[rows])
        self._slots.add(
            key=met.visit[rows] * len(RANK_FACTORS) + rank,
            examination=self._examination[met.placement[rows], rank],
            logit=np.where(inside, met.logit[rows], np.float32(np.nan)),
            shown_logit=np.where(inside, met.shown_logit[rows], np.float32(np.nan)),
        )

    def _record_openings(self, opened: Openings) -> None:
        self._openings.add(customer=opened.customer, offer=opened.offer, at=opened.at, cause=opened.cause)

    def _journal(self) -> Journal:
        contacts, slots = self._contacts.table(), self._slots.table()
        contacts = _sorted_by(contacts, np.argsort(contacts["key"]))
        slots = _sorted_by(slots, np.argsort(slots["key"]))
        slots["contact"] = np.searchsorted(contacts["key"], slots.pop("key"))
        contacts["visit"] = contacts.pop("key") // len(RANK_FACTORS)
        openings = self._openings.table()
        return Journal(contacts, _sorted_by(openings, np.argsort(openings["at"], kind="stable")), slots)


def _sigmoid(logit: Singles) -> Singles:
    return np.float32(1.0) / (np.float32(1.0) + np.exp(-logit))


def _empty(types: Mapping[str, str]) -> Table:
    return {name: np.empty(0, dtype=kind) for name, kind in types.items()}


def _sorted_by(table: Table, order: Ints) -> Table:
    """The rows in that order; the table is used up, column by column."""
    return {name: table.pop(name)[order] for name in list(table)}
