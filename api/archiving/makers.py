"""What made a decision, brought back from disk: the rules and the model that its record names."""

import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Final

from api.archiving.files import ARCHIVE, sync_file
from api.archiving.known import Known
from api.bootstrap import bundles_of, release
from api.decision_record import DecisionRecord
from api.scorers import models_folder
from api.security import Secrets
from api.serving import Serving
from api.settings import Settings
from api.tokens import TokenCodec
from engine import Plan, RuleErrors, compile_bundle
from engine.compiler.carry import unpack_plan
from engine.ports import Scorer
from models.artefact import read_manifest
from models.baseline import Baseline
from models.durable import sync_folder
from models.errors import ModelRefused
from models.loading import load_model

KEPT: Final = 4
"""Bundles with their models that are held ready."""
_BASELINE: Final = "baseline"


class NotHere(Exception):
    """What made a decision is not here; `missing` is `rules` or `model`, and the sentence says which."""

    def __init__(self, missing: str, sentence: str) -> None:
        self.missing = missing
        super().__init__(sentence)


class Makers:
    """Brings back what made decisions."""

    def __init__(self, settings: Settings, keys: Secrets, known: Known) -> None:
        self.exploration_key = keys.exploration
        self._settings = settings
        self._known = known
        self._bundles = bundles_of(settings, keys)
        self._copies = settings.data_dir / ARCHIVE / "models"
        self._tokens = TokenCodec(keys)
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self._servings: OrderedDict[tuple[str, str, int | None, int], Serving] = OrderedDict()

    def serving(self, record: DecisionRecord) -> Serving:
        """What made a decision, reading records as it did then.

        Raises:
            NotHere: its rules or its model are not in the data folder.
        """
        plan = self._plan(record.ruleset)
        since = self._known.folded_since(plan, record.decided_at_us / 1_000_000)
        key = (record.ruleset, record.model, since, self._known.revision)
        serving = self._servings.get(key)
        if serving is None:
            scorer, baseline = self._scorers(plan, record.model)
            serving = self._servings[key] = Serving(
                plan=plan,
                scorer=scorer,
                baseline=baseline,
                reader=self._known.reader(plan, since),
                tokens=self._tokens,
                release=release(),
            )
            _keep_latest(self._servings)
        self._servings.move_to_end(key)
        return serving

    def _plan(self, ruleset: str) -> Plan:
        plan = self._plans.get(ruleset)
        if plan is None:
            plan = self._plans[ruleset] = self._compiled(ruleset)
            _keep_latest(self._plans)
        self._plans.move_to_end(ruleset)
        return plan

    def _compiled(self, ruleset: str) -> Plan:
        missing = NotHere("rules", f"the rules {ruleset} are not in {self._settings.data_dir / 'bundles'}")
        if not ruleset.removeprefix("sha256:").isalnum():
            raise missing
        packed = self._bundles.staged(ruleset)
        if packed is not None:
            return unpack_plan(packed)
        files = self._bundles.files(ruleset)
        if files is None:
            raise missing
        try:
            return compile_bundle(files).plan
        except RuleErrors as error:
            raise NotHere("rules", f"the rules {ruleset} do not compile under this release") from error

    def _scorers(self, plan: Plan, model: str) -> tuple[Scorer, Scorer]:
        """The scorer of that version and the baseline that stood beside it."""
        if model == _BASELINE:
            return Baseline(plan), Baseline(plan)
        try:
            if model.startswith(f"{_BASELINE}:"):
                folder = self._folder(model.removeprefix(f"{_BASELINE}:"))
                rates = Baseline(plan, read_manifest(folder).learned, folder.name)
                return rates, rates
            loaded = load_model(self._folder(model))
            return loaded.bind(plan), Baseline(plan, loaded.learned, loaded.version)
        except ModelRefused as refusal:
            raise NotHere("model", f"the model {model} cannot be loaded: {refusal.reason}") from refusal

    def _folder(self, version: str) -> Path:
        """Where the one model lies whose version starts so."""
        given = models_folder(self._settings)
        folders = [given, *given.glob("*"), *(self._settings.data_dir / "models").glob("*"), *self._copies.glob("*")]
        found = next((each for each in folders if version and each.name.startswith(version) and each.is_dir()), None)
        if found is None:
            raise NotHere("model", f"the model {version} is not in {self._settings.data_dir / 'models'}")
        return found

    def keep_model(self, version: str) -> None:
        """Keep a copy of a model that lies outside the data folder, as long as the decisions made with it."""
        folder = self._folder(version)
        if folder.is_relative_to(self._settings.data_dir) or (self._copies / folder.name).exists():
            return
        self._copies.mkdir(parents=True, exist_ok=True)
        draft = self._copies / f".{folder.name}"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(folder, draft)
        for path in draft.iterdir():
            sync_file(path)
        draft.rename(self._copies / folder.name)
        sync_folder(self._copies)


def _keep_latest(held: OrderedDict) -> None:  # type: ignore[type-arg]  # of whatever kind
    while len(held) > KEPT:
        held.popitem(last=False)
