"""What checks look at: every rule, read and resolved, before it becomes a plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.actions import Action
from engine.channels import Channel
from engine.compiler.action_files import ReadTreatment
from engine.compiler.amounts import AmountTable
from engine.compiler.boxes.search import LIMIT, Goal, Search, TooManyBoxes
from engine.compiler.form import Form
from engine.compiler.parse import Scalar
from engine.compiler.problem_list import Problems
from engine.errors import Code, Span
from engine.plan import ActionRules, Catalogue, Guard, Lever, Need, RuleHead, Theme, Trigger
from engine.syntax import FactRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """All rules of a bundle."""

    catalogue: Catalogue
    channels: tuple[Channel, ...]
    facts: Mapping[str, FactRef]
    actions: tuple[Action, ...]
    """By position; then once more for every further file of one of them."""
    action_rules: tuple[ActionRules, ...]
    """What each of these files says."""
    values: Mapping[int, AmountTable]
    treatments: tuple[tuple[ReadTreatment, ...], ...]
    """By position, in the order of the files; each with the days on which it may show."""
    themes: tuple[Theme, ...]
    triggers: tuple[Trigger, ...]
    guards: tuple[Guard, ...]
    guards_span: Span
    needs: tuple[Need, ...]
    levers: tuple[Lever, ...]
    search: Search
    """Looks for customers whom conditions match."""
    unsound: frozenset[str]
    """Files with errors: what could not be read of them reads as true, so nothing can be concluded from them."""
    forms: Mapping[Span, Form]
    """What was read of the files of actions and themes, by the place of their heads."""

    def place(self, head: RuleHead, key: str) -> Span:
        """Where a key's value stands in a rule's file; the rule's own place where it is absent."""
        form = self.forms.get(head.span)
        return head.span if form is None else form.span_of(key)

    def words(self, head: RuleHead, key: str) -> tuple[Scalar, ...]:
        """The words of a list in a rule's file."""
        form = self.forms.get(head.span)
        return () if form is None else form.words(key)


def is_nobody(subject: Subject, problems: Problems, span: Span, looked_for: str, goals: Sequence[Goal]) -> bool:
    """Whether no customer meets all goals; False, and a warning, where they have too many cases to be looked at."""
    try:
        return subject.search.nobody(goals)
    except TooManyBoxes:
        message = f"not checked for {looked_for}: the conditions have more than {LIMIT:,} cases"
        problems.warning(span, message, "write fewer alternatives", code=Code.NOT_CHECKED)
        return False
