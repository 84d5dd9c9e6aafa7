"""The challenger of the model that serves: opened beside it, for the customers whom its challenge takes."""

import logging

from api.scorers import folder_of, models_folder
from api.serving import Rival, Serving, SnapshotReader
from api.settings import Settings
from api.tokens import TokenCodec
from engine.plan import Plan
from models.baseline import Baseline
from models.challenge import read_challenge
from models.errors import ModelRefused
from models.loading import load_model
from models.verify import verify_in_child

_log = logging.getLogger(__name__)


def open_rival(
    settings: Settings,
    plan: Plan,
    reader: SnapshotReader,
    tokens: TokenCodec,
    release: str,
    before: Rival | None,
) -> Rival | None:
    """What serves those whom a challenge takes, `before` used again where it is the same model.

    None where nobody challenges, or where the challenger cannot be had or does not fit the rules: the current model
    then scores for everybody.
    """
    try:
        challenge = read_challenge(models_folder(settings))
        if challenge is None:
            return None
        model = None if before is None else before.serving.model
        if model is None or model.version != challenge.version:
            folder = folder_of(settings, challenge.version)
            verify_in_child(folder)
            model = load_model(folder)
        scorer = model.bind(plan)
    except ModelRefused as refusal:
        _log.error("the challenger is not taken up, the current model scores for everybody: %s", refusal.reason)
        return None
    serving = Serving(
        plan=plan,
        scorer=scorer,
        baseline=Baseline(plan, model.learned, model.version),
        reader=reader,
        tokens=tokens,
        release=release,
        model=model,
    )
    return Rival(challenge, serving)


def rival_of(serving: Serving) -> str | None:
    """What tells apart the challenge that runs; None where none does."""
    return None if serving.rival is None else serving.rival.challenge.salt
