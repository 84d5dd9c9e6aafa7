"""JSON Schemas of conditions: cells by the type of their fact, blocks, and the facts that tests give."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from api.authoring.names import Names
from engine.compiler.grammar.words import DURATION, FACT, NUMBER, OPERATOR, PERIODS, PLAIN_NUMBER
from engine.facts import NUMERIC, FactSpec, FactType
from engine.syntax import FactRef

Json = dict[str, Any]

_DATE: Final = r"\d{4}-\d{2}-\d{2}"
_INSTANT: Final = rf"{_DATE}(?:[T ][0-9:.+\-Z]+)?"
_NEGATIONS: Final = r"(?:!=\s*|not\s+)*"
_LINEAR: Final = rf"(?:{PLAIN_NUMBER}\s*\*\s*)?{FACT}(?:\s*[+-]\s*{PLAIN_NUMBER})?"
_LITERALS: Final = {
    FactType.BOOLEAN: "true|false",
    FactType.INTEGER: NUMBER,
    FactType.DECIMAL: NUMBER,
    FactType.MONEY: NUMBER,
    FactType.DATE: _DATE,
    FactType.INSTANT: _INSTANT,
    FactType.TEXT: r"[^\[\],]+",
}
_HINTS: Final = {
    FactType.BOOLEAN: "`true`, `false`, `present` or `missing`.",
    FactType.CATEGORY: "A value, a list (one of), `not value`, `not [a, b]`, `present` or `missing`.",
    FactType.TEXT: "A value, a list (one of), `not value`, `present` or `missing`.",
    FactType.SET: "A member (it contains it), a list (any of them), `all of [a, b]` or `not a`.",
    FactType.DATE: "`within 30d`, `older than 2y`, `in next 90d`, `>= 2026-01-31`, `present` or `missing`.",
    FactType.INSTANT: "`within 12h`, `older than 30d`, `present` or `missing`.",
}
_NUMBER_HINT: Final = (
    '`at least 50_000`, `under 25`, `25..60`, `"< 0.5 * other.fact"`, a number, `present` or `missing`.'
)


def described(schema: Json, *sentences: str) -> Json:
    """A schema with what an editor shows on hover; sentences may hold Markdown."""
    text = " ".join(each for each in sentences if each)
    if not text:
        return schema
    beside = {"allOf": [schema]} if "$ref" in schema else schema
    return {**beside, "description": text, "markdownDescription": text}


def one_of(names: Iterable[str], titles: Mapping[str, str] | None = None) -> Json:
    """Some words, each with what people call it."""
    words = list(names)
    schema: Json = {"enum": [form for word in words for form in _as_yaml(word)]}
    told = [(titles or {}).get(word, "") for word in words for _ in _as_yaml(word)]
    return {**schema, "enumDescriptions": told} if any(told) else schema


def _as_yaml(word: str) -> list[object]:
    """A word as text, and as what an editor takes it for where it looks like a number or a truth value."""
    if word in ("true", "false"):
        return [word, word == "true"]
    if re.fullmatch(r"-?\d{1,15}", word):
        return [word, int(word)]
    return [word]


def literal(spec: FactSpec) -> Json:
    """One value of a fact."""
    match spec.type:
        case FactType.BOOLEAN:
            return {"enum": [True, False, "true", "false"]}
        case FactType.CATEGORY | FactType.SET:
            return one_of(spec.values)
        case FactType.TEXT:
            return {"type": ["string", "number", "boolean"]}
        case _ if spec.type in NUMERIC:
            return {"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^{NUMBER}$"}]}
        case _:
            return {"type": "string", "pattern": f"^{_LITERALS[spec.type]}$"}


def cells(facts: Iterable[FactRef]) -> dict[str, Json]:
    """What may stand as cells of some facts, by the name of the definition; facts of one kind share theirs."""
    return {_cell_name(fact): cell(fact) for fact in facts}


def _cell_name(fact: FactRef) -> str:
    if fact.member is not None:
        return f"cell_{FactType.BOOLEAN}"
    if fact.spec.type in (FactType.CATEGORY, FactType.SET):
        return f"cell_{fact.name.replace('.', '__')}"
    return "cell_number" if fact.spec.type in NUMERIC else f"cell_{fact.spec.type}"


def cell(fact: FactRef) -> Json:
    """Everything that may stand as a cell of a fact: a single cell, a list, or several combined."""
    spec = fact.spec if fact.member is None else FactSpec(name=fact.name, type=FactType.BOOLEAN)
    single = {"type": "string", "pattern": f"^\\s*{_NEGATIONS}(?:{_single(spec)})\\s*$"}
    words: Json = {"enum": ["present", "missing"]}
    alternatives = [words, literal(spec), single, {"type": "array", "minItems": 1, "items": literal(spec)}]
    several = {"type": "array", "items": {"anyOf": alternatives}}
    combined = {
        "type": "object",
        "properties": dict.fromkeys(("all", "any", "none"), several),
        "additionalProperties": False,
    }
    return {"anyOf": [*alternatives, combined]}


def _single(spec: FactSpec) -> str:
    """The pattern of a single cell, without its negations."""
    values = "|".join(re.escape(value) for value in spec.values)
    one = f"(?:{values if spec.type in (FactType.CATEGORY, FactType.SET) else _LITERALS[spec.type]})"
    quoted = f"[\"']?{one}[\"']?"
    several = rf"\[\s*{quoted}(?:\s*,\s*{quoted})*\s*,?\s*\]"
    parts = ["present", "missing", one, several]
    if spec.type is FactType.SET:
        parts.append(rf"all of\s*{several}")
    if spec.type in NUMERIC:
        right = f"(?:{NUMBER}|{_LINEAR})"
        parts += [rf"(?:{OPERATOR})\s*{right}", rf"{right}\s*\.\.\s*{right}"]
    if spec.type in (FactType.DATE, FactType.INSTANT):
        parts += [rf"(?:{OPERATOR})\s*{one}", rf"{one}\s*\.\.\s*{one}", rf"(?:{'|'.join(PERIODS)})\s+{DURATION}"]
    return "|".join(parts)


def _fact_hover(fact: FactRef, title: str) -> str:
    """What an editor shows of a fact: its title, type, unit, range, and whether it is private."""
    spec = fact.spec
    kind = "boolean" if fact.member is not None else str(spec.type)
    parts = [f"**{title or fact.name}** ({kind}{f', {spec.unit}' if spec.unit and fact.member is None else ''})."]
    if fact.member is None and spec.values:
        parts.append(f"Values: {', '.join(f'`{value}`' for value in spec.values)}.")
    if spec.private:
        parts.append("Private: never on a public screen.")
    hint = _HINTS.get(FactType.BOOLEAN if fact.member is not None else spec.type, _NUMBER_HINT)
    return " ".join([*parts, f"Cells: {hint}"])


def block(names: Names) -> Json:
    """A block: cells keyed by fact, and blocks inside blocks."""
    blocks = {"type": "array", "items": {"$ref": "#/definitions/block"}}
    properties: Json = {
        "all": described(blocks, "Blocks that must all hold."),
        "any": described(blocks, "Blocks of which one must hold."),
        "none": described(blocks, "Blocks of which none may hold."),
        "unless": described(blocks, "Exceptions: the same as `none`."),
        "history": described({"$ref": "#/definitions/histories"}, "What must, or must not, have happened."),
    }
    for name, fact in names.facts.items():
        properties[name] = described(
            {"$ref": f"#/definitions/{_cell_name(fact)}"}, _fact_hover(fact, names.titles[name])
        )
    return {"type": "object", "properties": properties, "additionalProperties": False}


def field_block(names: Names) -> Json:
    """A block on the fields of an event; a field that several events have may be what it is in any of them."""
    cells: dict[str, list[Json]] = {}
    for event in names.events.values():
        for spec in event.fields:
            found = cells.setdefault(spec.name, [])
            if (schema := cell(FactRef(spec.name, spec))) not in found:
                found.append(schema)
    blocks = {"type": "array", "items": {"$ref": "#/definitions/field_block"}}
    properties: Json = dict.fromkeys(("all", "any", "none", "unless"), blocks)
    properties |= {name: {"anyOf": found} if len(found) > 1 else found[0] for name, found in cells.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def given(names: Names) -> Json:
    """The facts of a customer of a test, with `missing` for what is not known."""
    missing: Json = {"enum": ["missing"]}
    truth: Json = {"type": "boolean"}
    properties: Json = {}
    for spec in names.columns:
        value = {"type": "array", "items": literal(spec)} if spec.type is FactType.SET else literal(spec)
        properties[spec.name] = described({"anyOf": [value, missing]}, names.titles.get(spec.name, ""))
        if spec.type is FactType.SET:
            for member in (f"{spec.name}.{each}" for each in spec.values):
                properties[member] = described(truth, names.titles.get(member, ""))
    for spec in names.context:
        properties[spec.name] = described({"anyOf": [literal(spec), missing]}, spec.title)
    for purpose in names.purposes:
        allowed = {"type": "array", "items": one_of(names.channels)}
        told = "Whether the customer agreed: everywhere, nowhere, or on the channels listed."
        properties[f"consent.{purpose}"] = described({"anyOf": [truth, allowed, missing]}, told)
    objection = {"anyOf": [truth, missing]}
    properties["consent.profiling_objection"] = described(objection, "Whether the customer objects to profiling.")
    for need in names.needs:
        ago = {"type": "string", "pattern": f"^-{DURATION}$"}
        properties[need] = described(ago, "When a need that lasts held last, such as `-20d`.")
    return {"type": "object", "properties": properties, "additionalProperties": False}
