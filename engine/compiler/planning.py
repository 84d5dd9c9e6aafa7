"""Builds the plan from rules that passed every check: slots, generated code, and tables by position."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from engine.actions import Treatment
from engine.channels import Channel
from engine.clock import Clock
from engine.compiler.context import ReadContext
from engine.compiler.emit import days_read, windows_read
from engine.compiler.formula import ReadFormula
from engine.compiler.function import Program
from engine.compiler.generate import generate, generate_filter
from engine.compiler.lapsing import lapses_of
from engine.compiler.placed import NEVER, at_placement
from engine.compiler.rules import OBJECTION, ReadRules, Rules, moments_of
from engine.compiler.slots import SlotTable
from engine.compiler.trace import ConditionTracer
from engine.compiler.vocabulary import Names
from engine.errors import Diagnostic
from engine.events import EventFilter, EventLayout
from engine.facts import FactSpec, FactType, ProfileSchema
from engine.ids import FactName, PlacementId
from engine.plan import Calculated, Catalogue, Lever, Plan, Ranking
from engine.running import Running, RunningFacts
from engine.syntax import ALWAYS, Condition, facts_read


def plan_of(read: ReadRules, bundle_hash: str, warnings: tuple[Diagnostic, ...]) -> Plan:
    """The plan of rules in which no problem was found."""
    rules, context, names, schema = read.rules, read.context, read.names, read.schema
    catalogue, bank = context.catalogue, context.bank
    running = {
        name: _with_filter(each.running, each.where, catalogue)
        for name, each in catalogue.calculated.items()
        if each.running is not None
    }
    event_layout = EventLayout(
        tuple(_event_filter(text, names) for text in sorted(names.filters)), tuple(running.values())
    )
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
        values={at: read.values for at, read in enumerate(rules.actions) if read.action.value_minor is None},
        terms={at: read.terms for at, read in enumerate(rules.actions) if read.action.terms_vary},
        treatment_conditions=treatment_conditions,
        moments=moments,
        channel_count=len(context.channels),
        ranking=rules.arbitration.ranking,
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
        running=_running(bank.zone, [catalogue.facts[name] for name in running], event_layout, table),
        lapses=lapses_of(rules.needs, catalogue.calculated, event_layout),
        layout=layout,
        clock=Clock(bank.zone, table.windows, table.days),
        channels=context.channels,
        channel_by_id={channel.id: channel for channel in context.channels},
        moments=moments,
        actions=tuple(read.action for read in rules.actions),
        tiers=tuple(int(read.action.tier) for read in rules.actions),
        holds_terms=any(read.action.terms_hold_s for read in rules.actions),
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
        experiments=rules.experiments,
        experiments_by_channel=tuple(
            tuple(at for at, each in enumerate(rules.experiments) if each.channel in (None, channel.position))
            for channel in context.channels
        ),
        ranking=_ranking(rules.arbitration.ranking),
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


def _ranking(formula: ReadFormula | None) -> Ranking | None:
    if formula is None:
        return None
    return Ranking(text=formula.text, facts=tuple(each.name for each in formula.facts), span=formula.span)


def _running(zone: ZoneInfo, specs: Sequence[FactSpec], layout: EventLayout, table: SlotTable) -> RunningFacts | None:
    if not specs:
        return None
    return RunningFacts(
        zone,
        layout.running,
        specs,
        [table.slot_by_fact[spec.name] for spec in specs],
        width=layout.width,
        own_offset=layout.own_offset + len(layout.filters),
    )


def _with_filter(running: Running, where: Condition | None, catalogue: Catalogue) -> Running:
    if where is None:
        return running
    return replace(running, matches=generate_filter(where, catalogue.events[running.event].fields))


def _event_filter(text: str, names: Names) -> EventFilter:
    kept = names.filters[text]
    fields = names.events[kept.event].fields
    matches = generate_filter(kept.condition, fields) if kept.condition is not None else None
    return EventFilter(event=kept.event, text=text, depth=kept.depth, matches=matches)


def _slot_table(rules: Rules, context: ReadContext, schema: ProfileSchema, event_layout: EventLayout) -> SlotTable:
    catalogue = context.catalogue
    consent = [FactName(f"consent.{purpose}") for purpose in catalogue.purposes]
    read_by_guards = _with_operands(
        catalogue.calculated,
        (fact.spec.name for guard in rules.guards for fact in facts_read(guard.condition) if fact.member is None),
    )
    own_copies = {*schema.position_by_name, *consent, OBJECTION, *catalogue.calculated}
    guarded = [name for name in read_by_guards if name in own_copies]
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
    windows = [window for condition in conditions for window in windows_read(condition)]
    windows += [(-1, need.lasts) for need in rules.needs if need.lasts is not None]
    table.fix(windows, [bound for condition in conditions for bound in days_read(condition)])
    return table


def _with_operands(calculated: Mapping[FactName, Calculated], names: Iterable[FactName]) -> dict[FactName, None]:
    """The names with everything that they are calculated from, each once."""
    found: dict[FactName, None] = {}
    for name in names:
        found[name] = None
        if name in calculated:
            found.update(_with_operands(calculated, calculated[name].operands))
    return found


def _treatments(
    rules: Rules, context: ReadContext
) -> tuple[tuple[Mapping[PlacementId, tuple[tuple[Treatment, ...], ...]], ...], list[Condition]]:
    conditions: list[Condition] = []
    by_place: dict[tuple[int, PlacementId, int], list[Treatment]] = {}
    for read in rules.actions:
        for each in read.treatments:
            for placement in each.placements:
                condition, treatment = at_placement(each.condition, placement), each.treatment
                if condition == NEVER:
                    continue
                if condition != ALWAYS:
                    conditions.append(condition)
                    treatment = replace(treatment, condition=len(conditions) - 1)
                by_place.setdefault((each.channel, placement, read.action.position), []).append(treatment)
    count = range(len(rules.actions))
    return tuple(
        {
            place: tuple(tuple(by_place.get((channel.position, place, at), ())) for at in count)
            for place in channel.placements
        }
        for channel in context.channels
    ), conditions


def _always_fitting(
    rules: Rules, channel: Channel, treatments: Mapping[PlacementId, tuple[tuple[Treatment, ...], ...]]
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
