"""Loads a model's folder, distrusting it: hashes, strict reading, and the canaries' scores to the last bit."""

from pathlib import Path
from typing import Final

import numpy as np

from models.arrays import Floats
from models.artefact import (
    TREES,
    Canaries,
    Manifest,
    Training,
    read_canaries,
    read_content,
    read_effect_canaries,
    read_manifest,
)
from models.errors import ModelRefused
from models.forest import Forest, read_forest
from models.lightgbm_text import REGRESSION
from models.propensity import PropensityModel

RARELY_MISSING: Final = 0.05
"""Of the contacts that trees were grown on."""


def load_model(folder: Path) -> PropensityModel:
    """Read a model into this process; nothing but Python and numpy touches its bytes.

    Raises:
        ModelRefused: a file is missing, damaged or of another format, or a canary gets another score.
    """
    manifest = read_manifest(folder)
    text = decoded(read_content(folder, manifest, TREES))
    canaries = read_canaries(folder, manifest)
    model = PropensityModel(
        manifest.learned,
        read_forest(text),
        folder.name,
        _effect_forests(folder, manifest),
        _expected(manifest.training),
    )
    compare_canaries(canaries, model.forest.raw_scores(canaries.matrix()))
    return model


def _effect_forests(folder: Path, manifest: Manifest) -> dict[str, Forest]:
    """The effect trees of a model by their file."""
    forests: dict[str, Forest] = {}
    for file, canaries in read_effect_canaries(folder, manifest).items():
        forests[file] = read_forest(decoded(read_content(folder, manifest, file)), REGRESSION)
        compare_canaries(canaries, forests[file].raw_scores(canaries.matrix()))
    return forests


def _expected(training: Training) -> dict[str, float]:
    """The share of the gain of each feature that training hardly ever missed: of the others, a gap says nothing."""
    missing = training.missing_share
    return {name: share for name, share in training.gain_share.items() if missing.get(name, 0.0) <= RARELY_MISSING}


def decoded(content: bytes) -> str:
    """The text of a model's trees.

    Raises:
        ModelRefused: it is no text.
    """
    try:
        return content.decode("ascii")
    except UnicodeDecodeError as error:
        raise ModelRefused(f"`{TREES}` is not text") from error


def compare_canaries(canaries: Canaries, scores: Floats) -> None:
    """Compare scores with those that LightGBM gave when the model was made.

    Raises:
        ModelRefused: one of them differs.
    """
    wrong = np.flatnonzero(scores != np.array(canaries.scores))
    if len(wrong):
        first = int(wrong[0])
        raise ModelRefused(
            f"{len(wrong)} of {len(canaries.scores)} canary rows get other scores than in training, "
            f"the first {scores[first]!r} instead of {canaries.scores[first]!r}"
        )
