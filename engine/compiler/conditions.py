"""Reads condition blocks into the checked syntax tree (SEMANTICS, section 1)."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from engine.compiler.fact_cells import CellReader, joined
from engine.compiler.form import Form
from engine.compiler.histories import HistoryReader
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import Node, Scalar, Sequence
from engine.compiler.problem_list import Problems
from engine.compiler.vocabulary import Names
from engine.events import EventSpec
from engine.facts import FactSpec, FactType
from engine.ids import FactName
from engine.syntax import ALWAYS, All, AnyOf, Condition, FactRef, Not

PLACEMENT: Final = FactName("placement")


class ConditionReader:
    """Turns nodes into conditions; anything wrong goes to `problems` and reads as a condition that always holds."""

    def __init__(self, names: Names, problems: Problems, *, of_event: bool = False) -> None:
        self._names = names
        self._problems = problems
        self._of_event = of_event
        """Whether it reads an event's filter, which is judged once, when the event arrives."""
        self._cells = CellReader(names, problems, of_event=of_event)
        self._histories = HistoryReader(names, problems, partial(filter_of, problems), of_event=of_event)

    def of_placements(self, placements: Iterable[str]) -> "ConditionReader":
        """A reader for treatments, which may also ask for the `placement` that they are shown at."""
        spec = FactSpec(name=PLACEMENT, type=FactType.CATEGORY, values=tuple(placements))
        return ConditionReader(
            replace(self._names, facts={**self._names.facts, PLACEMENT: FactRef(PLACEMENT, spec)}), self._problems
        )

    def when(self, form: Form) -> Condition:
        """The condition of a form, in file order: `when` and `history` admit, each `unless` block excludes."""
        parts: list[Condition] = []
        for key in sorted(("when", "history", "unless"), key=form.key_span):
            match key:
                case "when" if (block := form.node_at(key)) is not None:
                    parts.append(self.block(block))
                case "history":
                    parts.extend(self._histories.histories(form.node_at(key)))
                case "unless":
                    parts.extend(Not(self.block(block)) for block in form.items(key))
        return joined(parts)

    def block(self, node: Node) -> Condition:
        """A block: cells keyed by fact, `all`, `any`, `none`, `unless`, and `history`."""
        if not isinstance(node, MappingNode):
            self._problems.error(node.span, "a block must hold `fact: condition` lines")
            return ALWAYS
        parts: list[Condition] = []
        for entry in node.entries:
            match entry.key.text:
                case "all":
                    parts.append(All(self._blocks(entry.value)))
                case "any":
                    parts.append(AnyOf(self._blocks(entry.value)))
                case "none" | "unless":
                    parts.append(Not(AnyOf(self._blocks(entry.value))))
                case "history":
                    parts.extend(self._histories.histories(entry.value))
                case _:
                    parts.append(self._keyed_cell(entry.key, entry.value))
        return joined(parts)

    def _blocks(self, node: Node) -> tuple[Condition, ...]:
        if not isinstance(node, Sequence):
            self._problems.error(node.span, "must be a list of blocks")
            return ()
        return tuple(self.block(item) for item in node.items)

    def _keyed_cell(self, key: Scalar, node: Node) -> Condition:
        fact = self._names.facts.get(key.text)
        if fact is None and key.text == PLACEMENT:
            self._problems.error(key.span, "only a treatment can ask for its `placement`")
            return ALWAYS
        if fact is None:
            self._problems.unknown(key.span, "fact", key.text, self._names.facts)
            return ALWAYS
        if isinstance(node, Scalar) and node.is_null:
            self._problems.error(key.span, f"`{key.text}` needs a condition", "such as `present`")
            return ALWAYS
        return self._cells.cell(fact, node)


def filter_of(problems: Problems, where: Node, event: EventSpec) -> Condition:
    """A `where` block, which looks at the fields of one event."""
    fields = {str(spec.name): FactRef(spec.name, spec) for spec in event.fields}
    return ConditionReader(Names(facts=fields, events={}), problems, of_event=True).block(where)
