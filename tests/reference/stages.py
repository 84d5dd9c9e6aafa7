"""Guards, suppressions and engagement: the first of them that an action fails gives its reason."""

from tests.reference.asked import Told
from tests.reference.conditions import (
    Truth,
    admitting,
    all_of,
    any_of,
    listed,
    often_enough,
)
from tests.reference.dressing import Dressed
from tests.reference.facts import tree_of
from tests.reference.natural import Length, Tree, instant_away

STAGES = ("eligible", "applicable", "suitable")


class Staged(Dressed):
    """Adds what keeps an action away whatever it is worth."""

    def guarded(self) -> frozenset[str]:
        """The actions that guards stop."""
        self._guard()
        return frozenset(action for action, reason in self.reasons.items() if reason == "guard")

    def _guard(self) -> bool:
        """A guard stops unless its condition is false; returns whether profiling is allowed."""
        profiling = True
        for guard in self.guards:
            truth = admitting(guard, self.scene(guarding=True)).truth
            if self.valid(guard) and truth is not False:
                profiling &= guard.get("effect") != "no_profiling"
                told = Told("guard", f"guard/{guard['guard']}", unknown=truth is None)
                for action in self.actions:
                    if "stops" in guard and self._stopped_by(guard["stops"], action):
                        self._stop(action, "guard", told)
        return profiling

    def _stopped_by(self, stops: Tree, action: str) -> bool:
        stops = tree_of(stops)
        tiers = [str(each) for each in listed(stops.get("tiers"))]
        return stops.get("all") == "true" or self._tier(action) in tiers or self._names(stops, action)

    def _suppress(self) -> None:
        """A suppression binds unless the trigger is false, or its last event lies further back than `for`."""
        for file in self.triggers:
            trigger = file.tree
            suppress = tree_of(trigger, "suppress")
            if not suppress or not self.valid(trigger) or not self._meant_now(trigger, unknown=True):
                continue
            recent = any_of(self._recent(each, str(suppress["for"])) for each in positive_history(trigger))
            if all_of([admitting(trigger, self.scene()).truth, recent]) is not False:
                for action in self.actions:
                    if self._names(suppress, action):
                        self._stop(action, "suppressed", Told("suppressed", f"trigger/{trigger['trigger']}"))

    def _recent(self, item: dict[str, Tree], length: str) -> Truth:
        kind = next(key for key in ("seen", "ever", "last") if key in item)
        start = instant_away(self.question.now, -1, Length.read(length), self.zone)
        once = {key: value for key, value in item.items() if key != "at_least"}
        return often_enough(once, kind, start, self.scene())

    def _engage(self) -> None:
        for name in self.actions:
            file = next(each for each in self.action_files if each.tree is self.actions[name])
            if not self.valid(file.tree):
                self._stop(name, "outside_validity")
                continue
            for stage in STAGES:
                if stage not in file.tree:
                    continue
                judged = admitting(file.tree[stage], self.scene(), (stage,))
                if judged.truth is not True:
                    code = f"not_{stage}"
                    self._stop(name, code, self._told(code, f"action/{name}", file.path, judged))


def positive_history(tree: Tree) -> list[dict[str, Tree]]:
    """What has to have happened, outside of `none` and `unless`; of `not_seen: a, since: b` that is b."""
    found: list[dict[str, Tree]] = []
    for key, value in tree_of(tree).items():
        if key == "when":
            found += positive_history(value)
        elif key in ("all", "any"):
            found += [item for each in listed(value) for item in positive_history(each)]
        elif key == "history":
            for each in listed(value):
                item = tree_of(each)
                if "not_seen" not in item:
                    found.append(item)
                elif "since" in item:
                    found.append({"ever": item["since"]})
    return found
