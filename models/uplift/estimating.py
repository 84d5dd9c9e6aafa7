"""Estimates effects from trials, and stores a model that has learned those that surely rank better than propensity."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from models.arrays import Codes, Flags, Floats
from models.artefact import Canaries, read_content, read_manifest, write_artefact
from models.errors import TrainingRefused
from models.features import CustomerFeature
from models.forest import read_forest
from models.lift import FEWEST_CONVERSIONS, LEVEL
from models.lightgbm_text import REGRESSION
from models.uplift.effects import ALL_OFFERS, CANARIES, Effect
from models.uplift.judging import Judged, judge, level_of_each
from models.uplift.learner import grow_effect_trees
from models.uplift.trials import Trials

SEGMENTS: Final = "segments"
_MOST_CANARIES: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """What trials said, and the model that learned of it; no version where nothing was sure."""

    judged: tuple[Judged, ...]
    effects: tuple[Effect, ...]
    version: str | None


def estimate(
    models_dir: Path,
    version: str,
    trials: Sequence[Trials],
    *,
    grow: bool = True,
    seed: int = 7,
    say: Callable[[str], None] = lambda _: None,
) -> Estimated:
    """Judge every trial on customers whom nothing was grown on, and store the model anew with what is surely better.

    The stored model is the given one, trees and all, beside the effects; it does not serve until it is promoted.
    Without `grow` no trees are grown, and only the propensities of whole actions are judged.

    Raises:
        TrainingRefused: there is no trial with two arms; econml is not there.
        ModelRefused: the given model is damaged.
    """
    manifest = read_manifest(models_dir / version)
    features = manifest.learned.features.customer
    with_arms = [each for each in trials if each.shown.any() and not each.shown.all()]
    if not with_arms:
        raise TrainingRefused("no action of the table was both shown and withheld: nothing can be compared")
    judged: list[Judged] = []
    effects: list[Effect] = []
    content: dict[str, bytes] = {}
    canaries: dict[str, Canaries] = {}
    level = level_of_each(sum(each.action != ALL_OFFERS for each in with_arms))
    for each in with_arms:
        say(f"judging {each.action}")
        found = judge_trial(each, features, LEVEL if each.action == ALL_OFFERS else level, grow=grow, seed=seed)
        judged.append(found)
        if found.trees_are_better:
            file = f"uplift-{each.action}.txt"
            content[file], canaries[file] = _whole(each, features, seed)
            effects.append(Effect(action=each.action, trees=file))
        elif found.share is not None:
            effects.append(Effect(action=each.action, share=round(found.share, 6)))
    if not effects:
        return Estimated(judged=tuple(judged), effects=(), version=None)
    kept = {name: read_content(models_dir / version, manifest, name) for name in manifest.sha256_by_file}
    kept = {name: text for name, text in kept.items() if not name.startswith("uplift")}
    if canaries:
        content[CANARIES] = msgspec.json.encode(canaries)
    learned = replace(manifest.learned, effects=tuple(effects))
    stored = write_artefact(models_dir, replace(manifest, learned=learned), kept | content)
    return Estimated(judged=tuple(judged), effects=tuple(effects), version=stored)


def judge_trial(trials: Trials, features: Sequence[CustomerFeature], level: float, *, grow: bool, seed: int) -> Judged:
    """Judge one trial; with `grow` also trees, on the half of the customers whom they were not grown on."""
    trees = None
    if grow and int(trials.converted.sum()) >= 2 * FEWEST_CONVERSIONS:
        trees = _grown_on_others(trials, features, seed)
    members: Mapping[str, Flags] = {}
    if trials.action == ALL_OFFERS:
        members = {f"{SEGMENTS} {name}": rows for name, rows in trials.members(SEGMENTS).items()}
    return judge(trials, trees, level=level, members=members, seed=seed)


def _grown_on_others(trials: Trials, features: Sequence[CustomerFeature], seed: int) -> Floats:
    """The effect of each row by trees that were grown on the other half of the customers."""
    half = _half_of(trials.customer, seed)
    matrix = trials.matrix(features)
    found = np.empty(len(trials))
    for part in (0, 1):
        booster = grow_effect_trees(trials, features, np.flatnonzero(half != part), seed=seed)
        here = half == part
        found[here] = np.asarray(booster.predict(matrix[here], num_threads=1), dtype=np.float64)
    return found


def _half_of(customer: Codes, seed: int) -> Codes:
    names, place = np.unique(customer, return_inverse=True)
    halves: Codes = np.random.default_rng(seed).permutation(len(names)) % 2
    drawn: Codes = halves[place]
    return drawn


def _whole(trials: Trials, features: Sequence[CustomerFeature], seed: int) -> tuple[bytes, Canaries]:
    """Trees grown on every customer, as text, and rows with the effects that LightGBM gives them."""
    booster = grow_effect_trees(trials, features, np.arange(len(trials)), seed=seed)
    text = booster.model_to_string()
    matrix = trials.matrix(features)
    effects = np.asarray(booster.predict(matrix, num_threads=1), dtype=np.float64)
    order = np.argsort(effects, kind="stable")
    rows = order[np.unique(np.linspace(0, len(order) - 1, _MOST_CANARIES).astype(np.int64))]
    read_forest(text, REGRESSION)
    return text.encode("ascii"), Canaries.of(matrix[rows], effects[rows])
