"""What a fact is to a rule: attributes with their defaults, what is calculated, consent, context and the clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import floor

from tests.reference.conditions import literal
from tests.reference.natural import Person, Question, Tree, Value, whole_months

LARGEST = 2**53
SETS = ("holds", "groups", "segments")
CLOCK = {"now.hour": "integer", "now.weekday": "category", "now.day_of_month": "integer"}
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def tree_of(tree: Tree, *keys: str) -> dict[str, Tree]:
    """The mapping under some keys, empty where there is none."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}


@dataclass(frozen=True, kw_only=True)
class RowOfFacts:
    """Facts as the rules see them; `guarding` sees what guards see, who take defaults from `guards.yaml` alone."""

    catalogue: Tree
    guard_defaults: Tree
    person: Person
    question: Question
    today: date
    hour: int
    needs: Mapping[str, bool]
    guarding: bool = False
    placement: str | None = None
    """Where a treatment would show."""

    def kind(self, name: str) -> str:
        """A fact's type."""
        family = name.partition(".")[0]
        if family in SETS:
            return "set" if name == family else "boolean"
        if family in ("needs", "consent"):
            return "boolean"
        if family == "context":
            return str(tree_of(self.catalogue, "context", name.partition(".")[2])["type"])
        if name in ("request.channel", "request.moment", "placement"):
            return "category"
        return CLOCK.get(name) or str(self._declared(name)["type"])

    def value(self, name: str) -> Value:
        """A fact's value, None where it is missing."""
        family, _, rest = name.partition(".")
        match family:
            case "holds" | "groups" | "segments":
                return self._of_set(family, rest)
            case "needs":
                return self.needs[name]
            case "consent":
                return self._consent(name, rest)
            case "context":
                return self.question.context.get(rest)
            case "request":
                return self.question.channel if rest == "channel" else self.question.moment
            case "placement":
                return self.placement
            case "now":
                return self._clock(rest)
            case _:
                return (
                    self._calculated(name) if name in tree_of(self.catalogue, "calculated") else self._attribute(name)
                )

    def _clock(self, name: str) -> Value:
        if name == "weekday":
            return DAYS[self.today.weekday()]
        return self.hour if name == "hour" else self.today.day

    def _declared(self, name: str) -> dict[str, Tree]:
        return tree_of(self.catalogue, "attributes", name) or tree_of(self.catalogue, "calculated", name)

    def _of_set(self, family: str, member: str) -> Value:
        loaded = self.person.facts.get(family)
        if loaded is None or not member:
            return loaded
        assert isinstance(loaded, frozenset)
        return member in loaded

    def _consent(self, name: str, purpose: str) -> Value:
        if purpose == "profiling_objection":
            answer = self.person.objection
        else:
            answer = self.person.consent.get(purpose, {}).get(self.question.channel)
        return self._guard_default(name) if answer is None and self.guarding else answer

    def _attribute(self, name: str) -> Value:
        value = self.person.facts.get(name)
        if value is not None:
            return value
        if self.guarding:
            return self._guard_default(name)
        default = self._declared(name).get("default")
        return None if default is None else literal(self.kind(name), str(default))

    def _guard_default(self, name: str) -> Value:
        default = tree_of(self.guard_defaults).get(name)
        return None if default is None else literal(self.kind(name), str(default))

    def _calculated(self, name: str) -> Value:
        declared = self._declared(name)
        operation = next(each for each in ("sum", "difference", "ratio", "months_between") if each in declared)
        operands = declared[operation]
        assert isinstance(operands, list)
        values = [self.today if each == "today" else self.value(str(each)) for each in operands]
        made = None if None in values else self._made(operation, values, declared)
        return self._guard_default(name) if made is None and self.guarding else made

    def _made(self, operation: str, values: list[Value], declared: dict[str, Tree]) -> Value:
        if operation == "months_between":
            first, last = values
            assert isinstance(first, date)
            assert isinstance(last, date)
            return whole_months(first, last)
        decimals = {"integer": 0, "money": 2}.get(str(declared["type"]), int(str(declared.get("decimals", "2"))))
        return self._reckoned(operation, [Decimal(str(each)) for each in values], decimals)

    @staticmethod
    def _reckoned(operation: str, values: list[Decimal], decimals: int) -> Decimal | None:
        """A sum, difference or ratio, rounded half up to its decimals; unknown where it cannot be held."""
        if operation == "ratio" and not values[1]:
            return None
        if operation == "ratio":
            scaled = Fraction(values[0]) * 10**decimals / Fraction(values[1])
            result = Decimal(floor(scaled + Fraction(1, 2))).scaleb(-decimals)
        else:
            result = sum(values, Decimal(0)) if operation == "sum" else values[0] - values[1]
        return result if abs(result.scaleb(decimals)) <= LARGEST else None
