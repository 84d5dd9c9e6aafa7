"""What an offer is worth: value and terms, levers, the worth-it test, and the priority by product or by formula."""

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from tests.reference.conditions import (
    NUMBERS,
    block,
    listed,
)
from tests.reference.facts import tree_of
from tests.reference.formula import priority
from tests.reference.natural import Tree
from tests.reference.stages import Staged


class Priced(Staged):
    """Adds values and priorities."""

    def _priorities(
        self, weights: Mapping[str, Fraction], propensities: Mapping[str, Fraction], profiling: bool
    ) -> dict[str, Fraction]:
        """The priority in minor units of each action that is worth the contact."""
        moments = tree_of(self.channel, "moments")
        by_bank = tree_of(moments.get(self.question.moment or "")).get("initiated_by") == "bank"
        cost = Fraction(str(self.channel.get("cost", "0"))) if by_bank else Fraction(0)
        arbitration = self._document("policy/arbitration.yaml")
        worth_it = listed(tree_of(arbitration, "worth_it").get("tiers")) or ["offer"]
        formula = str(arbitration["ranking"]) if "ranking" in arbitration and profiling else None
        found = {}
        for action, weight in weights.items():
            expected, way = propensities[action] * self._value(action), self._way(action)
            if self._tier(action) in worth_it and way != "engagement_only" and not expected - cost > 0:
                self._stop(action, "not_worth_contact")
                continue
            propensity = Fraction(1) if way == "no_propensity" else propensities[action]
            if formula is None:
                found[action] = propensity * self._value(action) * weight * self._lever(action) * 100
            else:
                found[action] = self._by_formula(formula, action, propensity, weight)
        return found

    def _by_formula(self, text: str, action: str, propensity: Fraction, weight: Fraction) -> Fraction:
        """The priority by the bank's own formula, which knows the factors of the offer and the customer's numbers."""
        factors = {
            "propensity": float(propensity),
            "value": float(self._value(action) * 100) / 100,
            "context_weight": float(weight),
            "lever": float(self._lever(action)),
        }
        facts = self.scene().facts

        def known(name: str) -> float | None:
            if name in factors:
                return factors[name]
            value = facts.value(name)
            assert facts.kind(name) in NUMBERS
            assert value is None or isinstance(value, int | Decimal)
            return None if value is None else float(value)

        return Fraction(priority(text, known) * 100)

    def _value(self, action: str) -> Fraction:
        """Expected margin in major units; unknown counts as nothing."""
        return max(Fraction(0), self._first_row(self.actions[action].get("value", "0")) or Fraction(0))

    def _terms(self, action: str) -> dict[str, Fraction]:
        """The terms that are known."""
        terms = {name: self._first_row(written) for name, written in tree_of(self.actions[action], "terms").items()}
        return {name: amount for name, amount in terms.items() if amount is not None}

    def _first_row(self, written: Tree) -> Fraction | None:
        """The amount of the first row whose condition is true."""
        rows: list[Tree] = listed(written["table"]) if isinstance(written, dict) else [{"then": written}]
        for each in rows:
            row = tree_of(each)
            if "when" not in row or block(row["when"], self.scene()).truth is True:
                return self._amount(str(row["then"]))
        raise AssertionError("the last row of a table is unconditional")

    def _amount(self, text: str) -> Fraction | None:
        match = re.fullmatch(r"(-)?(?:([\d_.]+) \* )?([a-z][\w.]*)(?: ([+-]) ([\d_.]+))?", text)
        if match is None:
            return Fraction(text.replace("_", ""))
        fact = self.scene().facts.value(match[3])
        if fact is None:
            return None
        assert self.scene().facts.kind(match[3]) in NUMBERS
        assert isinstance(fact, int | Decimal)
        factor = Fraction(match[2] or "1") * (-1 if match[1] else 1)
        return factor * Fraction(fact) + Fraction(match[5] or "0") * (-1 if match[4] == "-" else 1)

    def _lever(self, action: str) -> Fraction:
        """1 + the sum of the percentages, clamped to 0.5..2."""
        percent = Fraction(0)
        if self._way(action) in ("no_levers", "engagement_only"):
            return Fraction(1)
        for each in listed(self._document("policy/arbitration.yaml").get("levers")):
            lever = tree_of(each)
            if self.valid(lever) and self._pulls(lever, action):
                percent += Fraction(str(lever["percent"]))
        return min(max(1 + percent / 100, Fraction(1, 2)), Fraction(2))

    def _pulls(self, lever: dict[str, Tree], action: str) -> bool:
        channels = listed(lever.get("channels"))
        if channels and self.question.channel not in channels:
            return False
        if not any(key in lever for key in ("actions", "groups", "themes")):
            return True
        journeys = [self.journeys[str(theme)] for theme in listed(lever.get("themes"))]
        return self._names(lever, action) or any(action in journey for journey in journeys)
