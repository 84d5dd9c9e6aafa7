"""What speaks for an action now: themes with their journeys, triggers, and the context weight of both."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from tests.reference.asked import File, Told
from tests.reference.conditions import (
    Judged,
    admitting,
    block,
    listed,
)
from tests.reference.facts import tree_of
from tests.reference.natural import Length, Tree, instant_away
from tests.reference.priorities import Priced

PASSED_OVER = {"outside_validity", "guard", "suppressed", "not_eligible", "not_applicable", "not_suitable"}
RESTING = {"cooling_off", "capped", "budget_spent", "quiet_hours"}


class Weighed(Priced):
    """Adds reasons to show an action."""

    def _active_themes(self) -> dict[str, dict[str, Tree]]:
        return {
            str(file.tree["theme"]): file.tree
            for file in self.theme_files
            if self.valid(file.tree) and block(file.tree["active"], self.scene()).truth is True
        }

    def _step(self, theme: dict[str, Tree]) -> str | None:
        """The first step that is not done; blocked by guard or engagement: skip; by contact policy: as it says."""
        for each in listed(theme["journey"]):
            step = str(each)
            if self._done(step, theme):
                continue
            reason = self.reasons.get(step)
            if reason in PASSED_OVER or (reason in RESTING and theme.get("if_capped") == "skip"):
                continue
            return step
        return None

    def _done(self, step: str, theme: dict[str, Tree]) -> bool:
        held = self.person.facts.get("holds")
        if isinstance(held, frozenset) and self.actions[step].get("gives") in held:
            return True
        if "accept_counts" not in theme:
            return False
        since = instant_away(self.question.now, -1, Length.read(str(theme["accept_counts"])), self.zone)
        accepted = (each for each in self.person.touches if each.state in ("accepted", "converted"))
        return any(each.action == step and each.at >= since for each in accepted)

    def _weigh(
        self, active: Mapping[str, dict[str, Tree]], steps: Mapping[str, str | None], profiling: bool
    ) -> tuple[dict[str, Fraction], dict[str, str]]:
        """Context weights of what is left, and the theme of each."""
        weights, themes = {}, {}
        self.promoting: dict[str, list[str]] = {}
        for action in self._open():
            promotions = list(self._promotions(action)) if profiling else []
            if self._way(action) == "engagement_only":
                weights[action] = Fraction(1)
                continue
            serving = sorted(
                (-Fraction(str(active[theme].get("weight", "1"))), theme)
                for theme, step in steps.items()
                if step == action
            )
            if self.actions[action].get("show") == "only_when_promoted" and not promotions and not serving:
                self._no_reason(action, profiling)
                continue
            if any(self._too_early(action, active[theme], step) for theme, step in steps.items()):
                self._stop(action, "journey_not_reached")
                continue
            weight = max([each for each in promotions if each > 1], default=Fraction(1))
            weight *= min([each for each in promotions if each < 1], default=Fraction(1))
            if serving:
                weight *= -serving[0][0]
                themes[action] = serving[0][1]
            weights[action] = min(max(weight, Fraction(1, 5)), Fraction(5))
        return weights, themes

    def _promotions(self, action: str) -> Iterator[Fraction]:
        for file in self.triggers:
            trigger = file.tree
            promote = tree_of(trigger, "promote")
            if action not in promote or not self.valid(trigger) or not self._meant_now(trigger, unknown=False):
                continue
            if admitting(trigger, self.scene()).truth is True:
                self.promoting.setdefault(action, []).append(f"trigger/{trigger['trigger']}")
                yield Fraction(str(promote[action]))

    def _no_reason(self, action: str, profiling: bool) -> None:
        """Nothing speaks for an action now: what every trigger and theme that could lacks, in file order."""
        self._stop(action, "no_reason_now")
        for guard in self.guards if not profiling else ():
            binds = self.valid(guard) and admitting(guard, self.scene(guarding=True)).truth is not False
            if guard.get("effect") == "no_profiling" and binds:
                self._stop(action, "no_reason_now", Told("no_profiling", f"guard/{guard['guard']}"))
        for file in self.triggers if profiling else ():
            trigger, rule = file.tree, f"trigger/{file.tree['trigger']}"
            if action in tree_of(trigger, "promote"):
                self._stop(action, "no_reason_now", self._lacking(rule, file, admitting(trigger, self.scene())))
        for file in self.theme_files if profiling else ():
            theme, rule = file.tree, f"theme/{file.tree['theme']}"
            if action in listed(theme["journey"]):
                judged = block(theme["active"], self.scene(), ("active",))
                told = self._lacking(rule, file, judged) or Told("journey_not_reached", rule)
                self._stop(action, "no_reason_now", told)

    def _lacking(self, rule: str, file: File, judged: Judged) -> Told | None:
        if not self.valid(file.tree):
            return Told("outside_validity", rule)
        if not self._meant_now(file.tree, unknown=False):
            return Told("not_for_this_moment", rule)
        return None if judged.truth else self._told("no_reason_now", rule, file.path, judged)

    def _speaking(self, action: str, themes: Mapping[str, str]) -> list[str]:
        """The theme, triggers, levers and experiments of a candidate."""
        found = [f"theme/{themes[action]}"] if action in themes else []
        found += self.promoting.get(action, []) if self._way(action) != "engagement_only" else []
        for each in listed(self._document("policy/arbitration.yaml").get("levers")):
            pulled = self._way(action) not in ("engagement_only", "no_levers") and self._pulls(tree_of(each), action)
            if pulled and self.valid(tree_of(each)):
                found.append(f"lever/{tree_of(each)['lever']}")
        for each in listed(self._document("policy/experiments.yaml").get("experiments")):
            experiment = tree_of(each)
            on_offers = experiment["of"] in ("all_offers", "arbitration") and self._tier(action) == "offer"
            on_this = on_offers or str(experiment["of"]).partition("@")[0] == action
            if on_this and experiment["experiment"] in self.arms:
                found.append(f"experiment/{experiment['experiment']}")
        return found

    def _too_early(self, action: str, theme: dict[str, Tree], step: str | None) -> bool:
        """`strict` rejects the steps after the current one."""
        journey = [str(each) for each in listed(theme["journey"])]
        if theme.get("strict") != "true" or step is None or action not in journey:
            return False
        return journey.index(action) > journey.index(step)
