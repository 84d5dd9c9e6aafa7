"""Rule engines on the same blocks: ours and three public ones, from a customer's values to the blocks that are true."""

import json
from collections.abc import Callable, Mapping, Sequence

import cel
import rule_engine
import zen

from bench.blocks import ATTRIBUTES, Attribute, Block, Cell, Value
from bench.bundle import flat_files
from bench.customers import CONSENT, NOW, request_of
from engine import Plan, Snapshot, compile_bundle
from engine.facts import Held
from engine.row import assemble

Evaluator = Callable[[], Sequence[int]]
"""Finds the positions of the true blocks, ascending."""
OURS = "ours"


def evaluators(blocks: Sequence[Block], values: Mapping[str, Value]) -> dict[str, Evaluator]:
    """Every engine, loaded with the blocks and holding one customer in the form in which it takes one."""
    return {
        OURS: ours(blocks, values),
        "common-expression-language": _cel(blocks, values),
        "zen-engine decision table": _zen(blocks, values),
        "rule-engine": _rule_engine(blocks, values),
    }


def ours(blocks: Sequence[Block], values: Mapping[str, Value]) -> Evaluator:
    """From the stored profile: the row is assembled anew each time, as it is for each decision."""
    plan = compile_bundle(flat_files(blocks)).plan
    request, snapshot, promotions = request_of(plan, 0), known_customer(plan, values), plan.generated.promotions
    number_by_position = [int(trigger.head.rule.rpartition("_")[2]) for trigger in plan.triggers]
    assert number_by_position == sorted(number_by_position)
    return lambda: promotions(assemble(plan, request, snapshot, NOW))


def known_customer(plan: Plan, values: Mapping[str, Value]) -> Snapshot:
    """Somebody of whom nothing but these facts is known."""
    known = {name: value for name, value in values.items() if value is not None}
    profile: list[Held] = plan.profile_schema.encode(known)
    return Snapshot(known=True, profile=profile, events=plan.event_layout.empty(0), consent=CONSENT)


def _zen(blocks: Sequence[Block], values: Mapping[str, Value]) -> Evaluator:
    decision = zen.ZenEngine().create_decision(json.dumps(_zen_graph(blocks)))
    context = dict(values)
    return lambda: [each["block"] for each in decision.evaluate(context)["result"]]


def _zen_graph(blocks: Sequence[Block]) -> dict[str, object]:
    place = {"x": 0, "y": 0}
    table = {
        "hitPolicy": "collect",
        "inputs": [{"id": each.name, "name": each.name, "field": each.name} for each in ATTRIBUTES],
        "outputs": [{"id": "block", "name": "block", "field": "block"}],
        "rules": [_zen_rule(position, block) for position, block in enumerate(blocks)],
    }
    return {
        "nodes": [
            {"id": "in", "type": "inputNode", "name": "in", "position": place},
            {"id": "table", "type": "decisionTableNode", "name": "table", "position": place, "content": table},
            {"id": "out", "type": "outputNode", "name": "out", "position": place},
        ],
        "edges": [
            {"id": "first", "type": "edge", "sourceId": "in", "targetId": "table"},
            {"id": "second", "type": "edge", "sourceId": "table", "targetId": "out"},
        ],
    }


def _zen_rule(position: int, block: Block) -> dict[str, str]:
    cells = {cell.attribute.name: _zen_cell(cell) for cell in block.cells}
    return {
        "_id": str(position),
        "block": str(position),
        **{each.name: cells.get(each.name, "") for each in ATTRIBUTES},
    }


def _zen_cell(cell: Cell) -> str:
    if cell.one_of:
        return ", ".join(_literal(value) for value in cell.one_of)
    if cell.high is None:
        return f">= {cell.low}"
    return f"<= {cell.high}" if cell.low is None else f"[{cell.low}..{cell.high}]"


def _cel(blocks: Sequence[Block], values: Mapping[str, Value]) -> Evaluator:
    """One context for all programs; a missing number has to be asked about, since comparing null is an error."""
    programs = [cel.compile(" && ".join(_expression(cell, "&&") for cell in block.cells)) for block in blocks]

    def evaluate() -> list[int]:
        context = cel.Context(dict(values))
        return [position for position, program in enumerate(programs) if program.execute(context)]

    return evaluate


def _rule_engine(blocks: Sequence[Block], values: Mapping[str, Value]) -> Evaluator:
    context = rule_engine.Context(default_value=None)
    rules = [
        rule_engine.Rule(" and ".join(_expression(cell, "and") for cell in block.cells), context=context)
        for block in blocks
    ]
    facts = dict(values)
    return lambda: [position for position, rule in enumerate(rules) if rule.matches(facts)]


def _expression(cell: Cell, word: str) -> str:
    name = cell.attribute.name
    if cell.one_of:
        literals = [_literal(value) for value in cell.one_of]
        return f"{name} == {literals[0]}" if len(literals) == 1 else f"{name} in [{', '.join(literals)}]"
    bounds = [
        f"{name} {operator} {_number(cell.attribute, edge)}"
        for operator, edge in ((">=", cell.low), ("<=", cell.high))
        if edge is not None
    ]
    return f" {word} ".join([f"{name} != null", *bounds])


def _literal(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else f"'{value}'"


def _number(attribute: Attribute, edge: int) -> str:
    return str(edge) if attribute.type == "integer" else f"{edge}.0"
