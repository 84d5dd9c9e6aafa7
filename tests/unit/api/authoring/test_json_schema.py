"""Schemas, compiler and grammar agree: what one accepts the others accept, what one refuses the others refuse."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from api.adapters.bundle_files import read_rules
from api.authoring.json_schema import DRAFT, schema_file, schemas
from api.authoring.walk import shape_of_file
from engine import RuleErrors, compile_bundle
from engine.compiler.grammar import FILES, SHAPES
from engine.compiler.parse import Mapping
from engine.ruletests import check_rule_tests
from tests.json_schema import as_an_editor_reads, failures
from tests.unit.api.authoring.books import (
    REFERENCE_BANK,
    ROOT,
    RULE_FOLDERS,
    documents,
    emptied,
    names,
    shaped,
    with_stranger,
    without,
    written,
)

_OF_PLACE = {shape: where for where, shape in FILES.items()}


@lru_cache(maxsize=8)
def _schemas(folder: Path) -> dict[str, Any]:
    return schemas(names(folder))


def _schema(folder: Path, path: str) -> Any:
    shape = shape_of_file(path)
    assert shape is not None
    return _schemas(folder)[schema_file(_OF_PLACE[shape.name])]


def _compiler_refuses(path: str, document: Mapping) -> bool:
    """Whether the reference bank with one file replaced has an error, tests included."""
    files = read_rules(REFERENCE_BANK) | {path: written(document).encode()}
    try:
        return bool(check_rule_tests(compile_bundle(files)))
    except RuleErrors:
        return True


@pytest.mark.parametrize("folder", RULE_FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_every_rule_file_fits_its_schema(folder: Path) -> None:
    found = {
        path: failures(as_an_editor_reads(document), _schema(folder, path))
        for path, document in documents(folder).items()
    }
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_schemas_are_draft_07_and_json() -> None:
    for schema in _schemas(REFERENCE_BANK).values():
        assert schema["$schema"] == DRAFT
        assert json.loads(json.dumps(schema)) == schema


def test_the_reference_bank_uses_every_key_of_the_grammar() -> None:
    """So that each is compiled, judged by its schema, and shown on the reference page."""
    used = {shape.key(entry.key.text) for _, shape, node in shaped(REFERENCE_BANK) for entry in node.entries}
    unused = {(name, key.name) for name, shape in SHAPES.items() for key in shape.keys if key not in used}
    assert unused == set()


def test_the_reference_bank_is_free_of_errors() -> None:
    bundle = compile_bundle(read_rules(REFERENCE_BANK))
    assert bundle.plan.warnings == ()
    assert check_rule_tests(bundle) == ()


def _one_of_each_shape() -> list[tuple[str, str, Mapping]]:
    found: dict[str, tuple[str, str, Mapping]] = {}
    for path, shape, node in shaped(REFERENCE_BANK):
        found.setdefault(shape.name, (shape.name, path, node))
    return list(found.values())


@pytest.mark.parametrize(("name", "path", "node"), _one_of_each_shape(), ids=lambda value: str(value)[:40])
def test_an_unknown_key_is_refused_by_schema_and_compiler(name: str, path: str, node: Mapping) -> None:
    if SHAPES[name].open:
        return
    document = with_stranger(documents(REFERENCE_BANK)[path], node)
    assert failures(as_an_editor_reads(document), _schema(REFERENCE_BANK, path)) != []
    assert _compiler_refuses(path, document)


def _required() -> list[tuple[str, str, Mapping, str]]:
    found: dict[tuple[str, str], tuple[str, str, Mapping, str]] = {}
    for path, shape, node in shaped(REFERENCE_BANK):
        for key in shape.keys:
            if key.required:
                found.setdefault((shape.name, key.name), (f"{shape.name} {key.name}", path, node, key.name))
    return list(found.values())


@pytest.mark.parametrize(("name", "path", "node", "key"), _required(), ids=lambda value: str(value)[:40])
def test_a_key_that_is_needed_is_missed_by_schema_and_compiler(name: str, path: str, node: Mapping, key: str) -> None:
    document = without(documents(REFERENCE_BANK)[path], node, key)
    assert failures(as_an_editor_reads(document), _schema(REFERENCE_BANK, path)) != []
    assert _compiler_refuses(path, document)


def _optional() -> list[tuple[str, str, Mapping, str]]:
    found: dict[tuple[str, str], tuple[str, str, Mapping, str]] = {}
    for path, shape, node in shaped(REFERENCE_BANK):
        for key in shape.keys:
            if not key.required and node.get(key.name) is not None:
                found.setdefault((shape.name, key.name), (f"{shape.name} {key.name}", path, node, key.name))
    return list(found.values())


@pytest.mark.parametrize(("name", "path", "node", "key"), _optional(), ids=lambda value: str(value)[:40])
def test_a_key_with_nothing_under_it_is_no_key(name: str, path: str, node: Mapping, key: str) -> None:
    """Schema and compiler take it as if it were not there."""
    document = documents(REFERENCE_BANK)[path]
    absent, empty = without(document, node, key), emptied(document, node, key)
    schema = _schema(REFERENCE_BANK, path)
    assert _compiler_refuses(path, empty) == _compiler_refuses(path, absent)
    assert bool(failures(as_an_editor_reads(empty), schema)) == bool(failures(as_an_editor_reads(absent), schema))


def test_the_real_validator_agrees() -> None:
    """Runs where the `jsonschema` library is installed; the small validator of these tests judges in any case."""
    jsonschema = pytest.importorskip("jsonschema")
    for folder in RULE_FOLDERS:
        for schema in _schemas(folder).values():
            jsonschema.Draft7Validator.check_schema(schema)
        for path, document in documents(folder).items():
            validator = jsonschema.Draft7Validator(_schema(folder, path))
            assert list(validator.iter_errors(as_an_editor_reads(document))) == []
