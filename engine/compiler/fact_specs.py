"""Reads what a fact is: its type, its values or range, its default, and how it may be used."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast

from engine.compiler.bank_file import Bank
from engine.compiler.cell_hints import hint_for
from engine.compiler.form import Form
from engine.compiler.grammar.words import FACT
from engine.compiler.parse import Scalar, read_number
from engine.compiler.problem_list import Problems
from engine.errors import FactError
from engine.facts import NUMERIC, FactSpec, FactType, WhenMerged, hold
from engine.ids import FactName

MAX_SET: Final = 52
"""Members of a set: its mask must stay exact as a float."""
_FACT_NAME: Final = re.compile(FACT)
_MONOTONE: Final = {"rises": 1, "falls": -1}
_COMPARED: Final = (WhenMerged.LARGEST, WhenMerged.SMALLEST)
_RESERVED: Final = (
    "holds",
    "groups",
    "segments",
    "relations",
    "needs",
    "consent",
    "context",
    "request",
    "now",
    "placement",
)


class FactSpecReader:
    """Reads facts; amounts of money are scaled by the bank's currency."""

    def __init__(self, problems: Problems, bank: Bank) -> None:
        self._problems = problems
        self._bank = bank

    def read_all(self, form: Form, key: str, what: str) -> dict[FactName, FactSpec]:
        """The facts under a key, by name."""
        specs = {}
        for name, node in form.entries(key):
            self.check_name(name, what)
            spec = self.read(FactName(name.text), Form(node, self._problems, f"{what} of the catalogue"))
            specs[spec.name] = spec
        return specs

    def check_name(self, name: Scalar, what: str) -> None:
        """Refuse what cannot name a fact."""
        if not _FACT_NAME.fullmatch(name.text) or name.text.split(".")[0] in _RESERVED:
            self._problems.error(name.span, f"`{name.text}` cannot name {what}", "lower-case words joined by dots")

    def read(self, name: FactName, form: Form) -> FactSpec:
        """One fact; keys that others of its kind read have to have been read."""
        kind = FactType(form.choice("type"))
        if not form.has("type"):
            self._problems.error(form.span, f"`{name}` needs a `type`")
        decimals = {FactType.MONEY: self._bank.minor_digits, FactType.DECIMAL: form.integer("decimals") or 0}
        spec = FactSpec(
            name=name,
            type=kind,
            title=form.text("title", name),
            decimals=decimals.get(kind, 0),
            values=once(form.words("values"), "`values`", self._problems),
            unit=form.text("unit"),
            private=form.truth("private"),
            model=form.truth("model"),
            protected=form.choice("protected") == "audit_only",
            monotone=_MONOTONE.get(form.choice("monotone"), 0),
            when_merged=WhenMerged(form.choice("when_merged")),
        )
        for described in ("source", "retention", "justified", "personal"):
            form.text(described)
        if spec.monotone and kind not in NUMERIC:
            self._problems.error(form.span_of("monotone"), f"`monotone` is for a number, `{name}` is a {kind}")
        if spec.when_merged in _COMPARED and kind in (FactType.CATEGORY, FactType.TEXT):
            message = f"`{name}` is a {kind} and has no order, so none of its values is the {spec.when_merged}"
            self._problems.error(form.span_of("when_merged"), message, "say `first` or `freshest`")
        if kind in (FactType.CATEGORY, FactType.SET) and not 0 < len(spec.values) <= MAX_SET:
            self._problems.error(form.span, f"`{name}` needs `values`, at most {MAX_SET}")
        spec = self._with_range(spec, form)
        default = form.scalar("default")
        if default is not None:
            spec = replace(spec, default=held_literal(spec, default, self._problems))
        form.finish()
        return spec

    def _with_range(self, spec: FactSpec, form: Form) -> FactSpec:
        node = form.scalar("range")
        if node is None:
            return spec
        low, high = (read_number(part.strip()) for part in (node.text + "..").split("..")[:2])
        if spec.type not in NUMERIC or low is None or high is None or low > high:
            self._problems.error(node.span, "`range` must be such as `0..120`, for a number")
            return spec
        return replace(spec, low=int(low.scaleb(spec.decimals)), high=int(high.scaleb(spec.decimals)))


def held_literal(spec: FactSpec, node: Scalar, problems: Problems) -> int | bool | str | None:
    """A literal in held form; None and an error where it does not fit."""
    if spec.type is FactType.BOOLEAN and node.truth is None:
        problems.error(node.span, f"`{spec.name}` must be true or false", hint_for(spec.type, node.text))
        return None
    value = (
        node.truth
        if spec.type is FactType.BOOLEAN
        else node.text.replace("_", "")
        if spec.type in NUMERIC
        else node.text
    )
    try:
        return cast(int | bool | str | None, hold(spec, value))
    except FactError as error:
        problems.error(node.span, str(error))
        return None


def once(words: Sequence[Scalar], what: str, problems: Problems) -> tuple[str, ...]:
    """The words, of which none may stand there twice."""
    names: dict[str, None] = {}
    for word in words:
        if word.text in names:
            problems.error(word.span, f"`{word.text}` stands in {what} twice", "remove one")
        names[word.text] = None
    return tuple(names)
