"""The reference page of the rule language, made of the grammar, the constructs and a bank that uses every key.

`make docs` writes it: `python -m api.authoring.reference docs/reference/bank docs/reference/rules.md`.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from api.adapters.bundle_files import read_rules
from api.authoring.constructs import GROUPS, Construct
from api.authoring.kind_words import words_of
from api.authoring.walk import HISTORY, mappings, shape_of_file
from engine.compiler.grammar import FILES, SHAPES
from engine.compiler.grammar.kinds import ByName, Choice, Either, Key, Kind, Listed, Part, Parts, Shape
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import Node, Scalar, Sequence, parse

_TITLES: Final[Mapping[str, str]] = {
    "bank.yaml": "The bank",
    "catalogue.yaml": "The catalogue",
    "channels.yaml": "Channels",
    "personas.yaml": "Personas",
    "actions/*.yaml": "Actions",
    "thematic/*.yaml": "Themes",
    "customized/*.yaml": "Triggers",
    "policy/guards.yaml": "Guards",
    "policy/contact.yaml": "Contact policy",
    "policy/arbitration.yaml": "Arbitration",
    "policy/experiments.yaml": "Experiments",
}
_MOST_EXAMPLES: Final = 3
_MANY: Final = 8
"""Keys that are not told twice."""
_INTRO: Final = """\
# The rule language

This page is made of the compiler's own grammar by `make docs`; nothing on it is written by hand. Every excerpt comes
from the rule files in [`bank/`](bank), which use every key there is, compile without a warning and pass their tests.

Rule files are YAML 1.2 without anchors, tags, aliases and duplicate keys. `nextbest check` reports every problem at
once, `nextbest test` runs the `tests` of the files, `nextbest schema` gives an editor what it needs to complete and
explain them.
"""


def reference_page(bank: Path) -> str:
    """The page as Markdown, with excerpts of the rule files in a folder."""
    return "\n".join(_Page(read_rules(bank)).lines()).rstrip() + "\n"


class _Page:
    """The page over one folder of rule files."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._lines_of = {path: content.decode().split("\n") for path, content in files.items()}
        self._found: dict[str, list[tuple[str, MappingNode]]] = {}
        for path, content in files.items():
            shape = shape_of_file(path)
            if shape is not None:
                for each, node in mappings(parse(path, content), shape):
                    self._found.setdefault(each.name, []).append((path, node))
        self._told: dict[str, None] = {}

    def lines(self) -> Iterator[str]:
        """The page, line by line."""
        yield _INTRO
        yield from self._contents()
        yield from self._conditions()
        for where, shape in FILES.items():
            yield f"## {_TITLES[where]}: `{where}`"
            yield ""
            yield from self._shape(SHAPES[shape], heading="")
        yield "## Tests in rule files"
        yield ""
        yield from self._shape(SHAPES["a test"], heading="")

    @staticmethod
    def _contents() -> Iterator[str]:
        yield "| file | what it says |"
        yield "| --- | --- |"
        for where, shape in FILES.items():
            yield f"| [`{where}`](#{_anchor(f'{_TITLES[where]}: {where}')}) | {SHAPES[shape].doc} |"
        yield ""

    def _conditions(self) -> Iterator[str]:
        yield "## Conditions"
        yield ""
        yield (
            "A block is a mapping of facts to cells; all of its lines must hold. What admits or promotes needs it to "
            "be true, what excludes (a guard, a suppression, `unless`) excludes unless it is false: what is unknown "
            "never admits. The examples are judged on Monday 5 January 2026 at noon at the cash machine; `{}` is a "
            "customer of whom nothing is known, an event such as `quote_requested -30d` happened 30 days ago."
        )
        yield ""
        for group in GROUPS:
            yield f"### {group.title}"
            yield ""
            yield group.text
            yield ""
            yield "| written | means | true for | false for | unknown for |"
            yield "| --- | --- | --- | --- | --- |"
            yield from (_row(construct) for construct in group.constructs)
            yield ""
            if group.title == "History":
                yield from self._shape(SHAPES[HISTORY], heading="")

    def _shape(self, shape: Shape, heading: str) -> Iterator[str]:
        """A shape with its keys and an example, then the shapes inside it that were not told before."""
        self._told[shape.name] = None
        if heading:
            yield heading
            yield ""
        yield shape.doc
        yield ""
        like = self._like(shape)
        known = set(like.keys) if like is not None else set()
        if set(shape.keys) - known:
            yield "| key | value | meaning |"
            yield "| --- | --- | --- |"
            yield from (_key_row(key) for key in (*shape.keys, *shape.usual) if key not in known)
            yield ""
        if like is not None:
            told_before = "And the keys" if set(shape.keys) - known else "The keys"
            yield f"{told_before} of {like.name}, above."
            yield ""
        if shape.open:
            yield f"Other keys: {shape.open}"
            yield ""
        yield from _together(shape)
        yield from self._examples(shape)
        for name in _inner(shape):
            if name not in self._told and name not in ("a test", HISTORY):
                yield from self._shape(SHAPES[name], heading=f"### {_capital(name)}")

    def _like(self, shape: Shape) -> Shape | None:
        """A shape told before, all of whose many keys this one has as well."""
        told = (SHAPES[name] for name in self._told if name != shape.name)
        return next((each for each in told if len(each.keys) > _MANY and set(each.keys) <= set(shape.keys)), None)

    def _examples(self, shape: Shape) -> Iterator[str]:
        """The fewest mappings that together have every key of the shape, as they stand in the files."""
        wanted = {key.name for key in shape.keys}
        for _ in range(_MOST_EXAMPLES):
            found = self._found.get(shape.name, [])
            best = max(found, key=lambda each: len(wanted & _keys(each[1])), default=None)
            if best is None or not wanted & _keys(best[1]):
                return
            wanted -= _keys(best[1])
            path, node = best
            yield f"```yaml\n# {path}"
            yield from self._excerpt(path, node)
            yield "```"
            yield ""

    def _excerpt(self, path: str, node: MappingNode) -> Iterator[str]:
        first, last = node.span.line, _last_line(node)
        lines = self._lines_of[path][first - 1 : last]
        indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
        yield from (line[indent:].rstrip() for line in lines)


def _row(construct: Construct) -> str:
    cells = (construct.true, construct.false, construct.unknown)
    shown = " | ".join("" if each == "-" else f"`{each}`" for each in cells)
    return f"| `{construct.written}` | {construct.means} | {shown} |".replace("  ", " ")


def _key_row(key: Key) -> str:
    needed = " (needed)" if key.required else ""
    words = words_of(key.kind)
    value = words.partition("; ")[0] if key.required and isinstance(key.kind, Choice) else words
    return f"| `{key.name}`{needed} | {value} | {key.doc} |"


def _together(shape: Shape) -> Iterator[str]:
    if shape.exactly_one:
        yield f"Exactly one of {_listed(shape.exactly_one)} is needed."
        yield ""
    if shape.at_least_one:
        yield f"At least one of {_listed(shape.at_least_one)} is needed."
        yield ""
    if shape.variants:
        yield "Keys that go together:"
        yield ""
        for variant in shape.variants:
            may = f", and perhaps {_listed(variant.may)}" if variant.may else ""
            yield f"- {_listed(variant.needs)}{may}"
        yield ""


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _inner(shape: Shape) -> Iterator[str]:
    for key in shape.keys:
        yield from _parts(key.kind)


def _parts(kind: Kind) -> Iterator[str]:
    match kind:
        case Part(shape) | Parts(shape):
            yield shape
        case Listed(of):
            yield from _parts(of)
        case Either(kinds):
            for each in kinds:
                yield from _parts(each)
        case ByName(_, value):
            yield from _parts(value)
        case _:
            return


def _keys(node: MappingNode) -> set[str]:
    return {entry.key.text for entry in node.entries}


def _last_line(node: Node) -> int:
    match node:
        case Scalar(span=span):
            return span.line
        case Sequence(items=items, span=span):
            return max([span.line, *map(_last_line, items)])
        case MappingNode(entries=entries, span=span):
            return max([span.line, *(_last_line(entry.value) for entry in entries)])


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _anchor(heading: str) -> str:
    return "".join(each for each in heading.lower().replace(" ", "-") if each.isalnum() or each in "-_")


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(reference_page(Path(sys.argv[1])), encoding="utf-8")
