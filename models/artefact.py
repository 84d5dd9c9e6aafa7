"""A trained model on disk: an immutable folder named after the hash of its manifest, which holds the other hashes.

`model.txt` are the trees as LightGBM wrote them, `canaries.json` a few rows with the scores they must get, `bins.json`
how the values that training saw were spread, and `manifest.json` says how to read and what to expect. No file holds
code.
"""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from models.arrays import Floats
from models.bins import TrainingBins
from models.calibrate import Platt
from models.durable import sync_folder, write_durably
from models.errors import ModelRefused
from models.exposure import Exposure
from models.features import DescribedAction, FeatureSet
from models.rates import Rates
from models.report import Report
from models.uplift.effects import CANARIES as EFFECT_CANARIES
from models.uplift.effects import Effect

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
TREES: Final = "model.txt"
CANARIES: Final = "canaries.json"
BINS: Final = "bins.json"
MAX_BYTES: Final = 64 * 2**20
"""No file of a model is larger."""
_STAGED: Final = ".staged-"
_ABANDONED_S: Final = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a model is trained. The recency half-life is in days; None weighs all rows alike."""

    trees: int = 100
    leaves: int = 63
    learning_rate: float = 0.1
    rows_in_leaf: int = 100
    l2: float = 10.0
    feature_share: float = 0.8
    patience: int = 20
    """Trees without a gain on the stop slice after which growing ends."""
    half_life_days: float | None = None
    worth: float = 0.5
    """Rows weigh as the value of their action to this power."""
    most_rows: int = 120_000
    """In the train slice; beyond it, contacts without a positive answer are sampled and weighted."""
    positive_days: float = 7.0
    conversion_days: float = 30.0
    seed: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Settings that were tried, and their log loss on later contacts of the train slice."""

    settings: Settings
    log_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What a model was made of; instants in seconds since the epoch."""

    settings: Settings
    first_s: int
    last_s: int
    """The trees were grown on contacts between `first_s` and `last_s`."""
    cutoff_s: int
    """After the last contact of the test slice."""
    impressions: int
    rows: int
    """Those that stand for these impressions."""
    positives: int
    trees: int
    refused: tuple[str, ...]
    gain_share: Mapping[str, float]
    """Each feature's share of the gain; features without any are absent."""
    missing_share: Mapping[str, float]
    """Of those features, how often they were missing."""
    versions: Mapping[str, str]
    tried: tuple[Trial, ...] = ()
    """What tuning tried, the usual settings first; empty: nothing was tuned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a model learned beside its trees: all that turns a row into a propensity."""

    features: FeatureSet
    platt: Platt
    exposure: Exposure
    rates: Rates
    actions: tuple[DescribedAction, ...] = ()
    effects: tuple[Effect, ...] = ()
    """What trials said of offers, where that surely ranks better; empty: propensity serves as it is."""

    def effect_of(self, action: str) -> Effect | None:
        """The effect of an action; None where its propensity serves as it is."""
        return next((each for each in self.effects if each.action == action), None)

    def share_of(self, action: str) -> float:
        """What is kept of an action's propensity."""
        effect = self.effect_of(action)
        return 1.0 if effect is None or effect.share is None else effect.share


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All of a model but its trees."""

    learned: Learned
    training: Training
    report: Report
    sha256_by_file: Mapping[str, str]
    feature_schema: str = ""
    """`FeatureSet.hash` of the features that the rows were made by."""
    format: int = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Canaries:
    """Rows as the features make them, with None for a missing value, and LightGBM's raw scores of them."""

    rows: tuple[tuple[float | None, ...], ...]
    scores: tuple[float, ...]

    @classmethod
    def of(cls, matrix: Floats, scores: Floats) -> "Canaries":
        """Canaries of rows and scores."""
        rows = tuple(tuple(None if value != value else value for value in row) for row in matrix.tolist())  # noqa: PLR0124
        return cls(rows=rows, scores=tuple(scores.tolist()))

    def matrix(self) -> Floats:
        """The rows, missing as NaN."""
        return np.array([[np.nan if value is None else value for value in row] for row in self.rows], dtype=np.float64)


def sha256(content: bytes) -> str:
    """The hash that names a file's content."""
    return hashlib.sha256(content).hexdigest()


def write_artefact(models_dir: Path, manifest: Manifest, content_by_file: Mapping[str, bytes]) -> str:
    """Write a model's folder in one step and return its version; a model that is there already is left alone.

    `manifest.sha256_by_file` is made here.
    """
    hashes = {name: sha256(content) for name, content in sorted(content_by_file.items())}
    sealed = replace(manifest, sha256_by_file=hashes)
    text = msgspec.json.format(msgspec.json.encode(sealed, order="deterministic"), indent=1)
    version = sha256(text)
    models_dir.mkdir(parents=True, exist_ok=True)
    _clear_away(models_dir)
    staged = Path(tempfile.mkdtemp(prefix=_STAGED, dir=models_dir))
    try:
        for name, content in {**content_by_file, MANIFEST: text}.items():
            write_durably(staged / name, content)
            (staged / name).chmod(0o444)
        staged.chmod(0o755)
        if not (models_dir / version).exists():
            staged.rename(models_dir / version)
            sync_folder(models_dir)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return version


def _clear_away(models_dir: Path) -> None:
    """Remove what trainings left that were killed while they wrote; nobody writes for so long."""
    for left in models_dir.glob(f"{_STAGED}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(left, ignore_errors=True)


def read_manifest(folder: Path) -> Manifest:
    """Read and check a manifest.

    Raises:
        ModelRefused: it is missing, not the one that the folder is named after, or of another format.
    """
    content = _read(folder, MANIFEST)
    if sha256(content) != folder.name:
        raise ModelRefused(f"`{MANIFEST}` is not the one that was written")
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ModelRefused(f"`{MANIFEST}` cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise ModelRefused(f"the model has format {manifest.format}, this release reads {FORMAT}")
    if manifest.feature_schema not in {"", manifest.learned.features.hash}:
        raise ModelRefused("its features are not those that its rows were made by")
    return manifest


def read_content(folder: Path, manifest: Manifest, name: str) -> bytes:
    """Read a file of a model.

    Raises:
        ModelRefused: it is missing or not the one that was written.
    """
    content = _read(folder, name)
    if sha256(content) != manifest.sha256_by_file.get(name):
        raise ModelRefused(f"`{name}` is not the one that was written")
    return content


def read_canaries(folder: Path, manifest: Manifest) -> Canaries:
    """Read a model's canaries.

    Raises:
        ModelRefused: they are missing, damaged or empty.
    """
    try:
        canaries = msgspec.json.decode(read_content(folder, manifest, CANARIES), type=Canaries)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ModelRefused(f"`{CANARIES}` cannot be read: {error}") from error
    columns = len(manifest.learned.features.names)
    if (
        not canaries.rows
        or len(canaries.rows) != len(canaries.scores)
        or any(len(row) != columns for row in canaries.rows)
    ):
        raise ModelRefused(f"`{CANARIES}` does not hold rows of this model")
    return canaries


def read_effect_canaries(folder: Path, manifest: Manifest) -> dict[str, Canaries]:
    """Read the canaries of a model's effect trees, by the file that holds the trees; empty where it has none.

    Raises:
        ModelRefused: they are missing, damaged or empty, or the share of an action is none.
    """
    wrong = [each for each in manifest.learned.effects if each.share is not None and not 0.0 <= each.share <= 1.0]
    if wrong:
        raise ModelRefused(f"the share of `{wrong[0].action}` is {wrong[0].share!r}, and must be 0 to 1")
    files = {each.trees for each in manifest.learned.effects if each.trees is not None}
    if not files:
        return {}
    try:
        found = msgspec.json.decode(read_content(folder, manifest, EFFECT_CANARIES), type=dict[str, Canaries])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ModelRefused(f"`{EFFECT_CANARIES}` cannot be read: {error}") from error
    columns = len(manifest.learned.features.customer)
    for file in files:
        rows = found[file].rows if file in found else ()
        if not rows or len(rows) != len(found[file].scores) or any(len(row) != columns for row in rows):
            raise ModelRefused(f"`{EFFECT_CANARIES}` does not hold rows of this model")
    return found


def read_bins(folder: Path, manifest: Manifest) -> TrainingBins | None:
    """Read how training's values were spread; None where an earlier release kept nothing of it.

    Raises:
        ModelRefused: the file is missing or damaged.
    """
    if BINS not in manifest.sha256_by_file:
        return None
    try:
        return msgspec.json.decode(read_content(folder, manifest, BINS), type=TrainingBins)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ModelRefused(f"`{BINS}` cannot be read: {error}") from error


def _read(folder: Path, name: str) -> bytes:
    try:
        if not (folder / name).is_file():
            raise ModelRefused(f"`{name}` is not there")
        with (folder / name).open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ModelRefused(f"`{name}` cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise ModelRefused(f"`{name}` is larger than a model's file can be")
    return content
