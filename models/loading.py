"""Loads a model's folder, distrusting it: hashes, strict reading, and the canaries' scores to the last bit."""

from pathlib import Path

import numpy as np

from models.arrays import Floats
from models.artefact import TREES, Canaries, read_canaries, read_content, read_manifest
from models.errors import ModelRefused
from models.forest import read_forest
from models.propensity import PropensityModel


def load_model(folder: Path) -> PropensityModel:
    """Read a model into this process; nothing but Python and numpy touches its bytes.

    Raises:
        ModelRefused: a file is missing, damaged or of another format, or a canary gets another score.
    """
    manifest = read_manifest(folder)
    text = decoded(read_content(folder, manifest, TREES))
    canaries = read_canaries(folder, manifest)
    model = PropensityModel(manifest.learned, read_forest(text), folder.name)
    compare_canaries(canaries, model.forest.raw_scores(canaries.matrix()))
    return model


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
