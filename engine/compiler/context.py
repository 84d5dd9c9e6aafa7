"""What every reader of a rule file shares: the names known so far, the head of a file, and what was collected."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.channels import Channel
from engine.compiler.bank_file import Bank
from engine.compiler.conditions import ConditionReader
from engine.compiler.form import Form
from engine.compiler.parse import Node
from engine.compiler.problem_list import Problems
from engine.errors import Span
from engine.facts import Held
from engine.ids import FactName, RuleId
from engine.plan import ALWAYS_VALID, Catalogue, RuleHead, Validity
from engine.syntax import FactRef


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSource:
    """The `tests:` block of one rule file, still unread."""

    head: RuleHead
    node: Node
    actions: frozenset[int]
    """The actions that the file names: the candidates of its tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadContext:
    """What the readers of rule files look things up in."""

    problems: Problems
    bank: Bank
    catalogue: Catalogue
    channels: tuple[Channel, ...]
    facts: Mapping[str, FactRef]
    conditions: ConditionReader
    position_by_action: Mapping[str, int]
    group_by_action: Mapping[str, str]
    tests: list[TestSource] = field(default_factory=list)
    forms: dict[Span, Form] = field(default_factory=dict)
    """What was read of rule files, by the place of their heads: checks find the places of single keys there."""

    def actions_of_groups(self, groups: tuple[str, ...]) -> tuple[int, ...]:
        """Positions of the actions of some groups."""
        return tuple(self.position_by_action[name] for name, group in self.group_by_action.items() if group in groups)

    def known_actions(self, form: Form, key: str) -> tuple[int, ...]:
        """Positions of the actions listed under a key."""
        names = form.known_words(key, "action", self.position_by_action)
        return tuple(self.position_by_action[name] for name in names)

    def named_actions(self, form: Form) -> tuple[int, ...]:
        """Positions of the actions named by `actions` and `groups` together, ascending."""
        groups = form.known_words("groups", "group", self.groups)
        return tuple(sorted({*self.known_actions(form, "actions"), *self.actions_of_groups(groups)}))

    def known_channels(self, form: Form) -> frozenset[int]:
        """Positions of the channels listed under `channels`; all of them where none is."""
        position_by_id: Mapping[str, int] = {channel.id: channel.position for channel in self.channels}
        names = form.known_words("channels", "channel", position_by_id)
        return frozenset(position_by_id[name] for name in names) or frozenset(position_by_id.values())

    @property
    def groups(self) -> frozenset[str]:
        """The groups that actions belong to."""
        return frozenset(self.group_by_action.values())

    def read_tests(self, form: Form, head: RuleHead, actions: frozenset[int]) -> None:
        """Keep a file's tests for whoever runs them."""
        node = form.node_at("tests")
        if node is not None:
            self.tests.append(TestSource(head=head, node=node, actions=actions))


def read_head(form: Form, kind: str, name: str) -> RuleHead:
    """Title, owner, version and validity of a rule; what it was called `formerly` matters to actions alone."""
    form.text("formerly")
    return RuleHead(
        rule=RuleId(f"{kind}/{name}"),
        title=form.text("title", name),
        owner=form.text("owner"),
        version=form.integer("version") or 1,
        validity=read_validity(form),
        span=form.span,
    )


def read_validity(form: Form) -> Validity:
    """The `valid: {from, to}` of a form, both inclusive."""
    if not form.has("valid"):
        return ALWAYS_VALID
    window = form.form("valid", "`valid`")
    first, last = window.day("from"), window.day("to")
    window.finish()
    if first is not None and last is not None and first > last:
        form.problems.error(window.span, "the validity ends before it begins")
    return Validity(
        first_day=first.toordinal() if first else ALWAYS_VALID.first_day,
        last_day=last.toordinal() if last else ALWAYS_VALID.last_day,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardDefaults:
    """What guards take for facts without a value."""

    values: Mapping[FactName, Held]
    spans: Mapping[FactName, Span]
