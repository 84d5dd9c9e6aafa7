"""Judges documents by JSON Schema: the keywords that our schemas use, and no others, so that nothing goes unjudged."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from engine.compiler.parse import Node, Scalar
from engine.compiler.parse import Sequence as SequenceNode

_TOLD: Final = {
    "$schema", "title", "description", "markdownDescription", "definitions", "default", "examples", "enumDescriptions",
}  # fmt: skip
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def as_an_editor_reads(node: Node) -> Any:
    """A parsed file as YAML's core schema types it, which is what a language server judges."""
    if isinstance(node, Scalar):
        return _scalar(node)
    if isinstance(node, SequenceNode):
        return [as_an_editor_reads(item) for item in node.items]
    return {entry.key.text: as_an_editor_reads(entry.value) for entry in node.entries}


def _scalar(node: Scalar) -> object:
    if node.is_null:
        return None
    if node.quoted:
        return node.text
    if node.truth is not None:
        return node.truth
    if re.fullmatch(r"[-+]?\d+", node.text):
        return int(node.text)
    if re.fullmatch(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?", node.text):
        return float(node.text)
    return node.text


def failures(document: object, schema: Mapping[str, Any]) -> list[str]:
    """Where and why a document does not fit; empty: it fits.

    Raises:
        NotImplementedError: the schema has a keyword that is not judged here.
    """
    return list(_failures(document, schema, schema, "$"))


def _failures(value: object, schema: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    for keyword, content in schema.items():
        if keyword in _TOLD:
            continue
        judge = _KEYWORDS.get(keyword)
        if judge is None:
            raise NotImplementedError(keyword)
        yield from judge(value, content, schema, root, at)


def _fits(value: object, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    return next(_failures(value, schema, root, ""), None) is None


def _ref(value: object, content: str, schema: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    assert len(schema) == 1, "in draft-07 nothing counts beside a $ref"
    yield from _failures(value, root["definitions"][content.rpartition("/")[2]], root, at)


def _type(value: object, content: Any, _: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    names = [content] if isinstance(content, str) else content
    kinds = tuple(kind for name in names for kind in _TYPES[name])
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        yield f"{at}: {value!r} is no {content}"


def _enum(value: object, content: list[Any], _: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    if not any(value == each and type(value) is type(each) for each in content):
        yield f"{at}: {value!r} is none of {content[:8]}"


def _pattern(value: object, content: str, _: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, str) and not re.search(content, value):
        yield f"{at}: {value!r} does not look like {content}"


def _max_length(value: object, content: int, _: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, str) and len(value) > content:
        yield f"{at}: {value!r} is too long"


def _minimum(value: object, content: float, _: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, int | float) and value < content:
        yield f"{at}: {value!r} is less than {content}"


def _maximum(value: object, content: float, _: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, int | float) and value > content:
        yield f"{at}: {value!r} is more than {content}"


def _items(value: object, content: Any, _: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, list):
        for number, each in enumerate(value):
            yield from _failures(each, content, root, f"{at}[{number}]")


def _min_items(value: object, content: int, _: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, list) and len(value) < content:
        yield f"{at}: too few items"


def _properties(value: object, content: Any, _: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key in content.keys() & value.keys():
            yield from _failures(value[key], content[key], root, f"{at}.{key}")


def _more(value: object, content: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key in value.keys() - schema.get("properties", {}).keys():
            if content is False:
                yield f"{at}: unknown key {key}"
            else:
                yield from _failures(value[key], content, root, f"{at}.{key}")


def _names(value: object, content: Any, _: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key in value:
            yield from _failures(key, content, root, f"{at}.{key} as a name")


def _required(
    value: object, content: list[str], _: Mapping[str, Any], root: Mapping[str, Any], at: str
) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{at}: {key} is missing" for key in content if key not in value)


def _all_of(value: object, content: Any, _: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    for each in content:
        yield from _failures(value, each, root, at)


def _any_of(value: object, content: Any, _: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    if not any(_fits(value, each, root) for each in content):
        yield f"{at}: {value!r} fits none of the alternatives"


def _one_of(value: object, content: Any, _: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    if sum(_fits(value, each, root) for each in content) != 1:
        yield f"{at}: {value!r} does not fit exactly one of the alternatives"


def _not(value: object, content: Any, _: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    if _fits(value, content, root):
        yield f"{at}: {value!r} has keys that do not go together"


_KEYWORDS: Final[Mapping[str, Callable[[object, Any, Mapping[str, Any], Mapping[str, Any], str], Iterator[str]]]] = {
    "$ref": _ref,
    "type": _type,
    "enum": _enum,
    "pattern": _pattern,
    "maxLength": _max_length,
    "minimum": _minimum,
    "maximum": _maximum,
    "items": _items,
    "minItems": _min_items,
    "properties": _properties,
    "additionalProperties": _more,
    "propertyNames": _names,
    "required": _required,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
}
