"""Draws the policies, and writes all rule files."""

import re

from tests.reference.conditions import NUMBERS
from tests.reference.drawing.rules import CHANNELS, GROUPS, PLACES, RuleDice
from tests.reference.facts import tree_of
from tests.reference.natural import Tree

ALL_OR_NOTHING: dict[str, Tree] = {"offers": "75%", "holdout": "25%"}
FACTORS = ("propensity", "value", "context_weight", "lever")
WAYS: dict[str, Tree] = {
    "as_is": "20%",
    "random_relevant": "20%",
    "no_propensity": "20%",
    "no_levers": "20%",
    "engagement_only": "20%",
}


class PolicyDice(RuleDice):
    """Draws guards, contact policy and arbitration."""

    def guards(self) -> Tree:
        """The guard that asks for consent, and others."""
        guards: list[Tree] = [
            {"guard": "consent", "stops": {"tiers": ["offer"]}, "when": {"consent.marketing": "not true"}},
            {"guard": "profiling", "effect": "no_profiling", "when": {"consent.profiling_objection": "true"}},
        ]
        defaults: dict[str, Tree] = {"consent.profiling_objection": "false"}
        for number in range(self.pick((0, 0, 0, 1, 1, 2))):
            drawn = self.without(lambda fact: fact.partition(".")[0] in ("context", "needs"), self.guarding)
            guards.append({"guard": f"g{number}", "stops": self.stops(), **tree_of(drawn), **self.validity()})
            for name in tree_of(drawn, "when"):
                if self.often(4) and re.fullmatch(r"f\d|made\d|consent\..*", name):
                    defaults[name] = self.text_of(name)
        return {"defaults": defaults, "guards": guards}

    def guarding(self) -> Tree:
        """When a guard stops: mostly one cell, for a guard that always stops hides what comes after it."""
        return {"when": self.leaf()} if self.often(8) else self.condition()

    def stops(self) -> Tree:
        """Whom a guard stops."""
        ways: tuple[Tree, ...] = (
            {"tiers": ["offer"]},
            {"groups": [self.pick(self.groups_used)]},
            {"actions": list(self.few(self.actions))},
        )
        return self.pick(ways)

    def contact_policy(self) -> Tree:
        """Caps of every kind, rests, quiet hours."""
        tree: dict[str, Tree] = {"caps": [self.cap(number) for number in range(self.number(0, 3))]}
        cooling: dict[str, Tree] = {}
        if self.often(6):
            cooling["after_decline"] = self.declines()
        if self.often(5):
            cooling["after_accept"] = self.pick(("7d", "30d"))
        if self.often(4):
            cooling["after_ignored"] = {
                "impressions": str(self.number(1, 3)),
                "in": self.pick(("1d", "30d")),
                "for": self.pick(("1d", "7d")),
            }
        tree["cooling_off"] = cooling
        if self.often(5):
            start, end = self.pick((("20:00", "08:00"), ("08:00", "20:00")))
            tree["quiet_hours"] = {"channels": ["phone"], "from": start, "to": end}
        return tree

    def budgets(self) -> list[Tree]:
        """Budgets that actions share."""
        return [
            {
                "budget": f"b{number}",
                "count": self.pick(("impressions", "accepts")),
                "total": "100",
                "actions": list(self.few(self.actions)),
            }
            for number in range(self.pick((0, 1, 2)))
        ]

    def cap(self, number: int) -> Tree:
        """A cap."""
        per = self.pick(("customer", "group", "theme", "channel") if self.themes else ("customer", "group", "channel"))
        tree: dict[str, Tree] = {
            "cap": f"c{number}",
            "per": per,
            "limit": self.pick(("0", "1", "1", "2", "2", "3", "4")),
        }
        tree |= (
            {"in": self.pick(("1d", "7d", "1mo"))} if self.often(6) else {"each": self.pick(("day", "week", "month"))}
        )
        if self.often(3):
            tree["count"] = self.pick(("impressions", "accepts"))
        if per in ("group", "channel", "theme") and self.often(6):
            names = {"group": self.groups_used, "channel": CHANNELS, "theme": self.themes}[per]
            tree[f"{per}s"] = self.few(names)
        if per == "customer" and self.often(2):
            tree["channels"] = [self.pick(CHANNELS)]
        if self.often(2):
            tree["tiers"] = self.few(("must", "service", "offer"))
        return tree

    def arbitration(self) -> Tree:
        """Levers."""
        levers: list[Tree] = []
        for number in range(self.number(0, 2)):
            lever: dict[str, Tree] = {
                "lever": f"l{number}",
                "percent": self.pick(("-100", "-25", "25", "50", "100")),
                **self.validity(),
            }
            if self.often(5):
                lever["groups"] = [self.pick(self.groups_used)]
            if self.often(3):
                lever["actions"] = self.few(self.actions)
            if self.themes and self.often(3):
                lever["themes"] = self.few(self.themes)
            if self.often(3):
                lever["channels"] = [self.pick(CHANNELS)]
            levers.append(lever)
        return {"levers": levers, "worth_it": {"tiers": ["offer"] if self.often(8) else ["offer", "service"]}}

    def ranking(self) -> dict[str, Tree]:
        """A ranking formula of the bank's own, or none."""
        if self.often(5):
            return {}
        numbers = [name for name, kind in self.kinds.items() if kind in NUMBERS]
        facts = tuple(self.few(numbers, 4)) if self.often(7) else ()
        text = self.calculation((*FACTORS, *facts), 3)
        return {"ranking": text if any(each in text for each in FACTORS) else f"value * ({text})"}

    def calculation(self, names: tuple[str, ...], depth: int) -> str:
        """Arithmetic in every way to write it; the numbers in it are sums of powers of two."""
        if not depth or self.often(2):
            return self.pick((*names, *names, self.pick(("0", "0.5", "3", "2_000"))))
        one, other = self.calculation(names, depth - 1), self.calculation(names, depth - 1)
        ways = ("*", "*", "*", "+", "-", "/", "min", "max", "()", "negative")
        match self.pick(ways):
            case "min" | "max" as function:
                return f"{function}({one}, {other}{', 40' if self.often(3) else ''})"
            case "()":
                return f"({one} {self.pick(('+', '-'))} {other}) {self.pick(('*', '/'))} {self.pick(names)}"
            case "negative":
                return f"-{self.pick(names)} + {one}"
            case operator:
                return f"{one} {operator} {other}"

    def draw_trials(self) -> None:
        """Experiments, at most one for each action and channel."""
        for action in self.actions:
            if self.often(8):
                continue
            channel = self.pick(CHANNELS)
            arms: dict[str, Tree] = self.pick(
                (
                    {"blue": "50%", "red": "50%"},
                    {"blue": "12.5%", "red": "37.5%", "usual": "50%"},
                    {"blue": "60%", "holdout": "40%"},
                )
            )
            place = self.pick((*PLACES[channel], "*"))
            trial: dict[str, Tree] = {"experiment": f"e_{action}", "of": f"{action}@{channel}.{place}", "arms": arms}
            self.trials.append({**trial, **self.validity()})

        if not self.often(5):
            self.trials.append({"experiment": "e_all", "of": "all_offers", "arms": ALL_OR_NOTHING, **self.validity()})
        if not self.often(5):
            self.trials.append({"experiment": "e_ways", "of": "arbitration", "arms": WAYS, **self.validity()})

    def experiments(self) -> Tree:
        """Those experiments that compare something."""
        used = {experiment for experiment, _ in self.arms_used}
        return {
            "experiments": [
                trial
                for trial in self.trials
                if trial["experiment"] in used or not {"holdout", "as_is"}.isdisjoint(tree_of(trial["arms"]))
            ]
        }

    def trees(self) -> dict[str, dict[str, Tree]]:
        """All rule files."""
        trees: dict[str, Tree] = {
            "bank.yaml": {"bank": "b", "name": "B", "currency": "GBP", "time_zone": self.zone.key, "locale": "en-GB"},
            "catalogue.yaml": self.catalogue(),
        }
        self.actions = [
            f"{letter}{number}" for number, letter in enumerate(self.shuffled("pqrstu")[: self.number(2, 6)])
        ]
        groups = [*GROUPS, *(self.pick(GROUPS) for _ in self.actions)][: max(3, len(self.actions))]
        self.groups_used = list(dict.fromkeys(groups[: len(self.actions)]))
        for number in range(self.pick((1, 1, 2, 0))):
            trees |= self.theme_files(number)
            self.themes.append(f"th{number}")
        for number in range(self.number(0, 3)):
            trees |= self.trigger_files(number)
        self.draw_trials()
        for name, group in zip(self.actions, groups, strict=False):
            trees |= self.action_files(name, group)
        trees["channels.yaml"] = self.channels()
        trees["policy/guards.yaml"] = self.guards()
        trees["policy/contact.yaml"] = self.contact_policy()
        trees["policy/arbitration.yaml"] = self.arbitration()
        trees["policy/experiments.yaml"] = self.experiments()
        return {path: tree_of(trees[path]) for path in sorted(trees)}
