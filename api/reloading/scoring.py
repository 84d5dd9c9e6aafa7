"""Judges the model that rules are to be served with: apart from the rest, as only a model needs numpy."""

from msgspec.structs import replace

from api.reloading.verdict import Question, Verdict
from api.scorers import models_folder, see_that_it_loads, wanted_model
from api.settings import Settings
from engine.compiler.bundle import MODEL
from models.challenge import read_challenge
from models.errors import ModelRefused


def same_rules(settings: Settings, question: Question, files: dict[str, bytes]) -> Verdict:
    """The rules are those that serve; the model may be another."""
    same = Verdict(result="unchanged", ruleset=question.serving, model=_named(files), errors=0, problems=())
    if question.model is None:
        return same
    try:
        wanted = wanted_model(settings, same.model)
    except ModelRefused as error:
        return replace(same, result="refused", errors=1, problems=(error.reason,))
    if wanted is None or (wanted == question.model and _challenge(settings, same.model) == question.challenge):
        return same
    if (refusal := model_problem(settings, question, wanted)) is not None:
        return replace(same, result="refused", errors=1, problems=(refusal,))
    return replace(same, result="ready")


def _challenge(settings: Settings, named: str | None) -> str | None:
    """What tells apart the challenge that should run; rules that name their model are not challenged."""
    try:
        found = None if named is not None else read_challenge(models_folder(settings))
    except ModelRefused:
        return None
    return None if found is None else found.salt


def _named(files: dict[str, bytes]) -> str | None:
    return files[MODEL].decode("ascii").strip() if MODEL in files else None


def model_problem(settings: Settings, question: Question, version: str | None) -> str | None:
    """Why a model cannot serve."""
    if version is None or version == question.model:
        return None
    try:
        see_that_it_loads(settings, version)
    except ModelRefused as refusal:
        return f"the model {version[:12]} cannot serve: {refusal.reason}"
    return None
