"""What a bundle looks back on that the serving one does not keep: it is unknown until somebody fills it in."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from engine.compiler.bundle import Bundle, compile_bundle
from engine.compiler.problem_list import Problems
from engine.errors import Code, Diagnostic, RuleErrors, Span
from engine.events import EventLayout
from engine.syntax import LastAgo, Seen, SeenSince, atoms

_LOOKS_BACK: Final = re.compile(rb"seen|ever|last|since|count|total|trend")
"""Words without which no file looks back on anything."""
_HINT: Final = "`nextbest rebuild` fills in what the event streams hold, `nextbest load events` what files know"


def check_new_history(
    serving: Mapping[str, bytes], following: Mapping[str, bytes], bundle: Bundle
) -> tuple[Diagnostic, ...]:
    """A warning for everything that a bundle begins to ask of histories; `following` are its files."""
    changed = [content for name, content in following.items() if serving.get(name) != content]
    if not any(_LOOKS_BACK.search(content) for content in changed):
        return ()
    try:
        kept = compile_bundle(serving).plan.event_layout
    except RuleErrors:
        return ()
    problems = Problems()
    for text, span in _new(bundle, kept):
        message = f"`{text}` was not kept until now: what happened before these rules serve is unknown"
        problems.warning(span, message, _HINT, code=Code.NEW_HISTORY)
    return problems.sorted()


def _new(bundle: Bundle, kept: EventLayout) -> Iterator[tuple[str, Span]]:
    """What is new, each once, with the first place that asks for it."""
    depths = {each.text: each.depth for each in kept.filters}
    layout = bundle.plan.event_layout
    wanted = {each.text for each in layout.filters if each.depth > depths.get(each.text, 0)}
    conditions = (*bundle.conditions, *(guard.condition for guard in bundle.plan.guards))
    for atom in (atom for condition in conditions for atom in atoms(condition)):
        for text in _filters(atom) if isinstance(atom, Seen | LastAgo | SeenSince) else ():
            if text in wanted:
                wanted.remove(text)
                yield text, atom.span
    facts = {each.text for each in kept.running}
    for name, calculated in bundle.plan.catalogue.calculated.items():
        if calculated.running is not None and calculated.running.text not in facts and calculated.span is not None:
            yield name, calculated.span


def _filters(atom: Seen | LastAgo | SeenSince) -> tuple[str, ...]:
    return (atom.filter, atom.anchor_filter) if isinstance(atom, SeenSince) else (atom.filter,)
