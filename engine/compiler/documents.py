"""Where each kind of rule file stands, and the parsed documents of a folder of them."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from engine.compiler.parse import MAX_BYTES, ParseError, parse
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.problem_list import Problems, suggestion
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

_DECLARES: Final = re.compile(rb"^(action|group|theme|trigger):[ ]*([a-z][a-z0-9_]{0,63})[ \r]*$", re.MULTILINE)
_NEEDS: Final = re.compile(rb"\bneed:[ ]*([a-z][a-z0-9_]{0,63})")


def parse_all(files: Mapping[str, bytes], root: str, problems: Problems) -> dict[str, MappingNode]:
    """The documents of all files that can be read and have a place; the others are reported."""
    documents = {}
    for name in sorted(files):
        path = f"{root}/{name}" if root else name
        if not _has_a_place(name):
            problems.error(Span(path), "no kind of rule file stands here", _place_for(name), code=Code.MISPLACED_FILE)
            continue
        try:
            documents[name] = parse(path, files[name])
        except ParseError as error:
            problems.refuse(error.diagnostics)
            if error.root is None:
                problems.leave_unread(name, _declared(files[name]))
            else:
                documents[name] = error.root
    for name in REQUIRED:
        if name not in files:
            span = Span(f"{root}/{name}" if root else name)
            problems.error(span, "the file is missing", code=Code.MISSING_FILE)
    return documents


def _has_a_place(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    return name in REQUIRED or name in _OPTIONAL or (folder.split("/")[0] in KINDS and file.endswith(".yaml"))


def _place_for(name: str) -> str:
    stem, _, ending = name.rpartition(".")
    if ending.lower() in ("yml", "yaml") and _has_a_place(f"{stem}.yaml"):
        return f"call it `{stem.rpartition('/')[2]}.yaml`"
    return suggestion(name, (*REQUIRED, *_OPTIONAL)) or f"rule files stand in {', '.join(KINDS)} and policy"


def _declared(content: bytes) -> Iterator[str]:
    """The names that a file which cannot be read seems to declare: it is enough to tell what is wrong with it."""
    start = content[:MAX_BYTES]
    yield from (match[2].decode() for match in islice(_DECLARES.finditer(start), 100))
    yield from (f"needs.{match[1].decode()}" for match in islice(_NEEDS.finditer(start), 100))
