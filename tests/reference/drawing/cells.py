"""Draws conditions: cells in every way to write them, blocks, and history."""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from tests.reference.conditions import NUMBERS, literal
from tests.reference.drawing.dice import LENGTHS, LENGTHS_IN_DAYS, Dice
from tests.reference.natural import Tree

EVENTS: Final = ("paid", "quoted", "moved")
OPERATORS: Final = (">=", "<=", ">", "<", "at least", "at most", "over", "under")
SETS: Final = ("holds", "groups", "segments")
_NAME: Final = re.compile(r"[a-z][\w.]*")


class ConditionDice(Dice):
    """Draws conditions on the facts declared so far."""

    def cell(self, name: str) -> Tree:
        """A cell on a fact, in any of the ways to write one."""
        kind = self.kinds[name]
        if self.gaps and self.often(1):
            return self.pick(("present", "missing"))
        if kind == "set":
            members = ", ".join(self.few(self.values[name]))
            return self.pick((f"[{members}]", f"not [{members}]", f"all of [{members}]", self.text_of(name)))
        if name.partition(".")[0] in SETS:
            return self.text_of(name)
        return self.several(name) if self.often(1) else self.single(name)

    def several(self, name: str, depth: int = 1) -> Tree:
        """Several cells on one fact."""
        words = self.few(("all", "any", "none"), 2)
        return {
            word: [
                self.several(name, depth - 1) if depth and self.often(1) else self.single(name)
                for _ in range(self.number(1, 2))
            ]
            for word in words
        }

    def single(self, name: str) -> Tree:
        """A cell in one piece."""
        kind = self.kinds[name]
        ordered = kind in (*NUMBERS, "date", "instant")
        ways = ["value", "list", "not", "not list", "!="]
        if ordered:
            ways += ["compare"] * 4 + ["range"]
        if kind in ("date", "instant"):
            ways += ["period"] * 3
        match self.pick(ways):
            case "value":
                return self.text_of(name)
            case "list":
                return [self.text_of(name) for _ in range(self.number(1, 2))]
            case "not":
                return f"not {self.text_of(name)}"
            case "!=":
                return f"!= {self.text_of(name)}"
            case "not list":
                return f"not [{self.text_of(name)}, {self.text_of(name)}]"
            case "range" if kind in NUMBERS and self.often(2):
                return f"{self.right_side(name)}..{self.beside_a_fact(name)}"
            case "range":
                return "..".join(sorted((self.text_of(name), self.text_of(name)), key=lambda text: literal(kind, text)))  # type: ignore[arg-type, return-value]  # literals of one ordered type
            case "period":
                lengths = LENGTHS_IN_DAYS if kind == "date" else LENGTHS
                return f"{self.pick(('within', 'older than', 'in next'))} {self.pick(lengths)}"
            case _:
                return f"{self.pick(OPERATORS)} {self.right_side(name)}"

    def right_side(self, name: str) -> str:
        """A value, or another fact."""
        return self.text_of(name) if self.often(6) else self.beside_a_fact(name)

    def beside_a_fact(self, name: str) -> str:
        """`number * fact + number`; of dates and instants the fact alone."""
        kind, decimals = self.kinds[name], self.decimals.get(name)
        alike = [each for each, other in self.kinds.items() if other == kind and self.decimals.get(each) == decimals]
        other = self.pick(alike)
        if kind not in NUMBERS:
            return other
        factor = self.pick(("", "0.5 * ", "2 * ", "-", "-1.5 * "))
        return f"{factor}{other}" + self.pick(("", " + 1", " - 0.5"))

    def block(self, most: int = 2, depth: int = 2) -> Tree:
        """A block, now and then with alternatives or history inside; now and then one that stands elsewhere too."""
        longer = [each for each in self.blocks if isinstance(each, dict) and len(each) > 1][:2]
        again = self.pick(longer) if longer and self.often(self.habit) else None
        if again is not None and not self.hidden & set(_NAME.findall(str(again))):
            return again
        tree: dict[str, Tree] = {}
        for _ in range(self.number(1, most)):
            name = self.pick(list(self.kinds))
            tree[name] = self.cell(name)
        if depth and self.often(1):
            tree[self.pick(("any", "all", "none", "unless"))] = [
                self.block(1, depth - 1) if self.often(3) else self.leaf() for _ in range(self.number(1, 2))
            ]
        if self.often(1):
            tree["history"] = [self.history()]
        self.blocks.append(tree)
        return tree

    def leaf(self) -> Tree:
        """A block of one cell."""
        name = self.pick(list(self.kinds))
        return {name: self.cell(name)}

    def history(self, kinds: Sequence[str] = ("seen", "not_seen", "ever", "last", "since")) -> Tree:
        """A history condition."""
        kind, event = self.pick(kinds), self.pick(EVENTS)
        tree: dict[str, Tree] = {}
        match kind:
            case "seen" | "not_seen":
                tree = {kind: event, "in": self.pick(LENGTHS)}
                if self.often(3):
                    tree["at_least"] = str(self.number(1, 3))
            case "ever":
                tree = {"ever": event}
                if self.often(3):
                    tree["at_least"] = str(self.number(1, 3))
            case "last":
                near, far = sorted((self.number(0, 20), self.number(0, 40)))
                tree = {"last": event, "ago": f"{near}d..{far}d"}
            case _:
                tree = {self.pick(("seen", "not_seen")): event, "since": self.pick(EVENTS)}
        if event == "paid" and self.often(3):
            amount: dict[str, Tree] = {"amount": self.pick(("at least 2", "< 2", "missing", "1..3", "2"))}
            kind_of: dict[str, Tree] = {"kind": self.pick(("base", "not base"))}
            both: Tree = {**amount, **kind_of}
            either: Tree = {"any": [amount, kind_of]}
            other: Tree = {"none": [kind_of]}
            tree["where"] = self.pick((both, either, other, amount))
        return tree

    def condition(self) -> dict[str, Tree]:
        """`when`, `history` and `unless`: at least one of them."""
        if self.often(self.habit):
            return {"when": self.block()}
        tree: dict[str, Tree] = {}
        if self.often(7):
            tree["when"] = self.block()
        if self.often(3):
            tree["history"] = [self.history() for _ in range(self.number(1, 2))]
        if self.often(2) or not tree:
            tree["unless"] = [self.leaf() for _ in range(self.number(1, 2))]
        return tree

    def windows(self) -> tuple[dict[str, Tree], dict[str, Tree]]:
        """Two windows, of which the second begins when the first has ended."""
        last = self.now.astimezone(self.zone).date() + timedelta(days=self.number(-2, 1))
        first = last + timedelta(days=self.number(1, 2))
        return {"valid": {"to": last.isoformat()}}, {"valid": {"from": first.isoformat()}}

    def validity(self) -> dict[str, Tree]:
        """Now and then a window, often with today at its edge."""
        if not self.often(1):
            return {}
        today = self.now.astimezone(self.zone).date()
        first = today + timedelta(days=self.number(-3, 1))
        return {"valid": {"from": first.isoformat(), "to": (first + timedelta(days=self.number(0, 4))).isoformat()}}

    def without(self, hide: Callable[[str], bool], draw: Callable[[], Tree]) -> Tree:
        """Draw while some facts may not be named."""
        hidden = {each: kind for each, kind in self.kinds.items() if hide(each)}
        for each in hidden:
            del self.kinds[each]
        self.hidden = frozenset(hidden)
        drawn = draw()
        self.hidden = frozenset()
        self.kinds.update(hidden)
        return drawn
