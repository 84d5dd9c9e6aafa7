"""What must hold between the bundle that serves and the one that is to follow it: versions rise, histories go on.

Contacts name an action by the hash of its first id and a channel by its place in `channels.yaml`; decisions and reports
name a rule by id and version. A bundle that breaks one of these would be read wrongly beside what is stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.compiler.documents import KINDS
from engine.compiler.parse import Entry, Node, ParseError, Scalar, parse
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import Sequence as SequenceNode
from engine.compiler.problem_list import Problems
from engine.errors import Code, Diagnostic, Span

CHANNELS: Final = "channels.yaml"
_POLICY: Final = "policy/"
_BESIDE: Final = frozenset({"version", "tests"})
"""Keys that may change while the version stays: tests say what a rule does, and change nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """One rule with an id: a file, or an entry of a policy file."""

    kind: str
    id: str
    id_span: Span
    file: str
    version: int
    version_span: Span
    versioned: bool
    content: object
    formerly: str | None
    formerly_span: Span


def check_succession(
    serving: Mapping[str, bytes], following: Mapping[str, bytes], root: str = "rules"
) -> tuple[Diagnostic, ...]:
    """What keeps a bundle's files from following those that serve, and what may be an oversight; in file order.

    Both are files that compile; `root` is how diagnostics call the folder of the following ones.
    """
    problems = Problems()
    before = [rule for name in _changed(serving, following) for rule in _rules(name, serving[name], "")]
    after = [rule for name in _changed(following, serving) for rule in _rules(name, following[name], root)]
    _check_versions(before, after, problems)
    _check_histories(before, after, problems)
    if serving.get(CHANNELS) != following.get(CHANNELS):
        _check_channels(_channels(serving, ""), _channels(following, root), problems)
    return problems.sorted()


def _changed(files: Mapping[str, bytes], others: Mapping[str, bytes]) -> list[str]:
    """The files of which the others have no identical one."""
    return sorted(name for name, content in files.items() if others.get(name) != content and _has_rules(name))


def _has_rules(name: str) -> bool:
    return name.startswith(_POLICY) or name.split("/", 1)[0] in KINDS


def _rules(name: str, content: bytes, root: str) -> Iterator[_Rule]:
    try:
        document = parse(f"{root}/{name}" if root else name, content)
    except ParseError:
        return
    if not name.startswith(_POLICY):
        yield from _rule(document, name, KINDS[name.split("/", 1)[0]])
        return
    for entry in document.entries:
        if isinstance(entry.value, SequenceNode):
            for item in entry.value.items:
                if isinstance(item, MappingNode) and item.entries:
                    yield from _rule(item, name, item.entries[0].key.text)


def _rule(node: MappingNode, file: str, kind: str) -> Iterator[_Rule]:
    named, version, formerly = (_scalar(node, key) for key in (kind, "version", "formerly"))
    if named is None:
        return
    yield _Rule(
        kind=kind,
        id=named.text,
        id_span=named.span,
        file=file,
        version=int(version.text) if version is not None and version.text.isdigit() else 1,
        version_span=named.span if version is None else version.span,
        versioned=version is not None or file.split("/", 1)[0] in KINDS,
        content=sorted((entry.key.text, _plain(entry.value)) for entry in node.entries if _counts(entry)),
        formerly=None if formerly is None else formerly.text,
        formerly_span=named.span if formerly is None else formerly.span,
    )


def _counts(entry: Entry) -> bool:
    return entry.key.text not in _BESIDE


def _scalar(node: MappingNode, key: str) -> Scalar | None:
    found = node.get(key)
    return found if isinstance(found, Scalar) and not found.is_null else None


def _plain(node: Node) -> str:
    """A node without its places and comments."""
    match node:
        case Scalar():
            return repr((node.text, node.quoted))
        case SequenceNode():
            return f"[{', '.join(map(_plain, node.items))}]"
        case MappingNode():
            return f"{{{', '.join(f'{entry.key.text!r}: {_plain(entry.value)}' for entry in node.entries)}}}"


def _check_versions(before: Sequence[_Rule], after: Sequence[_Rule], problems: Problems) -> None:
    """Whose content changed, its version rises: else two answers would name one version and mean two rules."""
    for rule in after:
        was = _counterpart(rule, before)
        if was is None or not (rule.versioned or was.versioned) or rule.content == was.content:
            continue
        if rule.version <= was.version:
            serving = f"version {was.version} of the {rule.kind} `{rule.id}` serves with other content"
            problems.error(rule.version_span, serving, f"write `version: {was.version + 1}`", code=Code.STALE_VERSION)


def _counterpart(rule: _Rule, before: Sequence[_Rule]) -> _Rule | None:
    """What the rule was: the same id in the same file, else anywhere, else what it was called formerly."""
    alike = [each for each in before if each.kind == rule.kind and each.id == rule.id]
    renamed = [each for each in before if each.kind == rule.kind and rule.formerly in {each.id, each.formerly} - {None}]
    return next((each for each in alike if each.file == rule.file), next(iter(alike or renamed), None))


def _check_histories(before: Sequence[_Rule], after: Sequence[_Rule], problems: Problems) -> None:
    """An action's contacts stand under the id that it had first; whatever it is called later has to lead there."""
    first_ids = {each.id: each.formerly or each.id for each in before if each.kind == "action"}
    actions = [each for each in after if each.kind == "action"]
    going_on = {each.formerly or each.id for each in actions}
    for action in actions:
        leads_to = action.formerly or action.id
        first = first_ids.get(action.id)
        if first is not None and first != leads_to:
            problems.error(
                action.formerly_span,
                f"the contacts of `{action.id}` stand under `{first}` and would be forgotten",
                f"keep `formerly: {first}`" if first != action.id else "leave `formerly` out",
                code=Code.BROKEN_HISTORY,
            )
        elif first is None and action.formerly is not None and first_ids.get(action.formerly, leads_to) != leads_to:
            problems.error(
                action.formerly_span,
                f"`{action.formerly}` was renamed before: its contacts stand under `{first_ids[action.formerly]}`",
                f"write `formerly: {first_ids[action.formerly]}`",
                code=Code.BROKEN_HISTORY,
            )
        elif first is None:
            gone = next((each for each in before if _gave_way(each, action, actions, going_on)), None)
            if gone is not None:
                problems.warning(
                    action.id_span,
                    f"`{action.id}` takes the place of `{gone.id}`, and its caps and cooling-off begin anew",
                    f"if it is the same action under another name, write `formerly: {gone.formerly or gone.id}`",
                    code=Code.BROKEN_HISTORY,
                )


def _gave_way(was: _Rule, action: _Rule, actions: Sequence[_Rule], going_on: set[str]) -> bool:
    """Whether an action is gone from the very file in which a new one stands."""
    lives_on = (was.formerly or was.id) in going_on or any(each.id == was.id for each in actions)
    return was.kind == "action" and was.file == action.file and not lives_on


def _channels(files: Mapping[str, bytes], root: str) -> tuple[list[Scalar], Span]:
    path = f"{root}/{CHANNELS}" if root else CHANNELS
    try:
        node = parse(path, files[CHANNELS]).get("channels")
    except (ParseError, KeyError):
        node = None
    if not isinstance(node, MappingNode):
        return [], Span(path)
    return [entry.key for entry in node.entries], node.span


def _check_channels(before: tuple[list[Scalar], Span], after: tuple[list[Scalar], Span], problems: Problems) -> None:
    names = [each.text for each in before[0]]
    kept = f"keep {', '.join(names)} in this order, and add new channels after them"
    for at, name in enumerate(names):
        if at >= len(after[0]):
            problems.error(
                after[1],
                f"the channel `{name}` is gone, and stored contacts name it by its place",
                kept,
                code=Code.BROKEN_HISTORY,
            )
            return
        if after[0][at].text != name:
            message = f"`{after[0][at].text}` stands where `{name}` stood, and stored contacts name channels by place"
            problems.error(after[0][at].span, message, kept, code=Code.BROKEN_HISTORY)
            return
