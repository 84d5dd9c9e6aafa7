"""The matrix of routes and roles, as the guide shows it: `python -m api.access.matrix docs/guides/access.md`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from api.access.callers import DECIDES
from api.access.required import Door, declared
from api.access.roles import Role
from api.main import create_app
from api.routes.decisions import PATH
from api.settings import Settings

BEGIN: Final = "<!-- matrix -->\n"
END: Final = "<!-- /matrix -->"


def doors() -> tuple[Door, ...]:
    """Every route there is, those of a demonstration included."""
    hot = Door(path=PATH, methods=("POST",), served=frozenset(DECIDES), unless="")
    return (*declared(create_app(Settings(demonstration=True)).routes), hot)


def as_table(shown: Sequence[Door]) -> str:
    """The matrix in Markdown, by path."""
    lines = ["| route | who |", "| --- | --- |"]
    for door in sorted(shown, key=lambda each: (each.path, each.methods)):
        who = "everybody" if door.served is None else ", ".join(role for role in Role if role in door.served)
        methods = "/".join(method for method in door.methods if method != "HEAD")
        lines.append(f"| `{methods} {door.path}` | {who}{f'; or {door.unless}' if door.unless else ''} |")
    return "\n".join(lines) + "\n"


def with_table(guide: str) -> str:
    """A guide with its matrix as it is now."""
    before, _, rest = guide.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{as_table(doors())}{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
