"""Writes drawn trees as rule files, and remembers at which line and column each part stands."""

import json
import re
from typing import Final

from tests.reference.natural import Path, Tree

Places = dict[Path, tuple[int, int]]
"""Line and column of each part, counted from 1."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]+( [A-Za-z0-9_*+.-]+)*")


def write(tree: dict[str, Tree]) -> tuple[str, Places]:
    """A rule file with one line for each of its top-level keys."""
    places: Places = {(): (1, 1)}
    lines = []
    for number, (key, value) in enumerate(tree.items(), start=1):
        line = _Line(number, places)
        line.add(f"{key}: ")
        line.flow(value, (key,))
        lines.append(line.text + "\n")
    return "".join(lines), places


def lines(tree: dict[str, Tree]) -> str:
    """The file alone."""
    return write(tree)[0]


class _Line:
    """One line of flow YAML being written."""

    def __init__(self, number: int, places: Places) -> None:
        self.text = ""
        self._number = number
        self._places = places

    def add(self, text: str) -> None:
        self.text += text

    def flow(self, tree: Tree, path: Path) -> None:
        """A tree; what a plain scalar cannot hold is quoted."""
        self._places[path] = self._number, len(self.text) + 1
        match tree:
            case dict():
                self.add("{")
                for at, (key, value) in enumerate(tree.items()):
                    self.add(f"{', ' if at else ''}{key}: ")
                    self.flow(value, (*path, key))
                self.add("}")
            case list():
                self.add("[")
                for at, value in enumerate(tree):
                    self.add(", " if at else "")
                    self.flow(value, (*path, at))
                self.add("]")
            case _:
                self.add(str(tree) if _PLAIN.fullmatch(str(tree)) else json.dumps(str(tree)))
