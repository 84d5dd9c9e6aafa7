"""An action that shows only when promoted needs somebody who promotes it."""

from engine.compiler.checks.subject import Subject
from engine.compiler.problem_list import Problems
from engine.errors import Code


def check_promotions(subject: Subject, problems: Problems) -> None:
    """Refuse actions that can never be a candidate because no theme or trigger names them."""
    promoted = {at for theme in subject.themes for at in theme.journey}
    promoted |= {at for trigger in subject.triggers for at, _ in trigger.promotes}
    for action, rules in zip(subject.actions, subject.action_rules, strict=True):
        if action.only_when_promoted and action.position not in promoted:
            message = f"`{action.id}` shows only when promoted, and no theme or trigger promotes it"
            problems.error(
                subject.place(rules.head, "show"),
                message,
                "it can never be a candidate: promote it, or write `show: always`",
                code=Code.NEVER_CANDIDATE,
            )
