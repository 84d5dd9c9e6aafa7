"""Who banks here: what is true of each customer, and what the bank's own snapshot says about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from demobank.arrays import Bools, Dates, Floats, Ints, Seconds, Singles, stream
from demobank.attributes import ATTRIBUTE_BY_NAME, ATTRIBUTES, DRIVERS, LOADING, OFTEN_MISSING, OWN_SHARE, Factor, Role
from demobank.calendar import DAY_SECONDS, END, Calendar, months_before
from demobank.households import settle
from demobank.marginals import normal_scores
from demobank.rulebook import CHANNELS

STALE_SHARE = 0.02
MISSING_IF_DIGITAL_ONLY, MISSING_OTHERWISE = 0.33, 0.09  # 15 percent over all when a quarter is digital only
DIGITAL_ONLY_ABOVE = 0.6745
GENDER_SHARES = (0.505, 0.485, 0.01)
POSTCODE_GENDER_CORRELATION = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """One row per customer. `values` are true, `shown` are what the bank's snapshot holds, `missing` what it lacks.

    `receptiveness` is standard normal. `scores` are the true drivers as normal scores,
    `shown_scores` those of the snapshot, NaN where it lacks them.
    """

    count: int
    values: dict[str, Floats]
    shown: dict[str, Floats]
    missing: Mapping[str, Bools]
    scores: Singles
    shown_scores: Singles
    digital_only: Bools
    stale: Bools
    gender: Ints
    birth_on: Dates
    since_on: Dates
    since: Seconds
    adult_from: Seconds
    until: Seconds
    deceased: Bools
    segment: Ints
    consent: Bools
    objection: Bools
    receptiveness: Singles


def draw_people(seed: str, count: int, calendar: Calendar, segment_count: int) -> People:
    rng = stream(seed, "people")
    factors = rng.standard_normal((count, len(Factor)))
    gender = rng.choice(len(GENDER_SHARES), count, p=GENDER_SHARES)
    own = {attribute.name: rng.standard_normal(count) for attribute in ATTRIBUTES}
    own["postcode.affluence"] = _lean_on_gender(own["postcode.affluence"], gender)
    raw = {attribute.name: _raw(attribute.name, factors, own) for attribute in ATTRIBUTES}
    digital_only = factors[:, Factor.DIGITAL] > DIGITAL_ONLY_ABOVE
    values = _natural(raw, digital_only)

    stale = _stale(rng, values["tenure.months"])
    shown = _with_old_values(rng, values, raw, stale, digital_only)
    missing = {
        name: rng.random(count) < np.where(digital_only, MISSING_IF_DIGITAL_ONLY, MISSING_OTHERWISE)
        for name in OFTEN_MISSING
    }
    today = np.full(count, calendar.as_of, dtype="datetime64[D]")
    birth_on = months_before(today, 12 * values["age"].astype(int)) - rng.integers(0, 365, count)
    since_on = months_before(today, values["tenure.months"].astype(int)) - rng.integers(0, 28, count)
    deceased = rng.random(count) < 0.002
    return People(
        count=count,
        values=values,
        shown=shown,
        missing=missing,
        scores=driver_scores(values, {}),
        shown_scores=driver_scores(shown, missing),
        digital_only=digital_only,
        stale=stale,
        gender=gender,
        birth_on=birth_on,
        since_on=since_on,
        since=calendar.seconds(since_on),
        adult_from=calendar.seconds(months_before(birth_on, -12 * 18)),
        until=np.where(deceased, END - rng.integers(1, 365, count) * DAY_SECONDS, END),
        deceased=deceased,
        segment=_segments(values, segment_count),
        consent=_consent(rng, count),
        objection=rng.random(count) < 0.02,
        receptiveness=rng.standard_normal(count).astype(np.float32),
    )


def driver_scores(values: Mapping[str, Floats], missing: Mapping[str, Bools]) -> Singles:
    """Customers x drivers, standard normal in a large population; NaN where missing."""
    scores = np.empty((len(values["age"]), len(DRIVERS)), dtype=np.float32)
    for column, name in enumerate(DRIVERS):
        attribute = ATTRIBUTE_BY_NAME[name]
        assert attribute.quantile is not None
        scores[:, column] = normal_scores(values[name], attribute.quantile, attribute.decimals)
        if name in missing:
            scores[missing[name], column] = np.nan
    return scores


def _raw(name: str, factors: Floats, own: Mapping[str, Floats]) -> Floats:
    attribute = ATTRIBUTE_BY_NAME[name]
    if attribute.role is Role.NOISE:
        return own[name]
    common = sum(
        (LOADING * sign * factors[:, factor] for factor, sign in attribute.loads), start=np.zeros(len(factors))
    )
    return np.asarray((common + OWN_SHARE * own[name]) / np.sqrt(2 * LOADING**2 + OWN_SHARE**2))


def _lean_on_gender(own: Floats, gender: Ints) -> Floats:
    """Plants a proxy: the postcode tells more about an audited group than a bank should use unawares."""
    lean = np.select([gender == 0, gender == 1], [-1.0, 1.0], 0.0)
    return np.asarray(POSTCODE_GENDER_CORRELATION * lean + np.sqrt(1 - POSTCODE_GENDER_CORRELATION**2) * own)


def _natural(raw: Mapping[str, Floats], digital_only: Bools) -> dict[str, Floats]:
    places = {name: ndtr(scores) for name, scores in raw.items()}
    values = {
        attribute.name: np.round(attribute.quantile(places[attribute.name]), attribute.decimals)
        for attribute in ATTRIBUTES
        if attribute.quantile is not None
    }
    settle(values, places, digital_only)
    return values


def _stale(rng: np.random.Generator, tenure_months: Floats) -> Bools:
    """Two percent of all, chosen among customers old enough to have an old snapshot."""
    eligible = np.flatnonzero(tenure_months > 66)
    stale = np.zeros(len(tenure_months), dtype=bool)
    stale[rng.permutation(eligible)[: round(STALE_SHARE * len(tenure_months))]] = True
    return stale


def _with_old_values(
    rng: np.random.Generator, values: dict[str, Floats], raw: Mapping[str, Floats], stale: Bools, digital_only: Bools
) -> dict[str, Floats]:
    """The snapshot: true values, except that a stale row shows what its customer was like years ago."""
    rows = np.flatnonzero(stale)
    kept = {"age", "tenure.months"}
    old = {
        attribute.name: raw[attribute.name][rows]
        if attribute.role is Role.NOISE or attribute.name in kept
        else 0.6 * raw[attribute.name][rows] + 0.8 * rng.standard_normal(len(rows))
        for attribute in ATTRIBUTES
    }
    shown = {name: column.copy() for name, column in values.items()}
    for name, column in _natural(old, digital_only[rows]).items():
        shown[name][rows] = column
    return shown


def _segments(values: Mapping[str, Floats], segment_count: int) -> Ints:
    """0 is the broadest segment; each next one holds about a fifth of what is left, the wealthiest last."""
    wealth = values["income.monthly"] * 24 + values["balance.savings"] + values["investments.balance"]
    place = np.argsort(np.argsort(wealth, kind="stable"), kind="stable") / len(wealth)
    edges = [1 - 0.2 ** (k * 0.9) for k in range(1, segment_count)]
    return np.where(values["age"] < 18, 0, np.searchsorted(edges, place, side="right"))


def _consent(rng: np.random.Generator, count: int) -> Bools:
    """Most say yes everywhere, some choose channels, one in six says no."""
    kind = rng.random((count, 1))
    chosen = rng.random((count, len(CHANNELS))) < 0.6
    return (kind < 0.62) | ((kind < 0.84) & chosen)
