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


class Outlook(NamedTuple):
    """What may still be found out about the actions of a plan."""

    promise: Sequence[float]
    """One number an action: 1 where nothing was heard yet, and less the further positive answers fall short of what was
    expected."""
    launched: frozenset[int] = frozenset()
    """Actions that were shown for the first time not long ago: who likes them is still to be found."""


class Scorer(Protocol):
    """Gives each candidate the probability that showing it leads to a conversion."""

    @property
    def version(self) -> str:
        """The model's hash, or the name of a baseline."""

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        """One propensity in [0, 1] per candidate, in their order; a candidate is a position in `plan.actions`."""

    def positives(self, channel: int) -> Sequence[int]:
        """Positive answers seen in training, one per action of the plan; what exploration builds on."""

    def outlook(self) -> Outlook:
        """What there is to be found out about each action; what exploration builds on beside `positives`."""
