"""Measures a finished bank from its files: how predictable answers are, how far simple and perfect choosers get.
Two oracles: the omniscient one knows the truth, the observable one all that a bank could know at best."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from demobank.arrays import Bools, Floats, Ints, Singles, sigmoid, stream
from demobank.needs import DRIVER_OF_NEED, EVIDENCE, THEMES
from demobank.rulebook import CHANNELS
from demobank.world import NEED_WEIGHT, RECEPTIVENESS_SIGMA

EVIDENCE_AGE_EDGES = (2, 4, 8, 12, 16, 20, 26, 36, 52)  # weeks since the last event of the theme
DRIVER_SHARES = (0.15, 0.4, 0.6, 0.85)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Uniform slots x offers, NaN outside S. `chance` is true; `visible` is the observable oracle's."""

    chance: Floats
    visible: Floats
    channel: Ints
    offer: Ints
    value: Floats

    def worth(self, preference: Floats) -> float:
        """True expected value per slot, in pounds, of always showing the offer preferred most."""
        choice = np.where(np.isnan(self.chance), -np.inf, preference).argmax(axis=1)
        return float((self.chance[np.arange(len(choice)), choice] * self.value[choice]).mean())

    def random_worth(self) -> float:
        return float(np.nanmean(self.chance * self.value, axis=1).mean())

    def capture(self, preference: Floats) -> float:
        """How far from random (0) to the observable oracle (1) this preference gets."""
        floor = self.random_worth()
        return (self.worth(preference) - floor) / (self.worth(self.visible * self.value) - floor)

    def drawn(self, chances: Floats) -> Floats:
        """The chances of the offers that were drawn."""
        return chances[np.arange(len(self.offer)), self.offer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """AUCs are expected ones over the uniform slots, but `realised_auc` and `shuffled_auc` over all impressions."""

    contacts: int
    uniform: int
    positives: int
    uniform_positives: int
    true_auc: float
    observable_auc: float
    realised_auc: float
    shuffled_auc: float
    random_worth: float
    observable_worth: float
    popularity_capture: float
    omniscient_capture: float
    uniform_rates: Mapping[str, float]
    target_rates: Mapping[str, float]


def measure(data_dir: Path) -> Figures:
    contacts = pl.read_parquet(data_dir / "bank" / "contacts.parquet")
    truth = pl.read_parquet(data_dir / "truth" / "contacts.parquet")["probability"].to_numpy()
    actions = json.loads((data_dir / "truth" / "world.json").read_text(encoding="utf-8"))["actions"]
    slots = read_slots(data_dir, contacts, actions)
    seen = contacts["impression"].to_numpy()
    positive = contacts["positive"].to_numpy()
    popular = popularity(contacts.filter("impression"), list(actions))[slots.channel]
    return Figures(
        contacts=contacts.height,
        uniform=len(slots.channel),
        positives=int(positive.sum()),
        uniform_positives=int(contacts.filter(pl.col("assignment") == "uniform")["positive"].sum()),
        true_auc=expected_auc(slots.drawn(slots.chance), slots.drawn(slots.chance)),
        observable_auc=expected_auc(slots.drawn(slots.visible), slots.drawn(slots.chance)),
        realised_auc=auc(truth[seen], positive[seen]),
        shuffled_auc=auc(truth[seen], stream("audit", "shuffle").permutation(positive[seen])),
        random_worth=slots.random_worth(),
        observable_worth=slots.worth(slots.visible * slots.value),
        popularity_capture=slots.capture(popular * slots.value),
        omniscient_capture=slots.capture(slots.chance * slots.value),
        uniform_rates=dict(zip(actions, np.nanmean(slots.chance, axis=0).tolist(), strict=True)),
        target_rates={action: spec["rate"] for action, spec in actions.items()},
    )


def read_slots(data_dir: Path, contacts: pl.DataFrame, actions: Mapping[str, Mapping[str, object]]) -> Slots:
    """The uniform slots with the truth about them, in order of contact."""
    truth = pl.read_parquet(data_dir / "truth" / "slots.parquet")
    met = truth.select("contact_id", "examination").join(contacts, on="contact_id", maintain_order="left")
    need = need_chances(data_dir, met.select("contact_id", "customer_id", "at"))
    nothing = np.zeros(met.height)
    moved = np.column_stack([need.get(str(spec["need"]), nothing) for spec in actions.values()])
    shown = truth.select(f"shown_logit.{action}" for action in actions).to_numpy()
    return Slots(
        chance=truth.select(f"p.{action}" for action in actions).to_numpy().astype(float),
        visible=visible_chances(shown, truth["examination"].to_numpy(), moved),
        channel=_codes(met["channel"], CHANNELS),
        offer=_codes(met["action"], list(actions)),
        value=np.array([float(str(spec["value"])) for spec in actions.values()]),
    )


def visible_chances(shown_logit: Singles, examination: Singles, need: Floats) -> Floats:
    """The observable oracle: receptiveness and need are averaged out, for they cannot be seen."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(7)
    guess = np.zeros(shown_logit.shape)
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        logit = shown_logit + RECEPTIVENESS_SIGMA * node
        guess += weight * ((1 - need) * sigmoid(logit) + need * sigmoid(logit + NEED_WEIGHT))
    return np.asarray(examination[:, None] * guess)


def need_chances(data_dir: Path, met: pl.DataFrame) -> dict[str, Floats]:
    """How likely each need is at each contact: its true share among cases with such a driver and latest event."""
    events = pl.read_parquet(data_dir / "bank" / "events.parquet", columns=["type", "customer_id", "time"])
    spells = pl.read_parquet(data_dir / "truth" / "needs.parquet").sort("began_on")
    drivers = pl.read_parquet(
        data_dir / "bank" / "customers.parquet", columns=["customer_id", *DRIVER_OF_NEED.values()]
    )
    ordered = met.join(drivers, on="customer_id", maintain_order="left").with_row_index("row").sort("at")
    chances = {}
    for theme in THEMES:
        of_theme = events.filter(pl.col("type").is_in(EVIDENCE[theme])).sort("time")
        cases = ordered.join_asof(of_theme, left_on="at", right_on="time", by="customer_id", check_sortedness=False)
        weeks = ((cases["at"] - cases["time"]).dt.total_seconds() / (7 * 86_400)).fill_null(float("inf")).to_numpy()
        cell = np.digitize(weeks, EVIDENCE_AGE_EDGES) * 6 + _fifths(cases[DRIVER_OF_NEED[theme]])
        on = _in_spell(ordered, spells.filter(pl.col("need") == theme))
        count, needed = np.bincount(cell), np.bincount(cell, weights=on)
        chance = (needed + 20 * on.mean()) / (count + 20)
        chances[theme] = np.empty(met.height)
        chances[theme][ordered["row"].to_numpy()] = chance[cell]
    return chances


def popularity(shown: pl.DataFrame, actions: list[str]) -> Floats:
    """Channels x offers: smoothed answer rates, which is all that a bank without a model would go by."""
    cell = _codes(shown["channel"], CHANNELS) * len(actions) + _codes(shown["action"], actions)
    positive = shown["positive"].to_numpy()
    shape = (len(CHANNELS), len(actions))
    times = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    positives = np.bincount(cell[positive], minlength=shape[0] * shape[1]).reshape(shape)
    overall = (positives.sum(axis=0) + 1) / (times.sum(axis=0) + 100)
    return np.asarray((positives + 50 * overall) / (times + 50))


def auc(scores: NDArray[np.floating], positive: Bools) -> float:
    """The chance that a positive row scores above another, ties counting half."""
    return expected_auc(scores, positive.astype(float))


def expected_auc(scores: NDArray[np.floating], chance: NDArray[np.floating]) -> float:
    """The same before the draw: each row is positive with its chance and negative with the rest."""
    order = np.argsort(scores, kind="stable")
    start = np.unique(scores[order], return_index=True)[1]
    positive = np.add.reduceat(chance[order].astype(float), start)
    negative = np.add.reduceat(1.0 - chance[order].astype(float), start)
    below = np.cumsum(negative) - negative / 2
    return float((positive * below).sum() / (positive.sum() * negative.sum()))


def _codes(words: pl.Series, order: tuple[str, ...] | list[str]) -> Ints:
    return words.cast(pl.Enum(order)).to_physical().to_numpy().astype(np.int64)


def _fifths(driver: pl.Series) -> Ints:
    """0 to 4 by value, 5 where missing."""
    values = driver.cast(pl.Float64).to_numpy()
    return np.where(np.isnan(values), 5, np.digitize(values, np.nanquantile(values, DRIVER_SHARES)))


def _in_spell(met: pl.DataFrame, spells: pl.DataFrame) -> Bools:
    began = spells.with_columns(pl.col("began_on").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    case = met.join_asof(began, left_on="at", right_on="began_on", by="customer_id", check_sortedness=False)
    return case.select((pl.col("at").dt.date() < pl.col("ended_on")).fill_null(value=False)).to_series().to_numpy()
