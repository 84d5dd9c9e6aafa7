"""An action of tier `must` shows again however it was answered, so a rest after an answer says nothing of it."""

from engine.actions import Tier
from engine.compiler.checks.subject import Subject
from engine.compiler.parse import Mapping
from engine.compiler.problem_list import Problems
from engine.errors import Code


def check_must_rests(subject: Subject, problems: Problems) -> None:
    """Warn of rests that never bind."""
    for action, rules in zip(subject.actions, subject.action_rules, strict=True):
        form = subject.forms.get(rules.head.span)
        contact = form.node_at("contact") if form is not None and action.tier is Tier.MUST else None
        for entry in contact.entries if isinstance(contact, Mapping) else ():
            if entry.key.text in ("after_decline", "after_accept"):
                message = (
                    f"`{entry.key.text}` never binds `{action.id}`: what is of tier `must` shows whatever was said"
                )
                hint = "leave it out, or make the action a `service`"
                problems.warning(entry.key.span, message, hint, code=Code.WITHOUT_EFFECT)
