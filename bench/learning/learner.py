"""The two that choose: the product's model, retrained every week, and popularity, counted as often."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar, Final, Protocol

import numpy as np

from bench.learning.book import Book
from bench.learning.world import Frame
from models.arrays import Codes, Flags, Floats
from models.artefact import Learned, Settings
from models.baseline import positive_rate
from models.boosting import lightgbm
from models.calibrate import Platt, fit_platt
from models.exposure import Exposure, fit_exposure
from models.forest import read_forest
from models.logistic import sigmoid
from models.metrics import log_loss
from models.propensity import PropensityModel
from models.rates import Rates, count_rates
from models.rows import TrainingRows
from models.train import answers_of, grow, shown_of

SETTINGS: Final = Settings()
HALF_LIVES: Final = (None, 60.0)
"""Of recency, in days, among which the last weeks choose."""
_CHOSEN_EVERY: Final = 4
"""Weeks."""
_WEEK_S: Final = 7 * 86_400
_CALIBRATION_WEEKS: Final = 4


class Chooser(Protocol):
    """What chooses in one world."""

    rates: Rates
    reads_rows: ClassVar[bool]
    """Whether it looks at customers at all."""

    def retrain(self) -> None:
        """Take in everything that was seen."""

    def score(self, day: Frame, rows: Floats) -> tuple[Floats, Floats]:
        """Propensities (slots x offers) of what may be shown, and the logits before calibration; `rows` are those of
        `Book.rows_of`."""


Make = Callable[[Book], Chooser]


@dataclass
class Model:
    """The product's training on the contacts seen so far; one channel's first placement is where it scores."""

    book: Book
    reads_rows: ClassVar[bool] = True
    bound: PropensityModel | None = None
    booster: lightgbm.Booster | None = None
    half_life_days: float | None = None
    retrained: int = 0

    def retrain(self) -> None:
        book = self.book
        rows, decided = book.training_rows()
        everything = book.outcomes()
        exposure = fit_exposure(shown_of(everything, book.plan))
        priors = exposure.priors(book.plan)
        if self.retrained % _CHOSEN_EVERY == 0 and self.retrained:
            self.half_life_days = best_half_life(rows, exposure, priors)
        self.retrained += 1
        booster = grow(rows, None, exposure, priors, replace(SETTINGS, half_life_days=self.half_life_days))
        text = booster.model_to_string()
        learned = Learned(
            features=book.features,
            platt=calibrated(rows.outcomes.at_s, decided, rows.outcomes.positive, exposure.offsets_of(rows.outcomes)),
            exposure=exposure,
            rates=count_rates(answers_of(everything, book.plan, exposure)),
        )
        self.rates = learned.rates
        self.bound = PropensityModel(learned, read_forest(text), "")
        self.booster = lightgbm.Booster(model_str=text)

    def score(self, day: Frame, rows: Floats) -> tuple[Floats, Floats]:
        book, model, booster = self.book, self.bound, self.booster
        assert model is not None
        assert booster is not None
        inside = day["open_to"].ravel().astype(bool)
        raw = np.zeros(len(rows))
        raw[inside] = np.asarray(booster.predict(rows[inside], raw_score=True, num_threads=1), dtype=np.float64)
        blend = model.blend(book.plan)
        channel = book.channel_of(day)
        shape = len(channel), len(book.offers)
        cells = np.ix_(range(len(book.plan.channels)), book.offers)
        logit = blend.slope[cells][channel] * raw.reshape(shape) + blend.intercept[cells][channel]
        before = raw.reshape(shape) + model.learned.exposure.priors(book.plan)[cells][channel]
        return sigmoid(logit), before


def best_half_life(rows: TrainingRows, exposure: Exposure, priors: Floats) -> float | None:
    """Which recency predicts the last two fortnights best, each trained on what came before it."""
    at_s = rows.outcomes.at_s
    cuts = [int(at_s[-1]) + 1 - 2 * weeks * _WEEK_S for weeks in (2, 1, 0)]

    def loss(half_life_days: float | None) -> float:
        found = 0.0
        for cut_s, end_s in pairwise(cuts):
            before, later = rows.take(at_s < cut_s), rows.take((at_s >= cut_s) & (at_s < end_s))
            booster = grow(before, None, exposure, priors, replace(SETTINGS, half_life_days=half_life_days))
            raw = np.asarray(booster.predict(later.matrix, raw_score=True, num_threads=1), dtype=np.float64)
            known = priors[later.outcomes.channel, later.outcomes.action] + exposure.offsets_of(later.outcomes)
            found += log_loss(raw + known, later.outcomes.positive) * len(later)
        return found

    return min(HALF_LIVES, key=loss)


def calibrated(at_s: Codes, decided: Floats, positive: Flags, offset: Floats) -> Platt:
    """A curve of the logits that decided the last weeks, kept only where it would have helped in the very last one."""
    recent = np.isfinite(decided) & (at_s > at_s[-1] - _CALIBRATION_WEEKS * _WEEK_S)
    later = recent & (at_s > at_s[-1] - _WEEK_S)
    earlier = recent & ~later
    if positive[earlier].sum() < 100 or positive[later].sum() < 30:
        return Platt()
    tried = fit_platt(decided[earlier], positive[earlier], offset[earlier])
    plain = log_loss(decided[later] + offset[later], positive[later])
    if log_loss(tried.logits(decided[later]) + offset[later], positive[later]) >= plain:
        return Platt()
    return fit_platt(decided[recent], positive[recent], offset[recent])


@dataclass
class Popularity:
    """The smoothed rate of each action on each channel."""

    book: Book
    reads_rows: ClassVar[bool] = False
    scores: Floats | None = None

    def retrain(self) -> None:
        book = self.book
        everything = book.outcomes()
        exposure = fit_exposure(shown_of(everything, book.plan))
        learned = Learned(
            features=book.features,
            platt=Platt(),
            exposure=exposure,
            rates=count_rates(answers_of(everything, book.plan, exposure)),
        )
        self.rates = learned.rates
        actions = [book.plan.actions[at] for at in book.offers]
        self.scores = np.array(
            [
                [positive_rate(learned, action.id, action.group, channel.id) for action in actions]
                for channel in book.plan.channels
            ]
        )

    def score(self, day: Frame, rows: Floats) -> tuple[Floats, Floats]:
        assert self.scores is not None
        scores = self.scores[self.book.channel_of(day)]
        return scores, np.full(scores.shape, np.nan)
