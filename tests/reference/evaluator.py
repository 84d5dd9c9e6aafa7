"""Decides slowly and obviously, from the words of SEMANTICS section 3 and the text of the rule files.

It knows nothing of the engine: rules are trees of text, actions are names, and every stage looks at everything again.
Where SEMANTICS leaves an order open, the engine's own words decide: an answer rests an action before a cap stops it,
a cap before quiet hours; a `must` message is neither rested nor kept quiet.

Each stage is a file and stands on those before it: `asked`, `dressing`, `stages`, `priorities`, `relevance`, and here.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from tests.reference.asked import Told
from tests.reference.conditions import listed
from tests.reference.facts import tree_of
from tests.reference.natural import Person, Question, Tree
from tests.reference.relevance import Weighed

TIERS = ("must", "service", "offer")


@dataclass(kw_only=True)
class Answer:
    """What was decided."""

    shown: dict[str, list[tuple[str, str]]]
    """In each placement the actions with their treatments."""
    reasons: dict[str, str]
    weights: dict[str, Fraction]
    themes: dict[str, str]
    """For each candidate of a theme the strongest one."""
    ranking: list[str]
    priorities: dict[str, Fraction]
    """Of what is ranked, in minor units."""
    steps: dict[str, str | None]
    values: dict[str, Fraction]
    """Of each candidate, in minor units."""
    terms: dict[str, dict[str, Fraction]]
    arms: dict[str, str]
    ghosts: dict[str, list[str]]
    """What would have been shown if nothing had been held out, where that concerns something ranked."""
    because: dict[str, list[Told]]
    """Why each action is not shown, as far as rules and their cells decided it."""
    speaking: dict[str, list[str]]
    """For each candidate the rules that speak for it, and the experiments that it is in."""


def decide(documents: Mapping[str, Tree], person: Person, question: Question, key: bytes) -> Answer:
    """The decision."""
    return Evaluator(documents, person, question, key).answer()


class Evaluator(Weighed):
    """One decision, from the stages to the slots of placements."""

    def answer(self) -> Answer:
        """Stage by stage; the first that fails an action gives its reason."""
        profiling = self._guard()
        self._suppress()
        self._engage()
        for action in self.actions:
            self._stop(action, self.contact.verdict(action, self._tier(action)))
        for action in self.actions:
            if action in self.question.exclude or not (self.question.only is None or action in self.question.only):
                self._stop(action, "excluded_by_request")
        for action in self.actions:
            if not any(self.treatment(action, place) for place, _ in self.question.placements):
                self._stop(action, "no_treatment")
        active = self._active_themes() if profiling else {}
        steps = {name: self._step(theme) for name, theme in active.items()}
        weights, themes = self._weigh(active, steps, profiling)
        values = {action: self._value(action) * 100 for action in weights}
        speaking = {action: self._speaking(action, themes) for action in weights}
        propensities = self.question.propensities if profiling else self.question.baseline
        priorities = self._priorities(weights, propensities, profiling)
        ranking = sorted(priorities, key=lambda action: (TIERS.index(self._tier(action)), -priorities[action], action))
        shown, ghosts = self._fill(ranking), {}
        for action in ranking:
            held_out = any(self._held_out(action, place) for place, _ in self.question.placements)
            self.reasons[action] = "holdout" if held_out else "outranked"
        if "holdout" in self.reasons.values():
            ghosts = {place: [each for each, _ in options] for place, options in self._fill(ranking, True).items()}
        for options in shown.values():
            for action, _ in options:
                self.reasons[action] = "chosen"
        return Answer(
            shown=shown,
            reasons=self.reasons,
            weights=weights,
            themes=themes,
            ranking=ranking,
            priorities=priorities,
            steps=steps,
            values=values,
            terms={action: self._terms(action) for options in shown.values() for action, _ in options},
            arms=self.arms,
            ghosts=ghosts,
            because=self.because,
            speaking=speaking,
        )

    # --- fill --------------------------------------------------------------------------------------------------------

    def _fill(self, ranking: list[str], ghosts: bool = False) -> dict[str, list[tuple[str, str]]]:
        """Each slot takes the best unused action that fits, deducting caps as it goes; `ghosts`: nothing held out."""
        shown: dict[str, list[tuple[str, str]]] = {}
        used: list[str] = []
        places = tree_of(self.channel, "placements")
        everywhere = int(str(self.channel.get("max_per_group", "1000")))
        for place, count in sorted(
            self.question.placements, key=lambda each: int(str(tree_of(places[each[0]]).get("precedence", "1")))
        ):
            most = int(str(tree_of(places[place]).get("max_per_group", "1000")))
            shown[place] = []
            for slot in range(count):
                here = [action for action, _ in shown[place]]
                free = [
                    action
                    for action in ranking
                    if action not in used
                    and self.treatment(action, place) is not None
                    and (ghosts or not self._kept_back(action, place))
                    and sum(self._group(each) == self._group(action) for each in here) < most
                    and sum(self._group(each) == self._group(action) for each in used) < everywhere
                    and not any(self._apart(action, other) for other in used)
                    and self.contact.leaves_room(action, used)
                    and self.contact.affords(action, used)
                ]
                if not free:
                    break
                best = self._drawn([each for each in free if self._tier(each) == self._tier(free[0])], place, slot)
                used.append(best)
                shown[place].append((best, str(self.treatment(best, place))))
        return shown

    def _drawn(self, free: list[str], place: str, slot: int) -> str:
        """The best, or in an arm that leaves it to chance any: 32 bits of a keyed hash over as many equal shares."""
        if self._way(free[0]) not in ("random_relevant", "engagement_only"):
            return free[0]
        where = f"{self.question.customer}|{self.question.channel}.{place}|{slot}|{self.today.toordinal()}|0|0"
        drawn = int.from_bytes(hashlib.blake2b(where.encode(), digest_size=4, key=self.key).digest(), "big")
        share = 2**32 // len(free)
        rounding = 2**32 - share * len(free)
        return free[max(0, (drawn - rounding) // share)]

    def _apart(self, one: str, other: str) -> bool:
        """`never_with`, whichever of the two says it."""
        pairs = [(one, other), (other, one)]
        return any(second in listed(self.actions[first].get("never_with")) for first, second in pairs)
