"""Which model scores: the one that the bundle names, else the installation's current one, else the baseline."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from api.settings import Settings
from engine import Plan
from engine.ports import Outlook, Scorer, ScoringContext
from models.artefact import MANIFEST
from models.baseline import Baseline
from models.errors import ModelRefused
from models.loading import load_model
from models.propensity import PropensityModel
from models.registry import Registry, open_registry
from models.verify import verify_in_child

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorers:
    """What scores under one plan: the model or the baseline, the baseline behind it, and the model before binding."""

    scorer: Scorer
    baseline: Scorer
    model: PropensityModel | None

    @property
    def version(self) -> str:
        """The version that answers and decision records carry."""
        return self.scorer.version


def wanted_model(settings: Settings, named: str | None) -> str | None:
    """The version that should score: the one that the bundle names, else that of `--model`, else the current one.

    Raises:
        ModelRefused: nobody can tell.
    """
    if named is not None:
        return named
    folder = models_folder(settings)
    return folder.name if (folder / MANIFEST).is_file() else open_registry(folder).current()


def models_folder(settings: Settings) -> Path:
    """Where the models are: a folder of versions, or that of one model."""
    return settings.model or settings.data_dir / "models"


def see_that_it_loads(settings: Settings, version: str) -> None:
    """Try a model in a process of its own.

    Raises:
        ModelRefused: it is not there, or it is damaged.
    """
    verify_in_child(folder_of(settings, version))


def open_scorers(
    settings: Settings, plan: Plan, named: str | None = None, loaded: PropensityModel | None = None
) -> Scorers:
    """The model that scores; the baseline alone where none was ever promoted, and in place of one that cannot be had.

    `named` is the version that the bundle asks for; `loaded` is used again where it is the one that is wanted.
    """
    baseline: Scorer = _registry_of(settings).baseline(plan)
    try:
        version = wanted_model(settings, named)
        if version is None and settings.model is None:
            _log.info("no model has been promoted: the baseline scores")
            return Scorers(scorer=baseline, baseline=baseline, model=None)
        model = loaded
        if model is None or model.version != version:
            folder = folder_of(settings, version)
            verify_in_child(folder)
            model = load_model(folder)
        own = Baseline(plan, model.learned, model.version)
        return Scorers(scorer=model.bind(plan), baseline=own, model=model)
    except ModelRefused as refusal:
        _log.error("the model is not taken up, the baseline scores: %s", refusal.reason)
        return Scorers(scorer=MissingModel(baseline), baseline=baseline, model=None)


class MissingModel:
    """Stands where a model should and has no score for anybody: the baseline scores, and every decision says so."""

    def __init__(self, baseline: Scorer) -> None:
        self._baseline = baseline

    @property
    def version(self) -> str:
        """See `Scorer.version`: that of what scores instead."""
        return self._baseline.version

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        """See `Scorer.score`; too few for any candidates."""
        return ()

    def positives(self, channel: int) -> Sequence[int]:
        """See `Scorer.positives`."""
        return self._baseline.positives(channel)

    def outlook(self) -> Outlook:
        """See `Scorer.outlook`."""
        return self._baseline.outlook()


def _registry_of(settings: Settings) -> Registry:
    """The models beside which the one that scores stands."""
    return open_registry(models_folder(settings))


def folder_of(settings: Settings, version: str | None) -> Path:
    """Where a model lies.

    Raises:
        ModelRefused: it is not there, or not the one that `--model` gives.
    """
    folder = models_folder(settings)
    if (folder / MANIFEST).is_file():
        if version != folder.name:
            raise ModelRefused("the bundle names another model than the one that `--model` gives")
        return folder
    if version is None:
        raise ModelRefused("no model has been promoted yet")
    if not (folder / version).is_dir():
        raise ModelRefused("the model that should serve is not there")
    return folder / version
