"""The hidden world's coefficients: what makes a customer answer an offer positively, here and now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from demobank.arrays import Bools, Floats, Ints, Singles, sigmoid, stream
from demobank.attributes import DRIVERS
from demobank.needs import THEMES
from demobank.rulebook import CHANNELS, Offer, Placement, Rulebook

RATE_RANGE = (0.003, 0.06)
VALUE_SCALE, VALUE_SIGMA = 1.2, 0.5
CONVERSION_RANGE = (0.3, 0.9)
DELAY_MEDIAN_DAYS, DELAY_SIGMA, DELAY_LIMIT_DAYS = 6.0, 1.256, 90  # 10 percent beyond 30 days
FIT_WEIGHT, NEED_WEIGHT, SEASON_WEIGHT, DECLINE_WEIGHT = 0.9, 0.7, 0.3, 1.0
OWN_EXPOSURE_WEIGHT, OTHER_EXPOSURE_WEIGHT = 0.25, 0.1
EXPOSURE_HALF_LIFE_DAYS, DECLINE_HALF_LIFE_DAYS = 14.0, 45.0
RECEPTIVENESS_SIGMA = 0.5
CHANNEL_SIGMA = 0.5
SURE_THINGS = 2
TERM_SCALES = np.array([1.0, 1.65, 2.05, 1.0])  # linear, |x|, threshold, interaction: about equal variances
RELUCTANT_CONVERSION = 0.1  # what is left of a conversion in the segment that does not like to be sold to
ORGANIC_PER_RATE = 0.007  # weekly openings without any offer, for each point of an action's base rate

EXAMINATION: Mapping[tuple[str, str], float] = {
    ("atm", "idle_screen"): 0.45,
    ("atm", "waiting_screen"): 0.45,
    ("atm", "receipt"): 0.3,
    ("web", "hero"): 0.7,
}
EXAMINATION_BY_CHANNEL = {"atm": 0.45, "web": 0.4, "pc": 0.5, "phone": 0.9, "branch": 1.0}
RANK_FACTORS = (1.0, 0.7, 0.5)

# The theme whose need moves an action; what is missing here follows its group, and a group without a theme has none.
THEME_OF_ACTION: Mapping[str, str] = {
    "home_insurance": "home_buying",
    "contents_insurance": "home_buying",
    "life_cover": "home_buying",
    "car_loan": "car_buying",
    "car_insurance": "car_buying",
    "travel_loan": "travel",
    "travel_insurance": "travel",
    "pension": "retirement",
    "annuity": "retirement",
    "equity_release": "retirement",
    "managed_portfolio": "retirement",
    "junior_isa": "family_education",
}
THEME_OF_GROUP: Mapping[str, str] = {
    "home": "home_buying",
    "travel": "travel",
    "education": "family_education",
    "business": "small_business",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Arrays over offers unless said otherwise. `bias` is b_a; `fit_*` describe f_a: four drivers each, four terms.

    `theme` is -1 for an action no need moves. `channel_group` is channels x groups, `examination` placements x ranks.
    """

    offers: tuple[Offer, ...]
    placements: tuple[Placement, ...]
    groups: tuple[str, ...]
    group: Ints
    theme: Ints
    value: Floats
    rate: Floats
    conversion: Floats
    sure_thing: Bools
    fit_drivers: Ints
    fit_signs: Floats
    fit_thresholds: Floats
    fit_means: Floats
    fit_scale: Floats
    channel_group: Floats
    phase: Floats
    examination: Floats
    bias: Floats

    @property
    def twins(self) -> Bools:
        """Offers x offers: which give the same product."""
        products = np.array([offer.product for offer in self.offers])
        return np.asarray(products[:, None] == products[None, :])

    @property
    def columns(self) -> dict[str, int]:
        return {offer.action: column for column, offer in enumerate(self.offers)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """What chance gives one action, whatever other actions there are."""

    value_noise: float
    conversion: float
    sureness: float
    drivers: Ints
    signs: Floats
    threshold: float


def draw_world(seed: str, rulebook: Rulebook, reference: Singles) -> World:
    """Draw all coefficients but `bias`, which is a first guess. `reference`: driver scores that standardise f_a."""
    offers = rulebook.offers
    natures = [draw_nature(seed, offer) for offer in offers]
    groups = tuple(sorted({offer.group for offer in offers}))
    moods = [stream(seed, f"group/{group}") for group in groups]
    value = np.array([offer.value for offer in offers])
    rate = rates_from_values(value, np.array([nature.value_noise for nature in natures]))
    sure = _sure_things(rate, np.array([nature.sureness for nature in natures]))
    world = World(
        offers=offers,
        placements=rulebook.placements,
        groups=groups,
        group=np.array([groups.index(offer.group) for offer in offers]),
        theme=np.array([_theme(offer) for offer in offers]),
        value=value,
        rate=rate,
        conversion=np.where(sure, CONVERSION_RANGE[0], [nature.conversion for nature in natures]),
        sure_thing=sure,
        fit_drivers=np.array([nature.drivers for nature in natures]),
        fit_signs=np.array([nature.signs for nature in natures]),
        fit_thresholds=np.array([nature.threshold for nature in natures]),
        fit_means=np.zeros((len(offers), 4)),
        fit_scale=np.ones(len(offers)),
        channel_group=np.column_stack([CHANNEL_SIGMA * mood.standard_normal(len(CHANNELS)) for mood in moods]),
        phase=np.array([mood.uniform(0.0, 2 * np.pi) for mood in moods]),
        examination=_examination(rulebook.placements),
        bias=np.log(rate / (0.5 - rate)),
    )
    return _standardised(world, reference)


def draw_nature(seed: str, offer: Offer) -> Nature:
    """A stream for each action, so that a new rule file leaves the others as they were."""
    rng = stream(seed, f"action/{offer.action}")
    return Nature(
        value_noise=rng.standard_normal(),
        conversion=rng.uniform(*CONVERSION_RANGE),
        sureness=rng.random(),
        drivers=rng.permutation(len(DRIVERS))[:4],
        signs=rng.choice([-1.0, 1.0], 4),
        threshold=rng.uniform(-0.5, 0.8),
    )


def rates_from_values(value: Floats, normal: Floats) -> Floats:
    """Base rates log-spaced over RATE_RANGE, in the order of VALUE_SCALE / value x lognormal.

    The rule files hold the values, so the relation value = 1.2 / rate x lognormal(0.5) is read backwards. Ordering
    swallows some of the noise; its scale is chosen so that what remains comes closest to VALUE_SIGMA.
    """
    attempts = [_ordered_rates(scale * VALUE_SIGMA * normal - np.log(value)) for scale in np.linspace(0.5, 3.0, 26)]
    return min(attempts, key=lambda rates: abs(float(value_noise(rates, value).std()) - VALUE_SIGMA))


def value_noise(rate: Floats, value: Floats) -> Floats:
    """The logarithm of value / (1.2 / rate), one per offer."""
    return np.log(rate * value / VALUE_SCALE)


def _ordered_rates(wish: Floats) -> Floats:
    rates = np.empty(len(wish))
    rates[np.argsort(wish, kind="stable")] = np.geomspace(*RATE_RANGE, len(wish))
    return rates


def fit(world: World, scores: Singles) -> Singles:
    """f_a of customers x offers: linear + |x| + threshold + interaction, standardised; a missing driver adds 0."""
    fits = np.empty((len(scores), len(world.offers)), dtype=np.float32)
    for offer in range(len(world.offers)):
        terms = _terms(world, scores, offer) - world.fit_means[offer]
        fits[:, offer] = np.nan_to_num(terms).sum(axis=1) / world.fit_scale[offer]
    return fits


def season(world: World, angles: Floats) -> Floats:
    """Days x offers: the season's part of the logit."""
    return SEASON_WEIGHT * np.cos(angles[:, None] + world.phase[world.group][None, :])


def solve_bias(world: World, rest: Floats, examination: Floats, weights: Floats) -> World:
    """Choose b_a so that uniform offering answers at `rate`.

    `rest` is contexts x offers, the logit without b_a; `weights` how likely each offer is drawn there.
    """
    bias = world.bias.copy()
    total = weights.sum(axis=0)
    for _ in range(12):
        chance = sigmoid(rest + bias)
        reached = (weights * examination[:, None] * chance).sum(axis=0) / total
        slope = (weights * examination[:, None] * chance * (1.0 - chance)).sum(axis=0) / total
        bias += np.clip((np.log(world.rate) - np.log(reached)) * reached / slope, -1.0, 1.0)
    return replace(world, bias=bias)


def changed(world: World, seed: str, groups: frozenset[str], reference: Singles, shift: float) -> World:
    """Another taste for the offers of some groups: their f_a is drawn anew, and b_a moved up or down by `shift`."""
    rng = stream(seed, "change")
    columns = [column for column, offer in enumerate(world.offers) if offer.group in groups]
    natures = [draw_nature(f"{seed}/change", world.offers[column]) for column in columns]
    drivers, signs = world.fit_drivers.copy(), world.fit_signs.copy()
    thresholds, bias = world.fit_thresholds.copy(), world.bias.copy()
    drivers[columns] = [nature.drivers for nature in natures]
    signs[columns] = [nature.signs for nature in natures]
    thresholds[columns] = [nature.threshold for nature in natures]
    bias[columns] += shift * rng.choice([-1.0, 1.0], len(columns))
    fresh = replace(world, fit_drivers=drivers, fit_signs=signs, fit_thresholds=thresholds, bias=bias)
    return _standardised(fresh, reference)


def _theme(offer: Offer) -> int:
    theme = THEME_OF_ACTION.get(offer.action, THEME_OF_GROUP.get(offer.group))
    return THEMES.index(theme) if theme else -1


def _sure_things(rate: Floats, sureness: Floats) -> Bools:
    """Two of the rarest actions: whoever answers would have opened the product anyway."""
    rarest = np.argsort(rate, kind="stable")[: max(len(rate) // 5, SURE_THINGS)]
    sure = np.zeros(len(rate), dtype=bool)
    sure[rarest[np.argsort(sureness[rarest], kind="stable")[-SURE_THINGS:]]] = True
    return sure


def _examination(placements: tuple[Placement, ...]) -> Floats:
    looked = [EXAMINATION.get((p.channel, p.name), EXAMINATION_BY_CHANNEL[p.channel]) for p in placements]
    return np.outer(looked, RANK_FACTORS)


def _terms(world: World, scores: Singles, offer: int) -> Floats:
    linear, bent, stepped, crossed = scores[:, world.fit_drivers[offer]].astype(float).T
    step = np.where(np.isnan(stepped), np.nan, stepped > world.fit_thresholds[offer])
    terms = np.column_stack([linear, np.abs(bent), step, stepped * crossed])
    return np.asarray(world.fit_signs[offer] * TERM_SCALES * terms)


def _standardised(world: World, reference: Singles) -> World:
    terms = [_terms(world, reference, offer) for offer in range(len(world.offers))]
    return replace(
        world,
        fit_means=np.array([term.mean(axis=0) for term in terms]),
        fit_scale=np.array([term.sum(axis=1).std() for term in terms]),
    )
