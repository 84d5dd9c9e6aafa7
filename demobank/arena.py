"""The hidden world as a partner: somebody else chooses what is shown, day by day, and the world answers.

It keeps the books of what every choice was truly worth, which the other side is told and can learn nothing from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from demobank.arrays import Floats, Ints, Singles, Table, sigmoid
from demobank.audience import Audience
from demobank.calendar import DAY_SECONDS, WEEKS
from demobank.history import History
from demobank.needs import DRIVER_OF_NEED, THEMES, Needs, Traces
from demobank.people import People
from demobank.stage import Encounter, Stage
from demobank.world import NEED_WEIGHT, RECEPTIVENESS_SIGMA, World

EVIDENCE_AGE_EDGES = (1, 2, 4, 8, 12, 16, 20, 26, 36, 52)  # whole weeks since the last event of the theme
DRIVER_SHARES = (0.15, 0.4, 0.6, 0.85)

Choose = Callable[[Table], Table]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What happens while somebody else chooses; days count from the beginning of the history."""

    first_day: int
    launch_day: int
    newcomers: tuple[int, ...]
    """Offers that nobody can be shown before `launch_day`."""
    change_day: int
    world: World
    audience: Audience
    """From `change_day` on."""


class Arena(History):
    """A history whose old policy steps aside on the course's first day."""

    def __init__(self, stage: Stage, rng: np.random.Generator, course: Course, need: Singles, choose: Choose) -> None:
        """`need`: customers x weeks x themes, how likely each need is as far as anybody could know."""
        super().__init__(stage, rng)
        self._course, self._need, self._choose = course, need, choose
        self._news: Table = {}

    def past(self) -> Table:
        """The contacts so far."""
        return self._contacts.so_far()

    @property
    def news(self) -> Table:
        """How the last choices turned out, and what they were worth."""
        return self._news

    def _encounter(self, day: int, visit: Ints) -> Encounter:
        course = self._course
        if day == course.change_day:
            self._stage = replace(self._stage, world=course.world, audience=course.audience)
        met = super()._encounter(day, visit)
        open_to = met.open_to.copy()
        if day < course.launch_day:
            open_to[:, course.newcomers] = False
        if day < course.first_day:
            return replace(met, open_to=open_to)
        return replace(met, open_to=open_to, items=np.ones_like(met.items), uniform=np.zeros(len(visit), dtype=bool))

    def _meet(self, day: int, met: Encounter) -> None:
        super()._meet(day, met)
        if day >= self._course.first_day:
            last = self._contacts.last
            self._news |= {name: last[name] for name in ("customer", "seen", "positive", "declined", "answered_at")}

    def _wishes(self, met: Encounter) -> Singles:
        day = int(met.at[0]) // DAY_SECONDS
        if day < self._course.first_day:
            return super()._wishes(met)
        rows = np.flatnonzero(met.open_to.any(axis=1))
        chosen = self._choose(
            {
                "day": np.array(day),
                "customer": met.customer[rows],
                "at": met.at[rows],
                "channel": met.channel[rows],
                "placement": met.placement[rows],
                "open_to": met.open_to[rows],
                "held": self._memory.held[met.customer[rows]],
                **{f"news.{name}": column for name, column in self._news.items()},
            }
        )
        self._news = self._books(met, rows, day // 7, chosen)
        wish = np.full(met.open_to.shape, -np.inf, dtype=np.float32)
        wish[rows, chosen["choice"]] = 0.0
        return wish

    def _books(self, met: Encounter, rows: Ints, week: int, chosen: Mapping[str, Floats]) -> Table:
        """What the choices of a day were worth in truth, summed up."""
        world, inside = self._stage.world, met.open_to[rows]
        examination = self._examination[met.placement[rows], 0].astype(float)
        worth = np.where(inside, examination[:, None] * sigmoid(met.logit[rows].astype(float)) * world.value, 0.0)
        need = self._need[met.customer[rows], week]
        moved = np.where(world.theme >= 0, need[:, np.maximum(world.theme, 0)], 0.0)
        visible = visible_chances(met.shown_logit[rows], examination, moved) * world.value
        oracle = np.where(inside, visible, -1.0).argmax(axis=1)
        every = np.arange(len(rows))
        news: Table = {
            "slots": np.array(len(rows)),
            "worth.random": np.array((worth.sum(axis=1) / inside.sum(axis=1)).sum()),
            "worth.oracle": np.array(worth[every, oracle].sum()),
            "worth.omniscient": np.array(worth.max(axis=1).sum()),
            "admitted": inside.sum(axis=0),
            "oracle.shown": np.bincount(oracle, minlength=worth.shape[1]),
        }
        for name, chances in chosen.items():
            if name.startswith("policy."):
                news[f"worth.{name.removeprefix('policy.')}"] = np.array((chances * worth).sum())
        return news


def visible_chances(shown_logit: Singles, examination: Floats, need: Floats) -> Floats:
    """The observable oracle: receptiveness and need are averaged out, for they cannot be seen."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    guess = np.zeros(shown_logit.shape)
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        logit = shown_logit.astype(float) + RECEPTIVENESS_SIGMA * node
        guess += weight * ((1.0 - need) * sigmoid(logit) + need * sigmoid(logit + NEED_WEIGHT))
    return np.asarray(examination[:, None] * guess)


def need_chances(people: People, needs: Needs, traces: Traces) -> Singles:
    """Customers x weeks x themes: the share of cases in need among those with such a driver and such a last event."""
    chances = np.empty((people.count, WEEKS, len(THEMES)), dtype=np.float32)
    for theme, name in enumerate(THEMES):
        on = (needs.bits >> theme) & 1
        driver = people.shown[DRIVER_OF_NEED[name]]
        missing = people.missing.get(DRIVER_OF_NEED[name], np.zeros(people.count, dtype=bool))
        fifth = np.where(missing, 5, np.digitize(driver, np.quantile(driver[~missing], DRIVER_SHARES)))
        age = _weeks_since(traces, theme, people.count)
        cell = np.digitize(age, EVIDENCE_AGE_EDGES) * 6 + fifth[:, None]
        count, needed = np.bincount(cell.ravel()), np.bincount(cell.ravel(), weights=on.ravel())
        chances[:, :, theme] = ((needed + 20 * on.mean()) / (count + 20))[cell]
    return chances


def _weeks_since(traces: Traces, theme: int, customers: int) -> Floats:
    """Customers x weeks: whole weeks since the last event of a theme that an earlier week saw."""
    own = traces.theme == theme
    last = np.full((customers, WEEKS + 1), -1_000.0)
    week = traces.at[own] // (7 * DAY_SECONDS)
    last[traces.customer[own], week + 1] = week
    seen = np.maximum.accumulate(last, axis=1)[:, :WEEKS]
    return np.asarray(np.arange(WEEKS) - seen)


def launched(world: World) -> tuple[World, tuple[int, int]]:
    """Two offers to come: the one that is liked by about three percent, and one that hardly anybody will like."""
    hit, dud = np.argsort(np.abs(np.log(world.rate / 0.03)), kind="stable")[:2].tolist()
    rate, bias = world.rate.copy(), world.bias.copy()
    bias[dud] += np.log(0.001 / rate[dud])
    rate[dud] = 0.001
    return replace(world, rate=rate, bias=bias), (hit, dud)
