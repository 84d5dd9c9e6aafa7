"""Six hidden needs, one per theme: they come and go by week, and only some of them leave a trace in the events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demobank.arrays import Bools, Floats, Ints, Seconds, Singles, sigmoid, stream
from demobank.attributes import DRIVERS
from demobank.calendar import DAY_SECONDS, END, WEEKS

MEAN_SPELL_WEEKS = 20
TRUE_SHARE, FALSE_SHARE = 0.60, 0.05  # of the spells with a need, and of those without, that show an event
ECHO_SHARE = 0.35  # each other kind of event of the theme may follow the first
FIRST_EVENT_WEEKS, ECHO_WEEKS = 6, 6

THEMES = ("home_buying", "car_buying", "travel", "retirement", "family_education", "small_business")
DRIVER_OF_NEED = {
    "home_buying": "savings.trend_90d",
    "car_buying": "spend.fuel_90d",
    "travel": "spend.travel_90d",
    "retirement": "age",
    "family_education": "household.children",
    "small_business": "balance.current",
}
EVIDENCE: Mapping[str, tuple[str, ...]] = {
    "home_buying": ("mortgage_application", "home_insurance_quote", "solicitor_payment"),
    "car_buying": ("car_dealer_payment", "car_insurance_quote", "fuel_spend_jump"),
    "travel": ("travel_purchase", "currency_enquiry", "foreign_atm_withdrawal"),
    "retirement": ("retirement_calculator_used", "pension_enquiry"),
    "family_education": ("baby_goods_spend", "child_born", "school_fee_paid"),
    "small_business": ("invoice_tool_used", "business_income"),
}
FIRST_KIND_SHARES: Mapping[int, tuple[float, ...]] = {3: (0.5, 0.3, 0.2), 2: (0.6, 0.4)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spells:
    """One row per spell, with or without the need. `last_week` is exclusive; `evidence`: an event follows."""

    customer: Ints
    theme: Ints
    first_week: Ints
    last_week: Ints
    need: Bools
    evidence: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """`bits[customer, week]` has bit k set while the need of THEMES[k] is on."""

    bits: Ints
    spells: Spells


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Events that needs (or nothing at all) left behind: kinds index THEMES and then EVIDENCE of that theme."""

    customer: Ints
    theme: Ints
    kind: Ints
    at: Seconds


def share_in_need(scores: Singles) -> Floats:
    """Customers x themes: the share of time that each need is on."""
    drivers = [DRIVERS.index(DRIVER_OF_NEED[theme]) for theme in THEMES]
    return sigmoid(-2.2 + 0.8 * scores[:, drivers].astype(float))


def draw_needs(seed: str, scores: Singles) -> Needs:
    """Weekly Markov chains that start, and stay, at the share of `share_in_need`; a spell lasts 20 weeks on average."""
    rng = stream(seed, "needs")
    share = share_in_need(scores)
    ends = 1.0 / MEAN_SPELL_WEEKS
    starts = (ends * share / (1.0 - share)).astype(np.float32)
    state = rng.random(share.shape) < share
    powers = (1 << np.arange(len(THEMES))).astype(np.uint8)
    bits = np.empty((len(scores), WEEKS), dtype=np.uint8)
    for week in range(WEEKS):
        if week:
            turn = rng.random(share.shape, dtype=np.float32)
            state = np.where(state, turn >= ends, turn < starts)
        bits[:, week] = state @ powers
    return Needs(bits=bits, spells=_spells(rng, bits))


def _spells(rng: np.random.Generator, bits: Ints) -> Spells:
    parts: dict[str, list[NDArray[Any]]] = {
        name: [] for name in ("customer", "theme", "first_week", "last_week", "need")
    }
    for theme in range(len(THEMES)):
        on = (bits >> theme) & 1
        changes = np.ones(on.shape, dtype=bool)
        changes[:, 1:] = on[:, 1:] != on[:, :-1]
        customer, first_week = np.nonzero(changes)
        following = np.append(first_week[1:], 0)
        parts["customer"].append(customer.astype(np.int32))
        parts["theme"].append(np.full(len(customer), theme, dtype=np.uint8))
        parts["first_week"].append(first_week.astype(np.int32))
        parts["last_week"].append(np.where(following == 0, WEEKS, following).astype(np.int32))
        parts["need"].append(on[customer, first_week].astype(bool))
    columns = {name: np.concatenate(chunks) for name, chunks in parts.items()}
    evidence = rng.random(len(columns["need"])) < np.where(columns["need"], TRUE_SHARE, FALSE_SHARE)
    return Spells(**columns, evidence=evidence)


def draw_traces(seed: str, spells: Spells) -> Traces:
    """A first event early in a spell with the need, or anywhere in one without, then perhaps echoes of other kinds."""
    rng = stream(seed, "traces")
    rows = np.flatnonzero(spells.evidence)
    theme, first_week = spells.theme[rows], spells.first_week[rows]
    length = spells.last_week[rows] - first_week
    reach = np.where(spells.need[rows], np.minimum(length, FIRST_EVENT_WEEKS), length)
    first_at = ((first_week + reach * rng.random(len(rows))) * 7 * DAY_SECONDS).astype(np.int64)
    kinds = np.array([len(EVIDENCE[name]) for name in THEMES])[theme]
    edges = np.array([np.cumsum((*FIRST_KIND_SHARES[len(EVIDENCE[name])], 0.0)[:3]) for name in THEMES])[theme]
    first_kind = (rng.random((len(rows), 1)) > edges[:, :2]).sum(axis=1)
    first_kind = np.minimum(first_kind, kinds - 1)

    customers, themes, which, times = [spells.customer[rows]], [theme], [first_kind], [first_at]
    for kind in range(max(len(names) for names in EVIDENCE.values())):
        echo = np.flatnonzero((kind < kinds) & (kind != first_kind) & (rng.random(len(rows)) < ECHO_SHARE))
        customers.append(spells.customer[rows][echo])
        themes.append(theme[echo])
        which.append(np.full(len(echo), kind))
        times.append(first_at[echo] + rng.integers(DAY_SECONDS, ECHO_WEEKS * 7 * DAY_SECONDS, len(echo)))
    at = np.concatenate(times)
    kept = at < END
    return Traces(
        customer=np.concatenate(customers)[kept],
        theme=np.concatenate(themes)[kept],
        kind=np.concatenate(which).astype(np.uint8)[kept],
        at=at[kept],
    )
