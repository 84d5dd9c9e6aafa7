"""The model alone: 20 candidates through trained trees, reading the customer and evaluating apart, beside LightGBM."""

from itertools import cycle

import lightgbm
import numpy as np

from bench.bundle import SURVIVORS
from bench.customers import NOW, contacts_of, profile_values
from bench.measure import Subject, time_in_turns
from bench.report import CaseResult, Figure, Measurement
from bench.rows import row_reader
from bench.workshop import Workshop
from engine import Plan
from engine.ids import ActionId
from engine.ports import ScoringContext
from models.artefact import TREES
from models.loading import load_model

_CUSTOMERS = 64


def run(workshop: Workshop, *, quick: bool) -> CaseResult:
    """Measure; training included some ten seconds."""
    plan, trained = workshop.plan, workshop.trained
    model = load_model(trained.folder)
    scorer = model.bind(plan)
    candidates = [plan.position_by_action[ActionId(action)] for action in workshop.bundle.survivors]
    contexts = cycle(_contexts(plan))
    read = row_reader(model, plan)

    def read_next() -> object:
        profile, _, now, contacts = next(contexts)
        return read(profile, contacts, now)

    score = f"score {len(candidates)} candidates"
    rows = "of which reading customer, season and past contacts"
    predict = f"LightGBM predict, {SURVIVORS} ready rows, 1 thread"
    peer = lightgbm.Booster(model_file=str(trained.folder / TREES))
    matrix = np.random.default_rng(1).random((SURVIVORS, model.forest.feature_count))
    times = time_in_turns(
        [
            Subject(name=score, call=lambda: scorer.score(next(contexts), candidates), calls=200),
            Subject(name=rows, call=read_next, calls=200),
            Subject(name=predict, call=lambda: peer.predict(matrix, raw_score=True, num_threads=1), calls=100),
        ],
        rounds=5 if quick else 30,
    )
    apart = times[score].p50_us - times[rows].p50_us
    return CaseResult(
        case="model",
        title=f"{trained.training.trees} trees with up to {trained.training.settings.leaves} leaves",
        measurements=tuple(Measurement(what=name, rules=0, spread=each) for name, each in times.items()),
        figures=(
            Figure(what="evaluating the trees, blending, calibrating (by difference)", value=apart, unit="us"),
            Figure(what="features", value=model.forest.feature_count, unit="columns"),
        ),
        notes=("Scores are LightGBM's own to the last bit (tests and canaries); it is the peer, not what serves.",),
    )


def _contexts(plan: Plan) -> list[ScoringContext]:
    return [
        ScoringContext(
            profile=plan.profile_schema.encode(profile_values(number)),
            channel=0,
            now=NOW,
            contacts=contacts_of(plan, number),
        )
        for number in range(_CUSTOMERS)
    ]
