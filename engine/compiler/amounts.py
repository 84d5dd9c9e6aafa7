"""Reads what an action is worth and the terms on which it is offered: a number, one line over a fact, or a table."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Final

from engine.compiler.cell_hints import PLAIN_VALUE, hint_for
from engine.compiler.context import ReadContext
from engine.compiler.form import Form, seconds
from engine.compiler.linear import Line, read_line
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import Node, Scalar
from engine.compiler.problem_list import suggestion
from engine.compiler.slots import CHANNEL
from engine.errors import Code
from engine.facts import NUMERIC, FactType
from engine.plan import ALWAYS_VALID, Validity
from engine.syntax import ALWAYS, Condition, FactRef, Linear, facts_read

_MOST: Final = Decimal(10**9)
_HOLD: Final = "hold"
_LABELS: Final = {"value": "`value`", "term": "a term"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountTable:
    """Conditions with amounts: the first true row wins, the last one holds always."""

    rows: tuple[tuple[Condition, Linear], ...]
    validity: Validity = ALWAYS_VALID

    @property
    def constant(self) -> Fraction | None:
        """The amount where it is one plain number at all times."""
        amount = self.rows[0][1]
        return amount.constant if len(self.rows) == 1 and amount.fact is None and not self.validity.bounded else None

    @property
    def facts(self) -> Iterator[FactRef]:
        """Every fact that decides the amount."""
        for condition, amount in self.rows:
            yield from facts_read(condition)
            if amount.fact is not None:
                yield amount.fact


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsTable:
    """The terms of an action by name, while one of its files is valid."""

    terms: tuple[tuple[str, AmountTable], ...]
    hold_s: int = 0
    """For how long what was quoted is quoted again."""
    validity: Validity = ALWAYS_VALID


def read_value(form: Form, validity: Validity, context: ReadContext) -> AmountTable:
    """An action's `value`, in minor units of money; nothing where there is none."""
    node = form.node_at("value")
    reader = _AmountReader(form, context, "value", scale=10**context.bank.minor_digits)
    return replace(reader.table(node), validity=validity)


def read_terms(form: Form, validity: Validity, context: ReadContext) -> TermsTable:
    """An action's `terms`, each in natural units."""
    terms, hold_s = [], 0
    for key, node in form.entries("terms"):
        if key.text == _HOLD:
            hold_s = _hold(form, key, node)
        else:
            terms.append((key.text, _AmountReader(form, context, f"term `{key.text}`", scale=1).table(node)))
    if hold_s and not terms:
        context.problems.error(form.key_span("terms"), "`hold` stands alone: there are no terms to be held")
    return TermsTable(terms=tuple(terms), hold_s=hold_s, validity=validity)


def _hold(form: Form, key: Scalar, node: Node) -> int:
    if not isinstance(node, Scalar):
        form.problems.error(node.span, f"`{key.text}` must be a duration such as `14d`")
        return 0
    return seconds(form, key.text, node)


class _AmountReader:
    """Reads one amount; `scale` turns natural units into those in which it is kept."""

    def __init__(self, form: Form, context: ReadContext, what: str, *, scale: int) -> None:
        self._form = form
        self._context = context
        self._problems = context.problems
        self._what = what
        self._scale = scale

    def table(self, node: Node | None) -> AmountTable:
        """A single amount is a table of one row."""
        if node is None:
            return AmountTable(rows=((ALWAYS, Linear(Fraction(0))),))
        if isinstance(node, MappingNode):
            return self._several(Form(node, self._problems, _LABELS[self._kind]))
        return AmountTable(rows=((ALWAYS, self._amount(node)),))

    def _several(self, form: Form) -> AmountTable:
        rows, by_channel, last = [], False, form.span
        for row in form.forms("table", "a row of the table"):
            condition = self._context.conditions.block(block) if (block := row.node_at("when")) is not None else ALWAYS
            by_channel = by_channel or any(fact.name == CHANNEL for fact in facts_read(condition))
            then, last = row.node_at("then"), row.span_of("when")
            if then is None:
                self._problems.error(row.span, "a row of the table needs `then`")
            else:
                rows.append((condition, self._amount(then)))
            row.finish()
        reason = form.text("on_purpose")
        if by_channel and not reason:
            hint = 'if it must, say why: `on_purpose: "..."`'
            self._problems.error(
                form.span, f"the {self._what} differs between channels", hint, code=Code.PRICE_CONFLICT
            )
        form.finish()
        if not rows or rows[-1][0] != ALWAYS:
            hint = "it is what holds otherwise"
            self._problems.error(last, "the last row of the table must have no `when`", hint)
            rows.append((ALWAYS, Linear(Fraction(0))))
        return AmountTable(rows=tuple(rows))

    def _amount(self, node: Node) -> Linear:
        if not isinstance(node, Scalar):
            self._problems.error(node.span, f"a {self._kind} must be a number or `number * fact + number`")
            return Linear(Fraction(0))
        line = read_line(node.text)
        if isinstance(line, Line) and self._is_meant(line):
            return self._line(line, node)
        if line is None or isinstance(line, Line):
            hint = hint_for(FactType.MONEY, node.text.strip()) or PLAIN_VALUE
            self._problems.error(node.span, f"cannot read the {self._what} `{node.text}`", hint)
            return Linear(Fraction(0))
        if not 0 <= line <= _MOST:
            self._problems.error(node.span, f"a {self._kind} must lie in 0..{int(_MOST):_}")
        return Linear(Fraction(line) * self._scale)

    def _is_meant(self, line: Line) -> bool:
        """A word alone is no fact unless it is spelt nearly like one."""
        facts = self._context.facts
        return not line.bare or line.fact in facts or bool(suggestion(line.fact, facts))

    def _line(self, line: Line, node: Scalar) -> Linear:
        fact, span = self._context.facts.get(line.fact), node.at(node.text.find(line.fact))
        if fact is None:
            self._problems.unknown(span, "fact", line.fact, self._context.facts)
            return Linear(Fraction(0))
        if fact.spec.type not in NUMERIC:
            self._problems.error(span, f"`{fact.name}` is no number, so no {self._kind} can be made of it")
            return Linear(Fraction(0))
        return Linear(line.constant * self._scale, line.factor * self._scale / 10**fact.spec.decimals, fact)

    @property
    def _kind(self) -> str:
        return self._what.partition(" ")[0]


def check_private_terms(terms: TermsTable, screens: list[str], form: Form) -> None:
    """Terms are shown to whoever stands there: on a public screen nothing private may decide them."""
    private = {fact.name for _, table in terms.terms for fact in table.facts if fact.spec.private}
    for name in sorted(private):
        message = f"the private fact `{name}` must not decide terms that `{screens[0]}` shows, which is a public screen"
        form.problems.error(form.key_span("terms"), message, code=Code.PRIVATE_ON_PUBLIC)
