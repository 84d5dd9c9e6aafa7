"""One world lived through by one chooser: weeks of choices, answers and retraining, and what they were truly worth."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from bench.learning.book import Book
from bench.learning.bounded import draw_each, weigh_all
from bench.learning.learner import Make, Model
from bench.learning.world import Frame, World, world
from engine import Plan
from engine.ports import Outlook
from models.arrays import Codes, Flags, Floats
from models.standing import outlook

BOUND: Final = 0.004
"""Of exploration, as in the starter rules."""


@dataclass(slots=True)
class Week:
    """Sums over the slots of a week; worths are true expected values."""

    number: int
    slots: int = 0
    worth: dict[str, float] = field(default_factory=dict)
    """By policy: `chosen`, `greedy`, `frozen`, `random`, `oracle`, `omniscient`."""
    admitted: list[int] = field(default_factory=lambda: [0, 0])
    """Slots in which each newcomer might have been shown."""
    shown: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """The chances with which it was."""
    oracle_shown: list[int] = field(default_factory=lambda: [0, 0])

    def capture(self, policy: str = "chosen") -> float:
        """How far from random (0) to the observable oracle (1)."""
        worth = self.worth
        return (worth[policy] - worth["random"]) / (worth["oracle"] - worth["random"])

    @property
    def regret(self) -> float:
        """What was missed of the observable oracle, a slot."""
        return (self.worth["oracle"] - self.worth["chosen"]) / self.slots

    def as_data(self) -> dict[str, object]:
        """Everything, with captures, for the committed figures."""
        captures = {name: round(self.capture(name), 4) for name in self.worth if name not in ("random", "oracle")}
        return (
            asdict(self)
            | {"worth": {name: round(value, 2) for name, value in self.worth.items()}}
            | {"capture": captures}
        )


class Loop:
    """A chooser in a world."""

    def __init__(self, book: Book, greeting: Frame, make: Make, seed: int) -> None:
        self.weeks: list[Week] = []
        self._book, self._chooser = book, make(book)
        self._rng = np.random.default_rng(seed)
        self._first_day = int(greeting["first_day"])
        self._change_week = int(greeting["change_week"])
        self._newcomers: list[int] = greeting["newcomers"].tolist()
        self._frozen: Model | None = None
        self._last: tuple[Frame, Codes, Floats, Floats, Floats] | None = None

    def day(self, asked: Frame) -> Frame:
        """Learn from yesterday, and choose for today."""
        number = (int(asked["day"]) - self._first_day) // 7 + 1
        self.end_day(asked)
        if not self.weeks or self.weeks[-1].number < number:
            self._begin_week(number)
        rows = self._book.rows_of(asked) if self._chooser.reads_rows else np.empty((asked["open_to"].size, 0))
        score, logit = self._chooser.score(asked, rows)
        inside = asked["open_to"].astype(bool)
        priority = score * self._book.worth
        chance, choice = self._choose(asked, priority, inside)
        policies = {"policy.chosen": chance, "policy.greedy": _best(priority, inside)}
        if self._frozen is not None:
            policies["policy.frozen"] = _best(self._frozen.score(asked, rows)[0] * self._book.worth, inside)
        every = np.arange(len(choice))
        shown_rows = rows[every * len(self._book.offers) + choice]
        self._last = (asked, choice, shown_rows, logit[every, choice], chance)
        return {"choice": choice} | {name: chances.astype(np.float32) for name, chances in policies.items()}

    def _choose(self, asked: Frame, priority: Floats, inside: Flags) -> tuple[Floats, Codes]:
        """The chances, and what was drawn by them."""
        chance = weigh_all(priority, inside, *self._known(asked), BOUND)
        return chance, draw_each(chance, self._rng)

    def end_day(self, heard: Frame) -> None:
        """Take the answers and the truth of the day before."""
        if self._last is None:
            return
        asked, choice, rows, logit, chance = self._last
        news = {name.removeprefix("news."): column for name, column in heard.items() if name.startswith("news.")}
        self._book.learn(asked, choice, rows, logit, news)
        week = self.weeks[-1]
        week.slots += int(news["slots"])
        for name, column in news.items():
            if name.startswith("worth."):
                policy = name.removeprefix("worth.")
                week.worth[policy] = week.worth.get(policy, 0.0) + float(column)
        for at, offer in enumerate(self._newcomers):
            week.admitted[at] += int(news["admitted"][offer])
            week.oracle_shown[at] += int(news["oracle.shown"][offer])
            week.shown[at] += float(chance[:, offer].sum())

    def _begin_week(self, number: int) -> None:
        if number == self._change_week and isinstance(self._chooser, Model):
            held = self._chooser
            self._frozen = Model(self._book, held.bound, held.booster)
        self._chooser.retrain()
        if self.weeks:
            sys.stdout.write(f"  week {number - 1}: capture {self.weeks[-1].capture():.3f}\n")
            sys.stdout.flush()
        self.weeks.append(Week(number=number))

    def _known(self, asked: Frame) -> tuple[Floats, Floats, Outlook]:
        """Positives of each offer on the slots' channels and on all, and what may still be found out about them."""
        book, rates = self._book, self._chooser.rates
        plan = book.plan
        counts = np.array(
            [[rates.positives_of(plan.actions[at].id, channel.id) for at in book.offers] for channel in plan.channels],
            dtype=np.float64,
        )
        told = outlook(plan, rates)
        seen = Outlook(
            promise=[told.promise[at] for at in book.offers],
            launched=frozenset(offer for offer, at in enumerate(book.offers) if at in told.launched),
        )
        return counts[book.channel_of(asked)], counts.sum(axis=0), seen


def _best(priority: Floats, inside: Floats) -> Floats:
    best = np.zeros(priority.shape)
    best[np.arange(len(priority)), np.where(inside, priority, -np.inf).argmax(axis=1)] = 1.0
    return best


def live(plan: Plan, rules: Path, folder: Path, make: Make, *, seed: int, customers: int, weeks: int) -> Sequence[Week]:
    """Live through one world, and say what each week was worth."""
    with world(rules, folder, seed=seed, customers=customers, weeks=weeks) as opened:
        loop = Loop(Book(plan, folder, opened.greeting, customers), opened.greeting, make, seed)
        play(loop, opened)
        return loop.weeks


def play(loop: Loop, opened: World) -> None:
    """Choose day after day until the world has ended."""
    while True:
        heard = opened.hear()
        if "day" not in heard:
            loop.end_day(heard)
            return
        opened.say(loop.day(heard))
