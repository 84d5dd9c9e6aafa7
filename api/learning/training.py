"""Trains on what was recorded: the rows are the very values that decisions read."""

from api.learning.recorded import Recorded
from api.settings import Settings as ServerSettings
from engine.plan import Plan
from models.arrays import Floats
from models.artefact import Settings
from models.features import features_of
from models.history import DAY_S
from models.rows import Outcomes, Window
from models.slices import Slices, slice_by_time, thin
from models.train import Progress, TrainedModel, finish


async def train_recorded(
    installation: ServerSettings,
    plan: Plan,
    *,
    settings: Settings,
    cutoff_s: int | None = None,
    promote: bool = True,
    trials: int = 0,
    progress: Progress | None = None,
) -> TrainedModel:
    """Train on the recorded decisions of an installation, store the model, verify it and make it the current one.

    Raises:
        TrainingRefused: too little was recorded.
        ModelRefused: the stored model does not verify; the current one stays.
        StoreUnavailable: the store went away.
    """
    say = progress or (lambda _: None)
    say("reading what was recorded")
    slices: list[Slices] = []

    def pick(outcomes: Outcomes) -> Floats:
        slices.append(slice_by_time(outcomes, round(settings.positive_days * DAY_S)))
        return thin(outcomes, slices[0], settings.most_rows, settings.seed)

    window = Window(positive_days=settings.positive_days, conversion_days=settings.conversion_days, cutoff_s=cutoff_s)
    logged = await Recorded(installation, plan).rows(window, pick=pick, features=features_of(plan))
    unread = f"{logged.unreadable:,} recorded entries cannot be read and are left out"
    return finish(
        logged.rows,
        slices[0],
        plan,
        settings,
        installation.data_dir / "models",
        promote=promote,
        say=say,
        findings=(unread,) if logged.unreadable else (),
        trials=trials,
    )
