"""What serves: one bundle with its model, and everything derived from the two; a request sees exactly one."""

from collections.abc import Sequence
from time import perf_counter_ns
from typing import Final, Protocol

from api.decision_log import Origin
from api.ports import StoredRecord
from api.questions import Questions
from api.rendering import Renderer
from api.schemas import Degraded
from api.tokens import TokenCodec
from api.vocabulary import Vocabulary
from engine.decision import Snapshot
from engine.plan import Plan
from engine.ports import Outlook, Scorer, ScoringContext
from models.challenge import Challenge
from models.propensity import PropensityModel
from models.rates import maturities


class RecordUnreadable(Exception):
    """A stored record cannot be decoded; `missing` is what the answer has to do without."""

    def __init__(self, missing: Degraded) -> None:
        self.missing = missing
        super().__init__(missing)


class SnapshotReader(Protocol):
    """Turns stored bytes into what the engine reads."""

    def read(self, stored: StoredRecord) -> Snapshot:
        """The snapshot of a record.

        Raises:
            RecordUnreadable: a field cannot be decoded.
        """

    def present(self, stored: StoredRecord, now_s: int) -> StoredRecord:
        """A record with ties as it is at an instant: its profile holds the groups and relations that run then.

        Raises:
            RecordUnreadable: the profile or the ties cannot be decoded.
        """


class Serving:
    """One bundle with its model, and what is derived from them; a request sees exactly one."""

    def __init__(
        self,
        *,
        plan: Plan,
        scorer: Scorer,
        baseline: Scorer,
        reader: SnapshotReader,
        tokens: TokenCodec,
        release: str,
        model: PropensityModel | None = None,
        rival: "Rival | None" = None,
    ) -> None:
        """`model` is what the scorer was bound from, for a bundle that follows and wants the same."""
        self.rival = rival
        self.plan = plan
        self.scorer = TimedScorer(scorer)
        self.baseline = baseline
        self.model = model
        self.reader = reader
        self.vocabulary = Vocabulary.of(plan)
        self.questions = Questions(plan)
        self.renderer = Renderer(plan, scorer.version, tokens, _maturities(scorer, plan))
        self.origin = Origin(release=release, ruleset=plan.hash, model=scorer.version)
        self.action_ids = tuple(str(action.id) for action in plan.actions)
        self.experiment_ids = tuple(each.id for each in plan.experiments)


def _maturities(scorer: Scorer, plan: Plan) -> Sequence[float]:
    """How well a model knows each action; a baseline knows none better than another."""
    if scorer.version.startswith(_BASELINE):
        return ()
    return maturities([scorer.positives(channel.position) for channel in plan.channels])


_BASELINE: Final = "baseline"


class Rival:
    """The same bundle with a challenger's scores, for a share of the customers."""

    def __init__(self, challenge: Challenge, serving: Serving) -> None:
        self.challenge = challenge
        self.serving = serving


def for_customer(serving: Serving, record: str) -> Serving:
    """What decides for a customer: the challenger's where it takes them."""
    rival = serving.rival
    return serving if rival is None or not rival.challenge.takes(record) else rival.serving


class TimedScorer:
    """A scorer that notes how long its last call took; deciding never pauses, so nobody else calls in between."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self.last_us = 0

    @property
    def version(self) -> str:
        """See `Scorer.version`."""
        return self._scorer.version

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        """See `Scorer.score`."""
        started = perf_counter_ns()
        try:
            return self._scorer.score(context, candidates)
        finally:
            self.last_us = (perf_counter_ns() - started) // 1_000

    def positives(self, channel: int) -> Sequence[int]:
        """See `Scorer.positives`."""
        return self._scorer.positives(channel)

    def outlook(self) -> Outlook:
        """See `Scorer.outlook`."""
        return self._scorer.outlook()
