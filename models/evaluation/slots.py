"""Decision slots with every candidate and the exact probability of each: what other choices are judged on.

Candidates of all slots stand in one array after another; `first` says where each slot's begin.
"""

from dataclasses import dataclass

import numpy as np

from models.arrays import Codes, Flags, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Slots in which something was drawn. A slot without a confirmed impression has no positive answer."""

    customer: Codes
    """By slot: whose; the unit that is resampled."""
    first: Codes
    """By slot: its first candidate; one entry more, the end of the last."""
    chosen: Codes
    """By slot: which candidate was shown, counted over all slots."""
    positive: Flags
    """By slot: whether what was shown got a positive answer."""
    action: Codes
    """By candidate."""
    probability: Floats
    """By candidate: with which it was drawn; of a mixture of arms, the mixture's."""
    worth: Floats
    """By candidate: what a positive answer to it is worth; 1 counts answers."""

    def __post_init__(self) -> None:
        """Refuse what cannot be a log of choices.

        Raises:
            ValueError: a sentence that says what is wrong.
        """
        if len(self.first) != len(self.customer) + 1 or self.first[-1] != len(self.action):
            raise ValueError("`first` does not fit the slots and candidates")
        if len(self) and (self.chosen < self.first[:-1]).any() | (self.chosen >= self.first[1:]).any():
            raise ValueError("a slot shows what was not among its candidates")
        if len(self) and not (self.probability[self.chosen] > 0.0).all():
            raise ValueError("a slot shows what had no chance to be drawn")

    def __len__(self) -> int:
        return len(self.customer)

    @property
    def slot(self) -> Codes:
        """By candidate: its slot."""
        return np.repeat(np.arange(len(self)), np.diff(self.first))

    def sums(self, by_candidate: Floats) -> Floats:
        """A figure of each candidate summed up by slot."""
        return np.bincount(self.slot, weights=by_candidate, minlength=len(self)).astype(np.float64)

    def greedy(self, preference: Floats) -> Floats:
        """The policy that always shows the candidate preferred most, the earlier one where two are equal."""
        order = np.lexsort((np.arange(len(preference)), -preference, self.slot))
        policy = np.zeros(len(preference))
        policy[order[self.first[:-1]]] = 1.0
        return policy
