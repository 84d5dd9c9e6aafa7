"""Reads all documents of a bundle into rules, each file in the light of what others declare."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from engine.channels import Channel
from engine.compiler.action_files import ReadAction, read_action
from engine.compiler.amounts import AmountTable
from engine.compiler.bank_file import read_bank
from engine.compiler.boxes.axes import world_of
from engine.compiler.boxes.search import Search
from engine.compiler.catalogue import read_catalogue
from engine.compiler.channel_files import read_channels
from engine.compiler.checks.subject import Subject
from engine.compiler.conditions import ConditionReader
from engine.compiler.context import ReadContext
from engine.compiler.documents import KINDS
from engine.compiler.experiment_files import read_experiments, with_arms
from engine.compiler.form import Form
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import Node
from engine.compiler.policy_files import (
    Arbitration,
    read_arbitration,
    read_contact,
    read_guards,
)
from engine.compiler.problem_list import Problems
from engine.compiler.slots import CHANNEL, CLOCK_FACTS, MOMENT, member_facts
from engine.compiler.theme_files import NeedPart, joined_needs, need_names, read_theme
from engine.compiler.trigger_files import read_trigger
from engine.compiler.versions import apart, joined
from engine.compiler.vocabulary import Names
from engine.contact_rules import ContactRules
from engine.errors import Span
from engine.facts import FactSpec, FactType, Held, ProfileSchema
from engine.ids import FactName, MomentId
from engine.need_events import need_events
from engine.plan import Catalogue, Experiment, Guard, Need, Theme, Trigger
from engine.syntax import Condition, FactRef, atoms

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
OBJECTION: Final = FactName("consent.profiling_objection")


def read_rules(documents: Mapping[str, MappingNode], problems: Problems, root: str) -> "ReadRules":
    """Read all documents, given by their path below the rules folder; `root` is how problems call that folder."""
    return _RuleReader(documents, problems, root).read()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRules:
    """Everything that the rule files say, resolved."""

    context: ReadContext
    names: Names
    schema: ProfileSchema
    rules: "Rules"
    personas: Mapping[str, Node]
    """The customers that rule tests start from, by name, still unread."""


class _RuleReader:
    """The steps from documents to rules; each reads what the ones before found."""

    def __init__(self, documents: Mapping[str, MappingNode], problems: Problems, root: str) -> None:
        self._documents = documents
        self._problems = problems
        self._root = root

    def read(self) -> "ReadRules":
        """All rules; what is wrong with them is among the problems."""
        bank = read_bank(self._form("bank.yaml"))
        catalogue, schema = read_catalogue(self._form("catalogue.yaml"), bank)
        names_of_needs = need_names(self._forms("thematic", Problems()))
        catalogue = replace(catalogue, events={**catalogue.events, **need_events(names_of_needs)})
        group_by_action = self._group_by_action()
        channels = read_channels(
            self._form("channels.yaml"), bank, lambda: frozenset(group_by_action.values()), catalogue.facts
        )
        facts = _facts(catalogue, schema, channels, names_of_needs)
        names = Names(facts=facts, events=catalogue.events)
        context = ReadContext(
            problems=self._problems,
            bank=bank,
            catalogue=catalogue,
            channels=channels,
            facts=facts,
            conditions=ConditionReader(names, self._problems),
            position_by_action={name: at for at, name in enumerate(group_by_action)},
            group_by_action=group_by_action,
        )
        rules = self._rules(context)
        return ReadRules(context=context, names=names, schema=schema, rules=rules, personas=self._personas())

    def _form(self, name: str) -> Form:
        path = f"{self._root}/{name}" if self._root else name
        return Form(self._documents.get(name), self._problems, name, Span(path))

    def _forms(self, folder: str, problems: Problems) -> list[Form]:
        kind = KINDS[folder]
        return [
            Form(document, problems, f"a {kind} file" if kind != "action" else "an action file")
            for name, document in self._documents.items()
            if name.startswith(f"{folder}/")
        ]

    def _personas(self) -> Mapping[str, Node]:
        form = self._form("personas.yaml")
        found = {key.text: node for key, node in form.entries("personas")}
        form.finish()
        return found

    def _group_by_action(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for form in self._forms("actions", Problems()):
            found.setdefault(form.text("action"), form.text("group"))
        return found

    def _apart(self, folder: str) -> list[Form]:
        return apart(self._forms(folder, self._problems), KINDS[folder], self._problems)

    def _actions(self, context: ReadContext) -> list[ReadAction]:
        files: dict[str, list[ReadAction]] = {name: [] for name in context.position_by_action}
        for form in self._apart("actions"):
            name = form.text("action")
            files[name].append(read_action(form, context.position_by_action[name], context))
        return [joined(reads, self._problems) for reads in files.values()]

    def _rules(self, context: ReadContext) -> "Rules":
        actions = self._actions(context)
        themes: list[Theme] = []
        parts: list[NeedPart] = []
        for form in self._apart("thematic"):
            theme, declared = read_theme(form, context)
            themes.append(theme)
            parts += declared
        triggers = [read_trigger(form, context) for form in self._apart("customized")]
        journeys = _journeys(themes)
        guards_form = self._form("policy/guards.yaml")
        guards, guard_defaults = read_guards(guards_form, context, actions)
        experiments = read_experiments(self._form("policy/experiments.yaml"), context)
        return Rules(
            actions=with_arms(actions, experiments, context),
            themes=themes,
            needs=joined_needs(parts, context),
            triggers=triggers,
            guards=guards,
            guards_span=guards_form.span,
            guard_defaults=guard_defaults,
            contact=read_contact(
                self._form("policy/contact.yaml"), context, actions, journeys, _accepts_count_s(themes)
            ),
            arbitration=read_arbitration(self._form("policy/arbitration.yaml"), context, journeys),
            experiments=tuple(each.experiment for each in experiments),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All rules, read and checked one by one."""

    actions: Sequence[ReadAction]
    themes: Sequence[Theme]
    needs: tuple[Need, ...]
    triggers: Sequence[Trigger]
    guards: tuple[Guard, ...]
    guards_span: Span
    guard_defaults: Mapping[FactName, Held]
    contact: ContactRules
    arbitration: Arbitration
    experiments: tuple[Experiment, ...]

    def conditions(self) -> Iterator[Condition]:
        """Every condition of every rule."""
        yield from self.stated()
        yield from (guard.condition for guard in self.guards)
        yield from (trigger.suppression for trigger in self.triggers if trigger.suppression is not None)

    def stated(self) -> Iterator[Condition]:
        """The conditions of actions, themes, needs and triggers, as their files state them."""
        for read in self.actions:
            yield from _stated_of(read)
        yield from (theme.condition for theme in self.themes)
        yield from (need.condition for need in self.needs)
        yield from (trigger.condition for trigger in self.triggers)

    def by_rule(self) -> Iterator[tuple[str, Span, Iterable[Condition]]]:
        """What each rule is called, where it stands, and its conditions; needs apart from their themes."""
        for read in self.actions:
            yield read.rules.head.rule, read.rules.head.span, _stated_of(read)
        for theme in self.themes:
            yield theme.head.rule, theme.head.span, [theme.condition]
        for need in self.needs:
            yield need.name, need.span, [need.condition]
        for trigger in self.triggers:
            also = [trigger.suppression] if trigger.suppression is not None else []
            yield trigger.head.rule, trigger.head.span, [trigger.condition, *also]
        for guard in self.guards:
            yield guard.head.rule, guard.head.span, [guard.condition]

    def subject(self, context: ReadContext) -> Subject:
        """What the checks look at."""
        unsound = context.problems.files_with_errors
        world = world_of(
            self.conditions(),
            context.channels,
            [need for need in self.needs if not _files_of(need) & unsound],
            context.catalogue.calculated,
            self.guard_defaults,
        )
        others = [(read.action, each) for read in self.actions for each in read.rules.others]
        return Subject(
            catalogue=context.catalogue,
            channels=context.channels,
            facts=context.facts,
            actions=(*(read.action for read in self.actions), *(action for action, _ in others)),
            action_rules=(*(read.rules for read in self.actions), *(rules for _, rules in others)),
            themes=tuple(self.themes),
            triggers=tuple(self.triggers),
            values=dict(enumerate((*(read.values[0] for read in self.actions), *self._further_values()))),
            treatments=(*(read.treatments for read in self.actions), *(() for _ in others)),
            guards=self.guards,
            guards_span=self.guards_span,
            needs=self.needs,
            levers=self.arbitration.levers,
            search=Search(world),
            unsound=unsound,
            forms=context.forms,
        )

    def _further_values(self) -> Iterator[AmountTable]:
        for read in self.actions:
            yield from read.values[1:]


def _stated_of(read: ReadAction) -> Iterator[Condition]:
    yield from (condition for version in read.rules.versions for condition, _ in version.stages)
    tables = (*read.values, *(table for each in read.terms for _, table in each.terms))
    yield from (condition for table in tables for condition, _ in table.rows)
    yield from (each.condition for each in read.treatments)


def _files_of(need: Need) -> set[str]:
    """The files that declare a need, perhaps several."""
    return {need.span.path, *(atom.span.path for atom in atoms(need.condition))}


def _facts(
    catalogue: Catalogue, schema: ProfileSchema, channels: Sequence[Channel], needs: Mapping[str, FactName]
) -> dict[str, FactRef]:
    own = {spec.name: spec for spec in schema.columns if spec.name not in catalogue.facts}
    specs = [
        *catalogue.facts.values(),
        *own.values(),
        *catalogue.context.values(),
        *(FactSpec(name=FactName(f"consent.{each}"), type=FactType.BOOLEAN) for each in catalogue.purposes),
        FactSpec(name=OBJECTION, type=FactType.BOOLEAN),
        *(FactSpec(name=name, type=FactType.BOOLEAN, private=True) for name in needs.values()),
        FactSpec(name=CHANNEL, type=FactType.CATEGORY, values=tuple(channel.id for channel in channels)),
        FactSpec(name=MOMENT, type=FactType.CATEGORY, values=moments_of(channels)),
        FactSpec(name=CLOCK_FACTS[0], type=FactType.INTEGER, low=0, high=23),
        FactSpec(name=CLOCK_FACTS[1], type=FactType.CATEGORY, values=WEEKDAYS),
        FactSpec(name=CLOCK_FACTS[2], type=FactType.INTEGER, low=1, high=31),
    ]
    members = member_facts({name: spec for name, spec in own.items() if spec.type is FactType.SET})
    return {**{str(spec.name): FactRef(spec.name, spec) for spec in specs}, **members}


def moments_of(channels: Iterable[Channel]) -> tuple[MomentId, ...]:
    """Every moment of some channel, in file order, once."""
    return tuple(dict.fromkeys(moment for channel in channels for moment in channel.initiated_by_bank))


def _journeys(themes: Sequence[Theme]) -> dict[str, tuple[int, ...]]:
    """The steps of each theme; a theme of several files has the steps of all of them."""
    journeys: dict[str, tuple[int, ...]] = {}
    for theme in themes:
        name = theme.head.rule.partition("/")[2]
        journeys[name] = tuple(dict.fromkeys((*journeys.get(name, ()), *theme.journey)))
    return journeys


def _accepts_count_s(themes: Sequence[Theme]) -> int:
    lengths = [theme.accept_counts.longest_days for theme in themes if theme.accept_counts is not None]
    return 86_400 * max(lengths, default=0)
