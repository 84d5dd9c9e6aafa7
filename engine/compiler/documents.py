"""Where each kind of rule file stands, and the parsed documents of a folder of them."""

from collections.abc import Mapping
from typing import Final

from engine.compiler.form import Problems
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import ParseError, parse
from engine.errors import Code, Span

KINDS: Final = {"actions": "action", "thematic": "theme", "customized": "trigger"}
REQUIRED: Final = ("bank.yaml", "catalogue.yaml", "channels.yaml")
_OPTIONAL: Final = (
    "personas.yaml",
    "policy/guards.yaml",
    "policy/contact.yaml",
    "policy/arbitration.yaml",
    "policy/experiments.yaml",
)


def parse_all(files: Mapping[str, bytes], root: str, problems: Problems) -> dict[str, MappingNode]:
    """The documents of all files that can be read and have a place; the others are reported."""
    documents = {}
    for name in sorted(files):
        path = f"{root}/{name}" if root else name
        if not _has_a_place(name):
            hint = f"rule files stand in {', '.join(KINDS)} and policy"
            problems.error(Span(path), "no kind of rule file stands here", hint, code=Code.MISPLACED_FILE)
            continue
        try:
            documents[name] = parse(path, files[name])
        except ParseError as error:
            problems.add(error.diagnostic)
    for name in REQUIRED:
        if name not in files:
            span = Span(f"{root}/{name}" if root else name)
            problems.error(span, "the file is missing", code=Code.MISSING_FILE)
    return documents


def _has_a_place(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    return name in REQUIRED or name in _OPTIONAL or (folder.split("/")[0] in KINDS and file.endswith(".yaml"))
