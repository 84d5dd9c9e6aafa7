"""Sees that the compiled modules of a source tree are those of its sources; `python -m api.compiled` notes them.

An interpreter takes a compiled module whatever its source says by now, so what runs would not be what is read. An
installed package has no sources to edit: there is nothing to see.
"""

import json
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
_PACKAGES: Final = ("engine", "models", "api")
_NOTED: Final = Path("build", "compiled.json")


class ModulesOutOfDate(Exception):
    """Sources have changed since they were compiled; one sentence says which."""


def see_that_modules_are_up_to_date(root: Path = ROOT) -> None:
    """Look at every compiled module of a source tree.

    Raises:
        ModulesOutOfDate: a source is not the one that was compiled.
    """
    changed = [str(each.relative_to(root)) for each in _changed(root)] if (root / "setup.py").is_file() else []
    if changed:
        more = f" and {len(changed) - 1} more have" if len(changed) > 1 else " has"
        raise ModulesOutOfDate(f"{changed[0]}{more} changed since the hot path was compiled; run `make setup`")


def note(root: Path = ROOT) -> None:
    """Remember the sources of what has just been compiled: a file that was only touched is no other."""
    noted = {str(each.relative_to(root)): _hash(each) for each, _ in _compiled(root)}
    (root / _NOTED).write_text(json.dumps(noted), encoding="utf-8")


def _compiled(root: Path) -> Iterator[tuple[Path, Path]]:
    """Sources with the modules that were compiled of them."""
    for package in _PACKAGES:
        for module in sorted((root / package).glob("**/*.so")):
            source = module.with_name(f"{module.name.partition('.')[0]}.py")
            if source.is_file():
                yield source, module


def _changed(root: Path) -> Iterator[Path]:
    noted: dict[str, str] | None = None
    for source, module in _compiled(root):
        if source.stat().st_mtime > module.stat().st_mtime:
            noted = _read_note(root) if noted is None else noted
            if noted.get(str(source.relative_to(root))) != _hash(source):
                yield source


def _read_note(root: Path) -> dict[str, str]:
    try:
        found = json.loads((root / _NOTED).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _hash(source: Path) -> str:
    return sha256(source.read_bytes()).hexdigest()


if __name__ == "__main__":
    note(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
