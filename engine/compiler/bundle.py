"""Compiles rule files into a bundle: reads them all, reports every problem at once, and only then builds the plan."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from engine.actions import Treatment
from engine.compiler.action_files import ReadAction, read_action
from engine.compiler.catalogue import CatalogueReader, read_bank, read_channels
from engine.compiler.checks import CHECKS
from engine.compiler.checks.subject import Subject
from engine.compiler.conditions import ConditionReader, Names
from engine.compiler.context import ReadContext, TestSource
from engine.compiler.emit import days_read, windows_read
from engine.compiler.form import Form, Problems
from engine.compiler.generate import Program, generate, generate_filter
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import Node, ParseError, parse
from engine.compiler.policy_files import (
    Arbitration,
    read_arbitration,
    read_contact,
    read_guards,
    refuse_experiments,
)
from engine.compiler.slots import CHANNEL, CLOCK_FACTS, MOMENT, SlotTable, member_facts
from engine.compiler.theme_files import NeedPart, joined_needs, need_names, read_theme
from engine.compiler.trace import ConditionTracer
from engine.compiler.trigger_files import read_trigger
from engine.errors import Diagnostic, RuleErrors, Severity, Span
from engine.events import EventFilter, EventLayout
from engine.facts import GROUPS, HOLDS, SEGMENTS, FactSpec, FactType, Held, ProfileSchema
from engine.ids import FactName, MomentId, PlacementId
from engine.plan import Catalogue, Channel, Clock, ContactRules, Guard, Lever, Need, Plan, Theme, Trigger
from engine.syntax import ALWAYS, Condition, Duration, FactRef, facts_read

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
OBJECTION: Final = FactName("consent.profiling_objection")
_KINDS: Final = {"actions": "action", "thematic": "theme", "customized": "trigger"}
_REQUIRED: Final = ("bank.yaml", "catalogue.yaml", "channels.yaml")
_OPTIONAL: Final = (
    "personas.yaml",
    "policy/guards.yaml",
    "policy/contact.yaml",
    "policy/arbitration.yaml",
    "policy/experiments.yaml",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Rule files that passed every check, as one immutable thing with one hash."""

    plan: Plan
    tests: tuple[TestSource, ...]
    """The tests that the rule files carry."""
    personas: Mapping[str, Node]
    """The customers that those tests start from, by name, still unread."""

    @property
    def hash(self) -> str:
        """`sha256:` over the names and bytes of all rule files."""
        return self.plan.hash


def compile_bundle(files: Mapping[str, bytes], *, root: str = "rules") -> Bundle:
    """Compile rule files, given by their path below the rules folder; `root` is how diagnostics call that folder.

    Raises:
        RuleErrors: with every error and warning found, in file order.
    """
    problems = Problems()
    documents = _parse_all(files, root, problems)
    _fail_on_errors(problems, only_if=not all(name in documents for name in _REQUIRED))
    bundle = _Build(documents, problems, root).bundle(hash_of(files))
    _fail_on_errors(problems)
    assert bundle is not None
    return bundle


def hash_of(files: Mapping[str, bytes]) -> str:
    """`sha256:` over names and contents, independent of order."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    return f"sha256:{digest.hexdigest()}"


def _fail_on_errors(problems: Problems, *, only_if: bool = True) -> None:
    found = problems.sorted()
    if only_if and any(each.severity is Severity.ERROR for each in found):
        raise RuleErrors(found)


def _parse_all(files: Mapping[str, bytes], root: str, problems: Problems) -> dict[str, MappingNode]:
    documents = {}
    for name in sorted(files):
        path = f"{root}/{name}" if root else name
        if not _has_a_place(name):
            problems.error(
                Span(path), "no kind of rule file stands here", f"rule files stand in {', '.join(_KINDS)} and policy"
            )
            continue
        try:
            documents[name] = parse(path, files[name])
        except ParseError as error:
            problems.add(error.diagnostic)
    for name in _REQUIRED:
        if name not in files:
            problems.error(Span(f"{root}/{name}" if root else name), "the file is missing")
    return documents


def _has_a_place(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    return name in _REQUIRED or name in _OPTIONAL or (folder.split("/")[0] in _KINDS and file.endswith(".yaml"))


class _Build:
    """The steps from documents to a plan; each reads what the ones before found."""

    def __init__(self, documents: Mapping[str, MappingNode], problems: Problems, root: str) -> None:
        self._documents = documents
        self._problems = problems
        self._root = root

    def bundle(self, bundle_hash: str) -> Bundle | None:
        """The bundle, or None where problems keep it from being built."""
        bank = read_bank(self._form("bank.yaml"))
        reader = CatalogueReader(self._form("catalogue.yaml"), bank)
        catalogue, schema = reader.read()
        names_of_needs = need_names(self._forms("thematic", Problems()))
        group_by_action = self._group_by_action()
        channels = read_channels(self._form("channels.yaml"), bank, lambda: frozenset(group_by_action.values()))
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
        rules = self._rules(context, reader)
        for check in CHECKS:
            check(rules.subject(context), self._problems)
        if any(each.severity is Severity.ERROR for each in self._problems.sorted()):
            return None
        return Bundle(
            plan=_plan(rules, context, names, schema, bundle_hash, self._problems.sorted()),
            tests=tuple(context.tests),
            personas=self._personas(),
        )

    def _form(self, name: str) -> Form:
        path = f"{self._root}/{name}" if self._root else name
        return Form(self._documents.get(name), self._problems, name, Span(path))

    def _forms(self, folder: str, problems: Problems) -> list[Form]:
        kind = _KINDS[folder]
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
            name = form.text("action")
            if name in found:
                self._problems.error(form.key_span("action"), f"the action `{name}` is declared twice")
            found[name] = form.text("group")
        return found

    def _unique(self, folder: str, seen: set[str]) -> Iterator[Form]:
        kind = _KINDS[folder]
        for form in self._forms(folder, self._problems):
            name = form.text(kind)
            if name in seen:
                if kind != "action":
                    self._problems.error(form.key_span(kind), f"the {kind} `{name}` is declared twice")
                continue
            seen.add(name)
            yield form

    def _rules(self, context: ReadContext, reader: CatalogueReader) -> "_Rules":
        actions = [read_action(form, at, context) for at, form in enumerate(self._unique("actions", set()))]
        themes: list[Theme] = []
        parts: list[NeedPart] = []
        for form in self._unique("thematic", set()):
            theme, declared = read_theme(form, context)
            themes.append(theme)
            parts += declared
        triggers = [read_trigger(form, context) for form in self._unique("customized", set())]
        journeys = {theme.head.rule.partition("/")[2]: theme.journey for theme in themes}
        guards, guard_defaults = read_guards(self._form("policy/guards.yaml"), context, reader, actions)
        refuse_experiments(self._form("policy/experiments.yaml"), context)
        return _Rules(
            actions=actions,
            themes=themes,
            needs=joined_needs(parts, context),
            triggers=triggers,
            guards=guards,
            guard_defaults=guard_defaults,
            contact=read_contact(
                self._form("policy/contact.yaml"), context, actions, journeys, _accepts_count_s(themes)
            ),
            arbitration=read_arbitration(self._form("policy/arbitration.yaml"), context, journeys),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """All rules, read and checked one by one."""

    actions: Sequence[ReadAction]
    themes: Sequence[Theme]
    needs: tuple[Need, ...]
    triggers: Sequence[Trigger]
    guards: tuple[Guard, ...]
    guard_defaults: Mapping[FactName, Held]
    contact: ContactRules
    arbitration: Arbitration

    def conditions(self) -> Iterator[Condition]:
        """Every condition of every rule."""
        for read in self.actions:
            yield from (condition for condition, _ in read.rules.stages)
            yield from (condition for condition, _ in (read.value.rows if read.value is not None else ()))
            yield from (each.condition for each in read.treatments)
        yield from (theme.condition for theme in self.themes)
        yield from (need.condition for need in self.needs)
        yield from (guard.condition for guard in self.guards)
        for trigger in self.triggers:
            yield trigger.condition
            if trigger.suppression is not None:
                yield trigger.suppression

    def subject(self, context: ReadContext) -> Subject:
        """What the checks look at."""
        return Subject(
            catalogue=context.catalogue,
            channels=context.channels,
            actions=tuple(read.action for read in self.actions),
            action_rules=tuple(read.rules for read in self.actions),
            themes=tuple(self.themes),
            triggers=tuple(self.triggers),
            guards=self.guards,
            needs=self.needs,
        )


def _facts(
    catalogue: Catalogue, schema: ProfileSchema, channels: Sequence[Channel], needs: Mapping[str, FactName]
) -> dict[str, FactRef]:
    sets = {spec.name: spec for spec in schema.columns if spec.type is FactType.SET}
    specs = [
        *catalogue.facts.values(),
        *sets.values(),
        *catalogue.context.values(),
        *(FactSpec(name=FactName(f"consent.{each}"), type=FactType.BOOLEAN) for each in catalogue.purposes),
        FactSpec(name=OBJECTION, type=FactType.BOOLEAN),
        *(FactSpec(name=name, type=FactType.BOOLEAN) for name in needs.values()),
        FactSpec(name=CHANNEL, type=FactType.CATEGORY, values=tuple(channel.id for channel in channels)),
        FactSpec(name=MOMENT, type=FactType.CATEGORY, values=moments_of(channels)),
        FactSpec(name=CLOCK_FACTS[0], type=FactType.INTEGER, low=0, high=23),
        FactSpec(name=CLOCK_FACTS[1], type=FactType.CATEGORY, values=WEEKDAYS),
        FactSpec(name=CLOCK_FACTS[2], type=FactType.INTEGER, low=1, high=31),
    ]
    members = {name: ref for name, ref in member_facts(sets).items() if name.split(".")[0] in (HOLDS, GROUPS, SEGMENTS)}
    return {**{str(spec.name): FactRef(spec.name, spec) for spec in specs}, **members}


def moments_of(channels: Iterable[Channel]) -> tuple[MomentId, ...]:
    """Every moment of some channel, in file order, once."""
    return tuple(dict.fromkeys(moment for channel in channels for moment in channel.initiated_by_bank))


# --- the plan --------------------------------------------------------------------------------------------------------


def _plan(
    rules: _Rules,
    context: ReadContext,
    names: Names,
    schema: ProfileSchema,
    bundle_hash: str,
    warnings: tuple[Diagnostic, ...],
) -> Plan:
    catalogue, bank = context.catalogue, context.bank
    event_layout = EventLayout(tuple(_event_filter(text, names) for text in sorted(names.filters)))
    table = _slot_table(rules, context, schema, event_layout)
    treatments, treatment_conditions = _treatments(rules, context)
    moments = moments_of(context.channels)
    program = Program(
        table=table,
        profile=schema.columns,
        guard_defaults=rules.guard_defaults,
        calculated=[(catalogue.facts[name], catalogue.calculated[name]) for name in catalogue.calculated],
        needs=rules.needs,
        guards=rules.guards,
        triggers=rules.triggers,
        themes=rules.themes,
        actions=[read.rules for read in rules.actions],
        values={at: read.value for at, read in enumerate(rules.actions) if read.value is not None},
        treatment_conditions=treatment_conditions,
        moments=moments,
        channel_count=len(context.channels),
    )
    source, generated = generate(program)
    layout = table.layout()
    context_slots = tuple((spec.name, spec.missing) for spec in table.context)
    return Plan(
        hash=bundle_hash,
        bank=bank.id,
        bank_name=bank.name,
        currency=bank.currency,
        minor_digits=bank.minor_digits,
        zone=bank.zone,
        locale=bank.locale,
        catalogue=catalogue,
        fact_specs={ref.name: ref.spec for ref in context.facts.values() if ref.member is None},
        profile_schema=schema,
        event_layout=event_layout,
        layout=layout,
        clock=Clock(bank.zone, table.windows, table.days),
        channels=context.channels,
        channel_by_id={channel.id: channel for channel in context.channels},
        moments=moments,
        actions=tuple(read.action for read in rules.actions),
        tiers=tuple(int(read.action.tier) for read in rules.actions),
        only_when_promoted=frozenset(at for at, read in enumerate(rules.actions) if read.action.only_when_promoted),
        action_rules=tuple(read.rules for read in rules.actions),
        position_by_action={read.action.id: at for at, read in enumerate(rules.actions)},
        position_by_hash={read.action.hash: at for at, read in enumerate(rules.actions)},
        guards=rules.guards,
        needs=rules.needs,
        themes=tuple(rules.themes),
        triggers=tuple(rules.triggers),
        contact=rules.contact,
        levers=rules.arbitration.levers,
        levers_by_action=_levers_by_action(rules.arbitration.levers, len(context.channels), len(rules.actions)),
        exploration_bound=rules.arbitration.exploration_bound,
        worth_it_tiers=rules.arbitration.worth_it_tiers,
        treatments=treatments,
        always_fitting=tuple(
            _always_fitting(rules, channel, treatments[channel.position]) for channel in context.channels
        ),
        generated=generated,
        tracer=ConditionTracer(table),
        never_with=_mutual({read.action.position: read.never_with for read in rules.actions}),
        nobody=tuple(schema.empty()),
        no_consent=(None,) * len(table.consent),
        context_slots=context_slots,
        no_context=tuple(missing for _, missing in context_slots),
        no_derived=(None,) * (layout.width - layout.derived_offset),
        source=source,
        warnings=warnings,
    )


def _event_filter(text: str, names: Names) -> EventFilter:
    kept = names.filters[text]
    fields = names.events[kept.event].fields
    matches = generate_filter(kept.condition, fields) if kept.condition is not None else None
    return EventFilter(event=kept.event, text=text, depth=kept.depth, matches=matches)


def _slot_table(rules: _Rules, context: ReadContext, schema: ProfileSchema, event_layout: EventLayout) -> SlotTable:
    catalogue = context.catalogue
    consent = [FactName(f"consent.{purpose}") for purpose in catalogue.purposes]
    read_by_guards = {
        fact.spec.name: None for guard in rules.guards for fact in facts_read(guard.condition) if fact.member is None
    }
    guarded = [
        name for name in read_by_guards if name in schema.position_by_name or name in consent or name == OBJECTION
    ]
    table = SlotTable(
        profile=schema,
        event_layout=event_layout,
        consent=tuple(FactSpec(name=name, type=FactType.BOOLEAN) for name in (*consent, OBJECTION)),
        context=tuple(catalogue.context.values()),
        calculated=tuple(catalogue.calculated),
        needs=tuple(need.name for need in rules.needs),
        guarded=tuple(guarded),
    )
    conditions = list(rules.conditions())
    windows: list[Duration] = [window for condition in conditions for window in windows_read(condition)]
    windows += [need.lasts for need in rules.needs if need.lasts is not None]
    table.fix(windows, [bound for condition in conditions for bound in days_read(condition)])
    return table


def _treatments(
    rules: _Rules, context: ReadContext
) -> tuple[tuple[Mapping[PlacementId, tuple[tuple[Treatment, ...], ...]], ...], list[Condition]]:
    conditions: list[Condition] = []
    by_place: dict[tuple[int, PlacementId, int], list[Treatment]] = {}
    for read in rules.actions:
        for each in read.treatments:
            treatment = each.treatment
            if each.condition != ALWAYS:
                conditions.append(each.condition)
                treatment = replace(treatment, condition=len(conditions) - 1)
            for placement in each.placements:
                by_place.setdefault((each.channel, placement, read.action.position), []).append(treatment)
    count = range(len(rules.actions))
    return tuple(
        {
            place: tuple(tuple(by_place.get((channel.position, place, at), ())) for at in count)
            for place in channel.placements
        }
        for channel in context.channels
    ), conditions


def _accepts_count_s(themes: Sequence[Theme]) -> int:
    lengths = [theme.accept_counts.longest_days for theme in themes if theme.accept_counts is not None]
    return 86_400 * max(lengths, default=0)


def _always_fitting(
    rules: _Rules, channel: Channel, treatments: Mapping[PlacementId, tuple[tuple[Treatment, ...], ...]]
) -> dict[PlacementId, dict[int, Treatment]]:
    return {
        place: {
            at: found[0]
            for at, found in enumerate(treatments[place])
            if found
            and found[0].plain
            and (not placement.accepts or rules.actions[at].action.group in placement.accepts)
        }
        for place, placement in channel.placements.items()
    }


def _levers_by_action(
    levers: Sequence[Lever], channel_count: int, action_count: int
) -> tuple[tuple[tuple[int, ...], ...], ...]:
    return tuple(
        tuple(
            tuple(at for at, lever in enumerate(levers) if channel in lever.channels and action in lever.actions)
            for action in range(action_count)
        )
        for channel in range(channel_count)
    )


def _mutual(never_with: Mapping[int, tuple[int, ...]]) -> dict[int, frozenset[int]]:
    pairs = {(a, b) for a, others in never_with.items() for b in others}
    both = pairs | {(b, a) for a, b in pairs}
    return {a: frozenset(b for x, b in both if x == a) for a in {a for a, _ in both}}
