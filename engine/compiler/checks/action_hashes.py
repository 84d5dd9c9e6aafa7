"""Contact histories name actions by 32 bits: two actions that share them could not be told apart."""

from engine.compiler.checks.subject import Subject
from engine.compiler.problem_list import Problems
from engine.errors import Code


def check_action_hashes(subject: Subject, problems: Problems) -> None:
    """Refuse two actions with one hash, `formerly` included."""
    first_by_hash: dict[int, str] = {}
    for action, rules in zip(subject.actions, subject.action_rules, strict=True):
        first = first_by_hash.setdefault(action.hash, action.id)
        if first != action.id:
            message = f"`{action.id}` and `{first}` have the same place in contact histories"
            problems.error(rules.head.span, message, "rename one of them, or correct `formerly`", code=Code.DUPLICATE)
