"""Counts who wins on a reference population, and warns of actions that are candidates and never do."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from engine.decision import Decision
from engine.errors import Code, Diagnostic, Severity
from engine.experiments import as_is
from engine.pipeline import decide
from engine.plan import Plan
from engine.population import Encounter, Hashed
from engine.ports import Outlook, ScoringContext

ENOUGH: Final = 20
"""So often an action must have been a candidate before anything is said of it."""
_LEAST, _MOST = 0.005, 0.2
"""Propensities are drawn between these, as evenly among the small as among the large."""


@dataclass(slots=True)
class Tally:
    """How one action fared."""

    candidate: int = 0
    chosen: int = 0
    beaten_by: Counter[int] = field(default_factory=Counter)


class _DrawnScorer:
    """Propensities without a model: drawn for every question anew, so that no order is built in."""

    version = "drawn"

    def __init__(self, drawn: Hashed) -> None:
        self._drawn = drawn

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        span = math.log(_MOST / _LEAST)
        return [_LEAST * math.exp(span * self._drawn.share(context.channel, action)) for action in candidates]

    def positives(self, channel: int) -> Sequence[int]:
        return ()

    def outlook(self) -> Outlook:
        return Outlook(())


def tally(plan: Plan, population: Iterable[Encounter], now: datetime) -> tuple[Tally, ...]:
    """One tally per action of the plan; exploration is off."""
    greedy = as_is(plan)
    tallies = tuple(Tally() for _ in plan.actions)
    for number, encounter in enumerate(population):
        scorer = _DrawnScorer(Hashed("never wins", number))
        decision = decide(
            plan=greedy,
            request=encounter.request,
            snapshot=encounter.snapshot,
            scorer=scorer,
            baseline=scorer,
            now=now,
            exploration_key=b"never wins",
        )
        _count(tallies, decision)
    return tallies


def _count(tallies: Sequence[Tally], decision: Decision) -> None:
    chosen = {option.candidate.action for each in decision.filled for option in each.options}
    for candidate in decision.ranking:
        mine = tallies[candidate.action]
        mine.candidate += 1
        if candidate.action in chosen:
            mine.chosen += 1
        elif chosen:
            mine.beaten_by.update(chosen)


def check_never_wins(plan: Plan, tallies: Sequence[Tally], *, least: int = ENOUGH) -> Iterator[Diagnostic]:
    """A warning for every action that was a candidate `least` times and was never chosen."""
    for action, mine in zip(plan.actions, tallies, strict=True):
        if mine.candidate >= least and not mine.chosen:
            names = " and ".join(f"`{plan.actions[other].id}`" for other, _ in mine.beaten_by.most_common(2))
            message = (
                f"`{action.id}` was a candidate {mine.candidate:,} times on the reference population and never won"
            )
            hint = f"mostly {names} came first: compare their values and weights" if names else "compare its value"
            span = plan.action_rules[action.position].head.span
            yield Diagnostic(span, message, hint, Severity.WARNING, Code.NEVER_WINS)
