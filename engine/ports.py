"""What the core asks of others: a scorer. Everything else reaches it as a value."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from engine.contacts import Contact
from engine.facts import Held


class ScorerFailed(Exception):
    """The scorer could not score; the decision goes on with the baseline and says so."""


class ScoringContext(NamedTuple):
    """What a scorer may read of one decision. `profile` is raw: missing stays missing, no default is filled in."""

    profile: Sequence[Held]
    """One held value per column of the plan's profile schema, before any default."""
    channel: int
    """Position in `plan.channels`."""
    now: datetime
    contacts: Sequence[Contact]


class Scorer(Protocol):
    """Gives each candidate the probability that showing it leads to a conversion."""

    @property
    def version(self) -> str:
        """The model's hash, or the name of a baseline."""

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        """One propensity in [0, 1] per candidate, in their order; a candidate is a position in `plan.actions`."""

    def positives(self, channel: int) -> Sequence[int]:
        """Positive answers seen in training, one per action of the plan; what exploration builds on."""

    def promises(self) -> Sequence[float]:
        """What the answers so far promise, one number per action of the plan: 1 where nothing was heard yet, and less
        the further positive answers fall short of what was expected; the share of an action on trial builds on it."""
