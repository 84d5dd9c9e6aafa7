"""What the inference of needs can be trusted with: blocks that hold in a few ways at once, and no need that waits for
the report of another."""

from engine.compiler.checks.subject import Subject
from engine.compiler.need_program import blocks_of
from engine.compiler.need_rules import MOST_WAYS, Fields, true, ways
from engine.compiler.problem_list import Problems
from engine.need_events import NEED_EVENTS
from engine.syntax import LastAgo, Seen, SeenSince, atoms


def check_need_blocks(subject: Subject, problems: Problems) -> None:
    """Refuse needs and themes that durable-rules could not infer, or that could call for each other for ever."""
    fields = Fields(needs=frozenset(need.name for need in subject.needs))
    conditions = [(f"the need `{need.name}`", need.span, block) for need in subject.needs for block in blocks_of(need)]
    conditions += [(f"the theme `{each.head.rule}`", each.head.span, each.condition) for each in subject.themes]
    for whose, span, condition in conditions:
        place = next((atom.span for atom in atoms(condition)), span)
        if (found := ways(true(condition, fields))) > MOST_WAYS:
            message = f"{whose} can hold in {found:,} ways at once; at most {MOST_WAYS} are inferred"
            problems.error(place, message, "give one of its `any` lists a need of its own, and ask for that need")
    for need in subject.needs:
        for atom in atoms(need.condition):
            names = {atom.event} if isinstance(atom, Seen | LastAgo) else set()
            names = {atom.event, atom.anchor} if isinstance(atom, SeenSince) else names
            for name in sorted(names & NEED_EVENTS):
                message = f"the need `{need.name}` cannot depend on `{name}`, which reports needs"
                problems.error(atom.span, message, "ask for the other need itself")
