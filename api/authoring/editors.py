"""How editors are told which schema is for which file."""

import os
from pathlib import Path

from api.authoring.json_schema import schema_file
from engine.compiler.grammar import FILES


def settings(rules: Path, schemas: Path) -> dict[str, object]:
    """What connects the schemas with the rule files in Visual Studio Code, paths relative to the workspace."""
    return {
        "yaml.schemas": {_here(schemas / schema_file(where)): _posix(rules / where) for where in FILES},
        "yaml.format.enable": False,
    }


def modeline(rules: Path, schemas: Path, where: str = "actions/*.yaml") -> str:
    """The first line that names the schema of a file, relative to where the file stands."""
    schema = os.path.relpath(schemas / schema_file(where), (rules / where).parent)
    return f"# yaml-language-server: $schema={_posix(Path(schema))}"


def _here(path: Path) -> str:
    """A path that an editor cannot take for an address."""
    return _posix(path) if path.is_absolute() else f"./{_posix(path)}"


def _posix(path: Path) -> str:
    return path.as_posix()
