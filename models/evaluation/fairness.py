"""Whether groups that the law protects are offered as much, and accept as often; and which features stand in for them.

The protected attribute itself is never a feature. Ratios are those of each group's rate to the highest one, among
customers who were admitted; an alarm needs the whole interval below four fifths. Source: US EEOC Uniform Guidelines,
1978 (four fifths); Katz et al., Biometrics 34, 1978 (interval of a ratio).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from models.arrays import Codes, Flags, Floats
from models.lift import LEVEL, Counted
from models.metrics import auc

FOUR_FIFTHS: Final = 0.8
FEWEST: Final = 100
"""Admitted customers, and chosen ones of both groups together: below either nothing is said."""
PROXY_AUC: Final = 0.6
"""A feature that tells a group from the others this well stands in for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One group's rate over that of the group with the highest."""

    attribute: str
    group: str
    reference: str
    about: str
    """What was offered, or answered: an action's group."""
    kind: str
    """`selection` or `acceptance`."""
    counted: Counted
    of_reference: Counted
    value: float
    low: float
    high: float

    @property
    def alarming(self) -> bool:
        """Whether the group surely gets less than four fifths."""
        return self.high < FOUR_FIFTHS


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A feature that tells a protected group from all others."""

    attribute: str
    group: str
    feature: str
    auc: float
    gain_share: float
    """Of the model's gain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """What was found about protected groups."""

    ratios: tuple[Ratio, ...]
    proxies: tuple[Proxy, ...]

    @property
    def figures(self) -> dict[str, float | int | str | None]:
        """What evidence keeps of it; the lowest ratio of each kind."""
        lowest = {
            kind: min((each.value for each in self.ratios if each.kind == kind), default=None)
            for kind in ("selection", "acceptance")
        }
        return {
            "ratios": len(self.ratios),
            "proxies": len(self.proxies),
            **{f"lowest_{kind}_ratio": None if value is None else round(value, 4) for kind, value in lowest.items()},
        }

    def findings(self) -> tuple[str, ...]:
        """A sentence for each alarm: they stop a promotion."""
        return tuple(
            f"{each.kind} of `{each.about}`: {each.attribute} {each.group} {each.counted.rate:.2%}, {each.reference} "
            f"{each.of_reference.rate:.2%}, a ratio of {each.value:.2f} ({each.low:.2f} to {each.high:.2f})"
            for each in self.ratios
            if each.alarming
        )

    def notes(self) -> tuple[str, ...]:
        """A sentence for each feature that stands in for a group: they ask for a look."""
        return tuple(
            f"`{each.feature}` tells {each.attribute} {each.group} from others (AUC {each.auc:.2f}) and holds "
            f"{each.gain_share:.1%} of the gain"
            for each in self.proxies
        )


def ratios(
    attribute: str, groups: Sequence[str], group: Codes, about: str, kind: str, admitted: Flags, chosen: Flags
) -> list[Ratio]:
    """By row whose group (-1: unknown), whether admitted and whether chosen; groups with too few rows are left out."""
    counted = {
        name: Counted(customers=int(mine.sum()), converted=int((mine & chosen).sum()))
        for code, name in enumerate(groups)
        for mine in [admitted & (group == code)]
    }
    told = {name: each for name, each in counted.items() if each.customers >= FEWEST}
    if len(told) < 2 or sum(each.converted for each in told.values()) < FEWEST:
        return []
    reference = max(told, key=lambda name: told[name].rate)
    return [
        Ratio(
            attribute=attribute,
            group=name,
            reference=reference,
            about=about,
            kind=kind,
            counted=each,
            of_reference=told[reference],
            value=each.rate / told[reference].rate,
            low=low,
            high=high,
        )
        for name, each in told.items()
        if name != reference
        for low, high in [_interval(each, told[reference])]
    ]


def _interval(one: Counted, reference: Counted) -> tuple[float, float]:
    """Of the ratio of two rates; half a conversion is added to each, so that none has an interval too."""
    won, other = one.converted + 0.5, reference.converted + 0.5
    ratio = won / (one.customers + 0.5) / (other / (reference.customers + 0.5))
    spread = math.sqrt(max(0.0, 1 / won - 1 / (one.customers + 0.5) + 1 / other - 1 / (reference.customers + 0.5)))
    factor = math.exp(NormalDist().inv_cdf((1 + LEVEL) / 2) * spread)
    return ratio / factor, ratio * factor


def proxies(
    attribute: str,
    groups: Sequence[str],
    group: Codes,
    names: Sequence[str],
    columns: Floats,
    gain_share: Sequence[float],
) -> list[Proxy]:
    """Features of customers (rows x features) that tell a group from the others, the clearest first.

    Codes of categories have an order here that means nothing; what they tell shows in part, and never too much.
    """
    found = []
    for code, name in enumerate(groups):
        mine = group[group >= 0] == code
        if not FEWEST <= int(mine.sum()) <= len(mine) - FEWEST:
            continue
        for column, feature in enumerate(names):
            values = columns[group >= 0, column]
            known = ~np.isnan(values)
            if known.sum() < FEWEST:
                continue
            told = auc(values[known], mine[known])
            if max(told, 1.0 - told) >= PROXY_AUC:
                found.append(
                    Proxy(
                        attribute=attribute,
                        group=name,
                        feature=feature,
                        auc=max(told, 1.0 - told),
                        gain_share=gain_share[column],
                    )
                )
    return sorted(found, key=lambda each: -each.auc)
