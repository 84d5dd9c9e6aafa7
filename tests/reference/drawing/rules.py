"""Draws the catalogue, channels, actions, triggers and themes."""

from functools import partial
from typing import Final

from tests.reference.conditions import NUMBERS
from tests.reference.drawing.cells import EVENTS, ConditionDice
from tests.reference.facts import tree_of
from tests.reference.natural import Tree

KINDS: Final = ("integer", "money", "decimal", "category", "boolean", "text", "date", "instant")
GROUPS: Final = ("home", "loans", "saving")
PRODUCTS: Final = ("bond", "card", "fund")
MEMBERS: Final = {"holds": PRODUCTS, "groups": ("staff", "union"), "segments": ("mass", "rich")}
CHANNELS: Final = ("web", "phone")
MOMENTS: Final = {"web": ("arrived", "browsed"), "phone": ("called", "calling")}
PLACES: Final = {"web": ("hero", "side"), "phone": ("card",)}
REASONS: Final = ("none", "not_now", "not_interested", "never")
LENGTHS_OF_REST: Final = ("0d", "1d", "7d", "30d")


class RuleDice(ConditionDice):
    """Draws rule files one by one."""

    def catalogue(self) -> Tree:
        """Attributes of every type with whatever else conditions may name."""
        attributes: dict[str, Tree] = {"customer.since": {"type": "date"}}
        for number in range(self.number(3, 7)):
            kind, name = self.pick(KINDS), f"f{number}"
            attributes[name] = self.attribute(name, kind)
        calculated = self.calculated()
        for family, values in MEMBERS.items():
            self.kinds[family], self.values[family] = "set", values
            for value in values:
                self.kinds[f"{family}.{value}"] = "boolean"
        self.kinds.update({"now.hour": "integer", "now.day_of_month": "integer", "consent.marketing": "boolean"})
        self.kinds.update({"context.cash": "money", "context.page": "category", "request.channel": "category"})
        self.decimals.update({"context.cash": 2, "now.hour": 0, "now.day_of_month": 0})
        self.values.update({"context.page": ("home", "shop"), "request.channel": CHANNELS})
        fields: Tree = {"amount": {"type": "money"}, "kind": {"type": "category", "values": ["base", "bonus"]}}
        return {
            "attributes": attributes,
            "calculated": calculated,
            "products": {each: {"title": each} for each in PRODUCTS},
            "events": {each: {"title": each, "fields": fields if each == "paid" else {}} for each in EVENTS},
            "context": {"cash": {"type": "money"}, "page": {"type": "category", "values": ["home", "shop"]}},
            "groups": list(MEMBERS["groups"]),
            "segments": list(MEMBERS["segments"]),
            "purposes": ["marketing"],
        }

    def attribute(self, name: str, kind: str) -> Tree:
        """An attribute; conditions may name it from now on."""
        self.kinds[name] = kind
        declared: dict[str, Tree] = {"type": kind}
        if kind == "decimal":
            declared["decimals"] = str(self.number(1, 4))
        self.decimals[name] = {"money": 2, "decimal": int(str(declared.get("decimals", 0)))}.get(kind, 0)
        if kind == "category":
            self.values[name] = ("low", "mid", "high")
            declared["values"] = list(self.values[name])
        if self.gaps and self.often(3):
            declared["default"] = self.text_of(name)
        return declared

    def calculated(self) -> dict[str, Tree]:
        """Facts made of others."""
        found: dict[str, Tree] = {}
        numbers = [each for each, kind in self.kinds.items() if kind in NUMBERS]
        for number in range(self.number(0, 2)):
            if not numbers:
                break
            name, first = f"made{number}", self.pick(numbers)
            alike = [each for each in numbers if self._measure(each) == self._measure(first)]
            operation = self.pick(("sum", "difference", "ratio"))
            kind = "decimal" if operation == "ratio" else self.kinds[first]
            decimals = self.number(1, 3) if operation == "ratio" else self.decimals[first]
            found[name] = {"type": kind, operation: [first, self.pick(alike)]}
            if kind == "decimal":
                found[name]["decimals"] = str(decimals)  # type: ignore[index, call-overload]  # just made, a mapping
            self.kinds[name], self.decimals[name] = kind, decimals
        dates = [each for each, kind in self.kinds.items() if kind == "date"]
        if dates and self.often(3):
            found["months"] = {"type": "integer", "months_between": ["today", self.pick(dates)]}
            self.kinds["months"], self.decimals["months"] = "integer", 0
        return found

    def _measure(self, name: str) -> tuple[str, int]:
        return self.kinds[name], self.decimals[name]

    def channels(self) -> Tree:
        """Two channels: customers come to one, the bank may call on the other."""
        moments: dict[str, Tree] = {
            "web": {each: {"initiated_by": "customer"} for each in MOMENTS["web"]},
            "phone": {"called": {"initiated_by": "customer"}, "calling": {"initiated_by": "bank"}},
        }
        return {
            "channels": {
                channel: {
                    "cost": self.pick(("0", "0.25", "0.50")),
                    "privacy": "personal",
                    "moments": moments[channel],
                    "placements": {place: self.placement(at) for at, place in enumerate(PLACES[channel])},
                    **({"max_per_group": self.pick(("1", "2"))} if self.often(3) else {}),
                }
                for channel in CHANNELS
            }
        }

    def placement(self, number: int) -> Tree:
        """A placement with what narrows it."""
        tree: dict[str, Tree] = {"fallback": {"id": "none"}, "items": str(self.number(1, 3))}
        tree["precedence"] = str(5 - number if self.often(5) else number + 1)
        if self.often(3):
            tree["max_per_group"] = "1"
        if self.often(2):
            tree["accepts"] = {"groups": self.few(self.groups_used)}
        return tree

    def action_files(self, name: str, group: str) -> dict[str, Tree]:
        """An action in one file, or in two of which each has its own window."""
        lasting = self.lasting(name, group)
        if self.often(9):
            return {f"actions/{name}.yaml": {**lasting, **self.validity(), **self.passing(name)}}
        first, second = self.windows()
        return {
            f"actions/{name}.yaml": {**lasting, **first, **self.passing(name)},
            f"actions/{name}_later.yaml": {**lasting, **second, **self.passing(name)},
        }

    def lasting(self, name: str, group: str) -> dict[str, Tree]:
        """What an action is for good."""
        tree: dict[str, Tree] = {"action": name, "version": "1", "group": group}
        if self.often(6):
            tree["gives"] = self.pick(PRODUCTS)
        if self.often(2):
            tree["tier"] = self.pick(("must", "service"))
        if name in self.promoted and self.often(4):
            tree["show"] = "only_when_promoted"
        if self.often(4):
            tree["contact"] = self.own_contact()
        if self.often(2):
            tree["never_with"] = self.few(self.actions, 2)
        if self.often(1):
            tree["formerly"] = f"{name}_of_old"
        return tree

    def passing(self, name: str) -> dict[str, Tree]:
        """What may change from file to file."""
        tree: dict[str, Tree] = {"value": self.value()}
        if self.often(3):
            tree["terms"] = {term: self.value() for term in self.few(("rate", "fee"))}
        for stage in ("eligible", "applicable", "suitable"):
            if self.often(max(2, self.habit - 2)):
                tree[stage] = self.condition()
        tree["treatments"] = self.treatments(name)
        return tree

    def value(self) -> Tree:
        """A number, a line over a fact, or a table."""
        if self.often(1):
            rows: list[Tree] = [{"when": self.leaf(), "then": self.amount()} for _ in range(self.number(1, 2))]
            return {"table": [*rows, {"then": self.amount()}], "on_purpose": "drawn"}
        return self.amount()

    def amount(self) -> str:
        """An amount in major units."""
        facts = [each for each, kind in self.kinds.items() if kind in ("integer", "money") and each[:2] != "no"]
        if facts and self.often(2):
            factor = self.pick(("", "0.5 * ", "2 * ", "16 * ", "-2 * "))
            return f"{factor}{self.pick(facts)}{self.pick(('', ' + 8', ' - 1'))}"
        return self.pick(("20", "1", "64", "100.50", "36.25", "0"))

    def own_contact(self) -> Tree:
        """What an action says of its own contacts."""
        tree: dict[str, Tree] = {}
        if self.often(5):
            tree["per_customer"] = f"{self.pick((0, 1, 1, 2, 2))} per {self.pick(('1d', '7d', '1mo'))}"
        if self.often(4):
            tree["after_decline"] = self.pick(("7d", "30d"))
        elif self.often(4):
            tree["after_decline"] = self.declines()
        if self.often(3):
            tree["after_accept"] = self.pick(("1d", "30d"))
        return tree

    def declines(self) -> Tree:
        """Rests by reason."""
        keys = self.few(("default", *REASONS[1:]))
        return {key: self.pick(("0d", "1d", "7d", "30d")) for key in keys}

    def treatments(self, action: str) -> Tree:
        """Treatments for some places, some with variants."""
        places = [f"{channel}.{place}" for channel in CHANNELS for place in (*PLACES[channel], "*")]
        chosen = [each for each in places if each.endswith("*") or self.often(3)] if self.often(7) else self.few(places)
        return {place: self.variants(action, place) for place in chosen}

    def variants(self, action: str, place: str) -> Tree:
        """One treatment that always fits, or several that may not."""
        trial = self.trial_at(action, place)
        if trial is None and self.often(7):
            return {"headline": "plain"}
        variants: list[Tree] = [self.variant(number, place, trial) for number in range(self.number(1, 3))]
        return variants if len(variants) > 1 else variants[0]

    def trial_at(self, action: str, place: str) -> dict[str, Tree] | None:
        """The experiment whose places have one in common with a treatment's."""
        channel, _, where = place.partition(".")
        for trial in self.trials:
            at, _, there = str(trial["of"]).partition("@")[2].partition(".")
            if (
                str(trial["of"]).partition("@")[0] == action
                and at == channel
                and (where in ("*", there) or there == "*")
            ):
                return trial
        return None

    def variant(self, number: int, place: str, trial: dict[str, Tree] | None) -> Tree:
        """A treatment with something that may keep it from fitting."""
        tree: dict[str, Tree] = {"headline": f"variant {number}", **self.validity()}
        if trial is not None and self.often(6):
            arm = self.pick([each for each in tree_of(trial["arms"]) if each != "holdout"])
            self.arms_used.add((str(trial["experiment"]), arm))
            tree["arm"] = arm
        if self.often(5):
            tree["when"] = self.leaf()
        if self.often(2):
            spot = self.pick(PLACES[place.partition(".")[0]])
            ways: tuple[Tree, ...] = (spot, f"not {spot}", [spot], f"[{spot}]")
            here: dict[str, Tree] = {"placement": self.pick(ways)}
            blocks: tuple[Tree, ...] = (here, {**here, **tree_of(self.leaf())}, {"any": [here, self.leaf()]})
            tree["when"] = self.pick(blocks)
        if self.often(2):
            tree["locale"] = self.pick(("en-GB", "cy-GB"))
        if self.often(3):
            plain = [
                each for each in self.kinds if self.kinds[each] != "set" and each.partition(".")[0] not in self.values
            ]
            tree["body"] = f"you have {{{self.pick(plain)}}}"
        return tree

    def trigger_files(self, number: int) -> dict[str, Tree]:
        """A trigger in one file or in two."""
        if self.often(9):
            return {f"customized/t{number}.yaml": {**self.trigger(number), **self.validity()}}
        first, second = self.windows()
        return {
            f"customized/t{number}.yaml": {**self.trigger(number), **first},
            f"customized/t{number}_later.yaml": {**self.trigger(number), **second},
        }

    def trigger(self, number: int) -> dict[str, Tree]:
        """A trigger that promotes, suppresses or both."""
        tree: dict[str, Tree] = {"trigger": f"t{number}", "version": "1"}
        if self.often(3):
            tree["on"] = {"moment": self.few(("arrived", "browsed", "called", "calling"))}
        suppresses = self.often(3)
        tree |= self.condition()
        if suppresses:
            tree["history"] = [self.history(("seen", "last", "ever", "since"))]
            key, values = self.pick((("actions", self.actions), ("groups", self.groups_used)))
            tree["suppress"] = {key: list(self.few(values)), "for": self.pick(("1d", "7d", "30d", "1mo"))}
        if not suppresses or self.often(4):
            tree["promote"] = {
                each: self.pick(("0.25", "0.5", "1", "1.5", "2", "4")) for each in self.few(self.actions)
            }
        return tree

    def theme_files(self, number: int) -> dict[str, Tree]:
        """A theme in one file or in two."""
        if self.often(9):
            return {f"thematic/th{number}.yaml": {**self.theme(number), **self.validity()}}
        first, second = self.windows()
        return {
            f"thematic/th{number}.yaml": {**self.theme(number), **first},
            f"thematic/th{number}_later.yaml": {**self.theme(number), **second},
        }

    def theme(self, number: int) -> dict[str, Tree]:
        """A theme with its needs; a need may read the needs before it."""
        tree: dict[str, Tree] = {"theme": f"th{number}", "version": "1"}
        needs: list[Tree] = []
        for _ in range(self.number(0, 2)):
            name = self.pick(("n0", "n1", "n2"))
            if f"needs.{name}" in self.kinds and self.often(5):
                continue
            needed = self.without(partial(closes_a_circle, f"needs.{name}"), self.condition)
            need: dict[str, Tree] = {"need": name, **tree_of(needed)}
            if self.often(4):
                need["lasts"] = self.pick(("7d", "1mo"))
            needs.append(need)
            self.kinds[f"needs.{name}"] = "boolean"
        tree["needs"] = needs
        tree["active"] = self.block(1) if self.often(6) else {"consent.marketing": "true"}
        journey = self.few(self.actions) if self.often(3) else self.actions
        self.promoted.update(journey)
        tree["journey"] = list(journey)
        tree["weight"] = self.pick(("0.5", "1", "1.5", "2"))
        if self.often(5):
            tree["strict"] = "true"
        if self.often(3):
            tree["if_capped"] = "skip"
        if self.often(5):
            tree["accept_counts"] = self.pick(("7d", "1mo"))
        return tree


def closes_a_circle(need: str, fact: str) -> bool:
    """Needs read only needs of a lower number."""
    return fact.startswith("needs.") and fact >= need
