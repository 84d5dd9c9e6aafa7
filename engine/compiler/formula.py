"""Reads the ranking formula of `policy/arbitration.yaml`: arithmetic over an offer's factors and a customer's numbers.

A formula is `+ - * /`, `min(...)`, `max(...)`, brackets, numbers, the factors and numeric facts, all in natural units.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from engine.compiler.context import ReadContext
from engine.compiler.form import Form
from engine.compiler.grammar.words import FACT, PLAIN_NUMBER
from engine.compiler.parse import Scalar, read_number
from engine.errors import Code, Span
from engine.facts import NUMERIC
from engine.plan import FACTORS
from engine.syntax import FactRef

LONGEST: Final = 500
MOST_WORDS: Final = 100
DEEPEST: Final = 16
MOST_FACTS: Final = 4
_TOKEN: Final = re.compile(rf"\s*(?:(?P<number>{PLAIN_NUMBER})|(?P<name>{FACT})|(?P<sign>[-+*/(),]))")
_HINT: Final = f"such as `{' * '.join(FACTORS)}`"


@dataclass(frozen=True, slots=True)
class Amount:
    """A number."""

    value: float


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor of the offer, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A number known of the customer or the request."""

    ref: FactRef


@dataclass(frozen=True, slots=True)
class Calculation:
    """An operator or function over its operands; `-` of one operand negates."""

    operator: str
    operands: tuple["Term", ...]


Term = Amount | Factor | Fact | Calculation


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFormula:
    """A formula that was read without a problem."""

    text: str
    term: Term
    span: Span

    @property
    def facts(self) -> tuple[FactRef, ...]:
        """The facts that it reads, each once, in the order in which it names them."""
        return tuple({each.ref.name: each.ref for each in _leaves(self.term) if isinstance(each, Fact)}.values())


class _Misread(Exception):
    """A formula cannot be read at some character."""

    def __init__(self, at: int, message: str, hint: str = _HINT) -> None:
        self.at = at
        self.message = message
        self.hint = hint
        super().__init__(message)


def read_formula(form: Form, context: ReadContext) -> ReadFormula | None:
    """The formula of `ranking`; None where there is none, or where it has a problem."""
    node = form.scalar("ranking")
    if node is None:
        return None
    told = context.problems.count
    try:
        reader = _Reader(node, context)
        term = reader.whole()
    except _Misread as misread:
        context.problems.error(node.at(misread.at), misread.message, misread.hint)
        return None
    formula = ReadFormula(text=" ".join(node.text.split()), term=term, span=node.span)
    if len(formula.facts) > MOST_FACTS:
        message = f"a ranking formula reads at most {MOST_FACTS} facts"
        context.problems.error(node.span, message, "let the catalogue calculate one of them")
    if not any(isinstance(each, Factor) for each in _leaves(term)):
        message = "the ranking formula names no factor, so that it could not tell one offer from another"
        context.problems.error(node.span, message, _HINT)
    if context.problems.count > told:
        return None
    _see_that_it_never_falls(formula, context)
    return formula


class _Reader:
    """Reads one formula by recursive descent; sums are made of products, products of single terms."""

    def __init__(self, node: Scalar, context: ReadContext) -> None:
        self._context = context
        self._node = node
        self._depth = 0
        if len(node.text) > LONGEST:
            raise _Misread(0, f"a ranking formula has at most {LONGEST} characters")
        self._tokens = list(self._split(node.text))
        if len(self._tokens) > MOST_WORDS:
            raise _Misread(0, f"a ranking formula has at most {MOST_WORDS} numbers, names and signs")
        self._next = 0

    @staticmethod
    def _split(text: str) -> Iterator[tuple[str, str, int]]:
        at = 0
        while at < len(text.rstrip()):
            match = _TOKEN.match(text, at)
            if match is None:
                spaces = len(text[at:]) - len(text[at:].lstrip())
                raise _Misread(at + spaces, f"cannot read `{text[at + spaces]}` in a formula")
            assert match.lastgroup is not None
            yield match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)
            at = match.end()
        yield "end", "", len(text.rstrip())

    def whole(self) -> Term:
        """The whole formula."""
        term = self._sum()
        kind, text, at = self._tokens[self._next]
        if kind != "end":
            raise _Misread(at, f"`{text}` stands where an operator belongs")
        return term

    def _sum(self) -> Term:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Term:
        return self._chain(("*", "/"), self._single)

    def _chain(self, operators: Sequence[str], operand: Callable[[], Term]) -> Term:
        term = operand()
        while self._tokens[self._next][1] in operators and self._tokens[self._next][0] == "sign":
            operator = self._take()[1]
            term = Calculation(operator, (term, operand()))
        return term

    def _single(self) -> Term:
        self._depth += 1
        kind, text, at = self._take()
        if self._depth > DEEPEST:
            raise _Misread(at, f"brackets lie at most {DEEPEST} deep")
        term = self._started(kind, text, at)
        self._depth -= 1
        return term

    def _started(self, kind: str, text: str, at: int) -> Term:
        if kind == "number":
            return Amount(float(read_number(text) or 0))
        if text == "-":
            return Calculation("-", (self._single(),))
        if text == "(":
            inside = self._sum()
            self._close()
            return inside
        if text in _FUNCTIONS:
            return Calculation(text, self._arguments(text))
        if kind == "name":
            return Factor(text) if text in FACTORS else self._fact(text, at)
        message = "the formula ends too early" if kind == "end" else f"`{text}` stands where a number belongs"
        raise _Misread(at, message)

    def _arguments(self, function: str) -> tuple[Term, ...]:
        _, text, at = self._take()
        if text != "(":
            raise _Misread(at, f"`{function}` needs brackets", f"such as `{function}(value, 500)`")
        found = [self._sum()]
        while self._tokens[self._next][1] == ",":
            self._take()
            found.append(self._sum())
        self._close()
        return tuple(found)

    def _close(self) -> None:
        _, text, at = self._take()
        if text != ")":
            raise _Misread(at, "a bracket is not closed", "add `)`")

    def _take(self) -> tuple[str, str, int]:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _fact(self, name: str, at: int) -> Term:
        facts, span = self._context.facts, self._node.at(at)
        ref = facts.get(name)
        if ref is None:
            self._context.problems.unknown(span, "factor or fact", name, (*FACTORS, *_FUNCTIONS, *facts))
        elif ref.spec.type not in NUMERIC or ref.member is not None:
            self._context.problems.error(span, f"`{name}` is no number, so nothing can be calculated with it")
        else:
            return Fact(ref)
        return Amount(0.0)


def _leaves(term: Term) -> Iterator[Amount | Factor | Fact]:
    if isinstance(term, Calculation):
        for each in term.operands:
            yield from _leaves(each)
    else:
        yield term


# --- what it comes to ------------------------------------------------------------------------------------------------


def ratio(one: float, other: float) -> float:
    """One number by another; nobody knows what a division by zero gives."""
    return one / other if other else math.nan


def least(*numbers: float) -> float:
    """The smallest; unknown if any of them is."""
    return min(numbers) if _known(numbers) else math.nan


def most(*numbers: float) -> float:
    """The largest; unknown if any of them is."""
    return max(numbers) if _known(numbers) else math.nan


def _known(numbers: Sequence[float]) -> bool:
    """A sum is unknown if anything in it is; asking each would cost three times as much."""
    return not math.isnan(sum(numbers))


_FUNCTIONS: Final[Mapping[str, Callable[..., float]]] = {"min": least, "max": most}
_BINARY: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
    "/": ratio,
}


def result(term: Term, numbers: Mapping[str, float]) -> float:
    """What a formula comes to, its factors and facts given by name in natural units; NaN where nobody knows."""
    match term:
        case Amount(value):
            return value
        case Factor(name):
            return numbers[name]
        case Fact(ref):
            return numbers[ref.name]
        case Calculation(operator, operands):
            found = [result(each, numbers) for each in operands]
            if operator in _FUNCTIONS:
                return _FUNCTIONS[operator](*found)
            return -found[0] if len(found) == 1 else _BINARY[operator](*found)


_STEPS: Final[Mapping[str, tuple[float, ...]]] = {
    "propensity": (0.001, 0.02, 0.3),
    "value": (1.0, 50.0, 2_000.0),
    "context_weight": (0.2, 1.0, 5.0),
    "lever": (0.5, 1.0, 2.0),
}
_USUAL_FACTS: Final = (1.0, 1_000.0)


def _see_that_it_never_falls(formula: ReadFormula, context: ReadContext) -> None:
    """Warn of a formula that puts an offer lower although a factor is higher; what is looked at is a grid."""
    steps = dict(_STEPS) | {str(ref.name): _range(ref) for ref in formula.facts}
    for factor in FACTORS:
        for at in product(*(steps[name] if name != factor else (0.0,) for name in steps)):
            numbers = dict(zip(steps, at, strict=True))
            found = [max(0.0, result(formula.term, numbers | {factor: step})) for step in steps[factor]]
            for low, high, one, other in zip(steps[factor], steps[factor][1:], found, found[1:], strict=False):
                if other < one:
                    where = ", ".join(f"{name} {number:g}" for name, number in numbers.items() if name != factor)
                    message = f"the ranking falls when `{factor}` rises"
                    hint = f"from {one:g} at {low:g} to {other:g} at {high:g}, with {where}"
                    context.problems.warning(formula.span, message, hint, code=Code.RANKING_FALLS)
                    return


def _range(ref: FactRef) -> tuple[float, ...]:
    spec = ref.spec
    if spec.low is None or spec.high is None:
        return _USUAL_FACTS
    return spec.low / 10**spec.decimals, spec.high / 10**spec.decimals
