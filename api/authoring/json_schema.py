"""JSON Schemas (draft-07, which YAML language servers read best) of every kind of rule file, for completion and hover.

They are made of the compiler's own grammar and of the names that a folder of rules declares.
"""

from typing import Any, Final, assert_never

from api.authoring.cells import Json, block, cells, described, field_block, given, one_of
from api.authoring.names import Names
from engine.compiler.grammar import FILES, SHAPES
from engine.compiler.grammar.kinds import (
    Block,
    Blocks,
    ByName,
    Choice,
    Day,
    Either,
    FieldBlock,
    Free,
    Given,
    Histories,
    Key,
    Kind,
    Known,
    Length,
    Listed,
    Name,
    Number,
    Part,
    Parts,
    Rows,
    Shape,
    Text,
    Truth,
    Whole,
)
from engine.compiler.grammar.words import DURATION, NAME, NUMBER

DRAFT: Final = "http://json-schema.org/draft-07/schema#"
_SINGLE: Final = ["string", "number", "boolean"]
_LENGTHS: Final = ("30d", "2y", "6mo", "12h", "10min")


def schemas(names: Names) -> dict[str, Json]:
    """A schema for every kind of file, by its own file name such as `action.schema.json`."""
    definitions = _definitions(names)
    return {schema_file(where): _of_file(shape, definitions) for where, shape in FILES.items()}


def schema_file(where: str) -> str:
    """The name of the schema for files that stand somewhere, such as `action.schema.json` for `actions/*.yaml`."""
    kind = {"actions/*.yaml": "action", "thematic/*.yaml": "theme", "customized/*.yaml": "trigger"}.get(where)
    return f"{kind or where.rpartition('/')[2].removesuffix('.yaml')}.schema.json"


def _of_file(shape: str, definitions: Json) -> Json:
    """One schema with the definitions that it needs, and no others."""
    needed: dict[str, Json] = {}
    waiting = [_key_of(shape)]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = definitions[name]
            waiting += _references(definitions[name])
    own = needed.pop(_key_of(shape))
    return {"$schema": DRAFT, "title": shape, **own, "definitions": dict(sorted(needed.items()))}


def _references(schema: object) -> list[str]:
    match schema:
        case {"$ref": str(reference)}:
            return [reference.rpartition("/")[2]]
        case dict():
            return [found for each in schema.values() for found in _references(each)]
        case list():
            return [found for each in schema for found in _references(each)]
        case _:
            return []


def _definitions(names: Names) -> Json:
    found = {_key_of(shape.name): _of_shape(shape, names) for shape in SHAPES.values()}
    found |= cells(names.facts.values())
    found["block"] = block(names)
    found["field_block"] = field_block(names)
    found["given"] = given(names)
    found["histories"] = {"type": "array", "items": _ref("a history condition")}
    return found


def _key_of(shape: str) -> str:
    return "".join(each if each.isalnum() else "_" for each in shape).strip("_")


def _ref(shape: str) -> Json:
    return {"$ref": f"#/definitions/{_key_of(shape)}"}


def _of_shape(shape: Shape, names: Names) -> Json:
    schema: Json = {
        "type": "object",
        "description": shape.doc,
        "markdownDescription": shape.doc,
        "properties": {key.name: _of_key(key, names) for key in (*shape.keys, *shape.usual)},
    }
    if not shape.open:
        schema["additionalProperties"] = False
    required = [key.name for key in shape.keys if key.required]
    if required:
        schema["required"] = required
    if shape.exactly_one:
        schema["oneOf"] = [_there(key) for key in shape.exactly_one]
    if shape.at_least_one:
        schema["anyOf"] = [_there(key) for key in shape.at_least_one]
    if shape.variants:
        every = {key.name for key in shape.keys}
        schema["oneOf"] = [
            {
                **_there(*variant.needs),
                "not": {"anyOf": [_there(key) for key in sorted(every - {*variant.needs, *variant.may})]},
            }
            for variant in shape.variants
        ]
    return schema


def _there(*keys: str) -> Json:
    """Something stands under some keys: a key with nothing under it counts as none."""
    return {"required": list(keys), "properties": {key: {"not": {"type": "null"}} for key in keys}}


def _of_key(key: Key, names: Names) -> Json:
    schema = _of(key.kind, names) if key.required else _or_nothing(_of(key.kind, names))
    default: Any = None
    match key.kind:
        case Choice(default=word) if word:
            default = word
        case Truth(default=truth):
            default = truth
        case Number(default=number) if number:
            default = float(number)
        case Whole(default=whole):
            default = whole
        case _:
            pass
    told = described(schema, key.doc)
    return told if default is None else {**told, "default": default}


def _or_nothing(schema: Json) -> Json:
    ways = schema["anyOf"] if set(schema) == {"anyOf"} else [schema]
    return {"anyOf": [*ways, {"type": "null"}]}


def _of(kind: Kind, names: Names) -> Json:
    match kind:
        case Text(pattern=pattern, example=example):
            text: Json = {"type": "string", "pattern": f"^(?:{pattern})$"} if pattern else {"type": _SINGLE}
            return {**text, "examples": [example]} if example else text
        case Name():
            return {"type": "string", "pattern": f"^{NAME}$", "maxLength": 64}
        case Choice(values=values):
            return one_of(values)
        case Truth():
            return {"type": "boolean"}
        case Number(low=low, high=high):
            return _number(float(low) if low else None, float(high) if high else None, "number")
        case Whole(low=low, high=high):
            return _number(low, high, "integer")
        case Length():
            return {
                "type": "string",
                "pattern": rf"^\s*{DURATION}\s*$",
                "examples": list(_LENGTHS),
            }
        case Day():
            return {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$", "examples": ["2026-01-31"]}
        case Known(kind=what):
            return _known(what, names)
        case Listed(of):
            one = _of(of, names)
            return {"anyOf": [{"type": "array", "items": one}, one]}
        case Part(shape):
            return _ref(shape)
        case Parts(shape):
            return {"type": "array", "items": _ref(shape)}
        case Rows(keys):
            texts: Json = {key: {"type": _SINGLE} for key in keys}
            return {"type": "array", "items": {"type": "object", "properties": texts}}
        case ByName(name, value):
            return _by_name(name, _of(value, names), names)
        case Either(kinds):
            return {"anyOf": [_of(each, names) for each in kinds]}
        case Block():
            return {"$ref": "#/definitions/block"}
        case Blocks():
            return {"type": "array", "items": {"$ref": "#/definitions/block"}}
        case Histories():
            return {"$ref": "#/definitions/histories"}
        case FieldBlock():
            return {"$ref": "#/definitions/field_block"}
        case Given():
            return {"$ref": "#/definitions/given"}
        case Free(needs=needs):
            return {"type": "object", "required": list(needs)} if needs else {"type": "object"}
    assert_never(kind)


def _number(low: float | None, high: float | None, kind: str) -> Json:
    """A number, which may group its digits with underscores: an editor takes that for text."""
    plain: Json = {"type": kind}
    if low is not None:
        plain["minimum"] = low
    if high is not None:
        plain["maximum"] = high
    return {"anyOf": [plain, {"type": "string", "pattern": rf"^(?=.*_){NUMBER}$"}]}


def _known(what: str, names: Names) -> Json:
    """A name of a kind; anything, where the rules declare none of it."""
    known = names.by_kind[what]
    return one_of(known, known) if known else {"type": "string"}


def _by_name(name: Kind, value: Json, names: Names) -> Json:
    match name:
        case Known(kind=what) if names.by_kind[what]:
            properties = {each: described(value, title) for each, title in names.by_kind[what].items()}
            return {"type": "object", "properties": properties, "additionalProperties": False}
        case Text(pattern=pattern) if pattern:
            return {"type": "object", "propertyNames": {"pattern": f"^{pattern}$"}, "additionalProperties": value}
        case _:
            return {"type": "object", "additionalProperties": value}
