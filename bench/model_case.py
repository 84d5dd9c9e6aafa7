"""The model alone: 20 candidates through trained trees, reading the customer and evaluating apart, beside LightGBM and
trees that tl2cgen compiled.
"""

from itertools import cycle

import numpy as np

from bench.accelerators import compiled_trees
from bench.bundle import SURVIVORS
from bench.customers import NOW, contacts_of, profile_values
from bench.measure import Subject, time_in_turns
from bench.report import CaseResult, Figure, Measurement, Target
from bench.rows import row_reader
from bench.workshop import Workshop
from engine import Plan
from engine.ids import ActionId
from engine.ports import ScoringContext
from models.artefact import TREES, read_canaries, read_manifest
from models.boosting import lightgbm
from models.loading import load_model

_CUSTOMERS = 64
_COMPILED = f"tl2cgen, {SURVIVORS} ready rows, 1 thread"


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
    matrix = read_canaries(trained.folder, read_manifest(trained.folder)).matrix()
    ready = np.ascontiguousarray(matrix[:SURVIVORS])
    compiled = compiled_trees((trained.folder / TREES).read_text(encoding="ascii"), workshop.folder)
    subjects = [
        Subject(name=score, call=lambda: scorer.score(next(contexts), candidates), calls=200),
        Subject(name=rows, call=read_next, calls=200),
        Subject(name=predict, call=lambda: peer.predict(ready, raw_score=True, num_threads=1), calls=100),
    ]
    if compiled is not None:
        subjects.append(Subject(name=_COMPILED, call=lambda: compiled(ready), calls=100))
    times = time_in_turns(subjects, rounds=5 if quick else 30)
    apart, bare = times[score].p50_us - times[rows].p50_us, times[predict].p50_us
    figures = [
        Figure(what="evaluating the trees, blending, calibrating (by difference)", value=apart, unit="us"),
        Figure(what="features", value=model.forest.feature_count, unit="columns"),
    ]
    if compiled is not None:
        expected = peer.predict(matrix, raw_score=True, num_threads=1)
        same = int((compiled(matrix) == expected).sum())
        figures += [
            Figure(what="LightGBM over tl2cgen", value=bare / times[_COMPILED].p50_us, unit="times"),
            Figure(what="tl2cgen over our trees", value=times[_COMPILED].p50_us / apart, unit="times"),
            Figure(what="canary rows to which tl2cgen gives LightGBM's bits", value=same, unit=f"of {len(matrix)}"),
        ]
    return CaseResult(
        case="model",
        title=f"{trained.training.trees} trees with up to {trained.training.settings.leaves} leaves",
        measurements=tuple(Measurement(what=name, rules=0, spread=each) for name, each in times.items()),
        figures=tuple(figures),
        targets=(
            Target(what="trees over LightGBM's predict", bound="at most", target=1.1, measured=apart / bare),
            Target(what="the whole score over it", bound="at most", target=1.3, measured=times[score].p50_us / bare),
            Target(what="LightGBM's predict over trees", bound="at least", target=1.6, measured=bare / apart),
        ),
        notes=(
            "Scores are LightGBM's own to the last bit (tests and canaries); it is the peer, not what serves.",
            "LightGBM and tl2cgen get rows that are ready; ours reads customer, season and past contacts as well.",
        ),
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
