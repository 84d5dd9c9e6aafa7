"""Makes the uses of a mapping for a rule bundle, and checks that every name and step fits the catalogue."""

from collections.abc import Collection, Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from glob import escape
from pathlib import Path

from api.loading.contact_use import ContactUse
from api.loading.event_use import EventUse
from api.loading.mapping import Aggregate, Cell, Events, Mapping, Summary, Table
from api.loading.mapping_file import MappingErrors
from api.loading.target import Target
from api.loading.uses import ConsentUse, Field, FieldsUse, Use, aggregate_use, identity_use, product_use
from api.loading.wanted import Wanted, want_columns
from engine.compiler.problem_list import Problems
from engine.errors import Span
from engine.facts import GROUPS, HOLDS, NUMERIC, ORDERED, RELATIONS, SEGMENTS, FactSpec, FactType
from engine.ids import EventName, FactName

_YES_OR_NO = ("true", "false", "1", "0")
_SETS = frozenset({HOLDS, GROUPS, SEGMENTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """Everything that a mapping's rows are read for."""

    customers: FieldsUse
    """Stages attributes, segments and groups under their own names."""
    aggregates: Map[FactName, tuple[FieldsUse, Aggregate]]
    products: tuple[FieldsUse, ...]
    identities: tuple[tuple[FieldsUse, str], ...]
    """With the scheme."""
    events: tuple[EventUse, ...]
    consents: tuple[ConsentUse, ...]
    contacts: tuple[ContactUse, ...]

    def __iter__(self) -> Iterator[Use]:
        yield self.customers
        yield from (use for use, _ in self.aggregates.values())
        yield from self.products
        yield from (use for use, _ in self.identities)
        yield from self.events
        yield from self.consents
        yield from self.contacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A mapping that fits its rule bundle and its files."""

    mapping: Mapping
    uses: Uses
    wanted: Wanted


def bind(mapping: Mapping, folder: Path, target: Target) -> Bound:
    """Check everything that can be checked before rows are read.

    Raises:
        MappingErrors: with every problem: unknown names, columns that a file does not have, steps that do not fit.
        SourceError: a file is missing, empty or cannot be read at all.
    """
    problems = Problems()
    uses = _uses(mapping, target, problems)
    wanted = want_columns(mapping, _with_spans(mapping, uses), folder, problems)
    found = problems.sorted()
    if found:
        raise MappingErrors(found)
    return Bound(mapping=mapping, uses=uses, wanted=wanted)


def bind_events(mapping: Mapping, folder: Path, target: Target) -> Bound:
    """As `bind`, of the events alone and the tables that they need.

    Raises:
        MappingErrors: as in `bind`, or there are no events in the mapping.
        SourceError: a file is missing, empty or cannot be read at all.
    """
    problems = Problems()
    if not mapping.events:
        problems.error(mapping.customers.span, "the mapping has no `events`, so there is nothing to load")
    tables = _with_joined(mapping.tables, {events.table for events in mapping.events})
    alone = replace(mapping, tables=tables, products=(), identities=(), consents=(), contacts=())
    nothing = FieldsUse(name="customers", table="", where={}, fields=())
    events = tuple(_events(f"events {at}", line, target, problems) for at, line in enumerate(mapping.events))
    wanted = want_columns(alone, zip(events, (line.span for line in mapping.events), strict=True), folder, problems)
    found = problems.sorted()
    if found:
        raise MappingErrors(found)
    uses = Uses(customers=nothing, aggregates={}, products=(), identities=(), events=events, consents=(), contacts=())
    return Bound(mapping=alone, uses=uses, wanted=wanted)


def for_file(mapping: Mapping, name: str) -> Mapping | None:
    """The mapping with this one file for its events: in place of the files that match its name, or of the only table.

    None: the mapping has events in several tables, and none of them is called like it.
    """
    tables = {events.table: mapping.tables[events.table] for events in mapping.events if events.table in mapping.tables}
    called = [table for table in tables.values() if fnmatch(name, table.file)] or list(tables.values())
    if len(called) != 1:
        return None
    table = replace(called[0], file=escape(name))
    lines = tuple(events for events in mapping.events if events.table == table.name)
    return replace(mapping, tables={**mapping.tables, table.name: table}, events=lines)


def _with_joined(tables: Map[str, Table], names: Collection[str]) -> dict[str, Table]:
    """Tables of these names, and those that they join."""
    wanted = {name for name in names if name in tables}
    wanted |= {join.table for name in wanted for join in tables[name].joins if join.table in tables}
    return {name: table for name, table in tables.items() if name in wanted}


def _with_spans(mapping: Mapping, uses: Uses) -> Iterator[tuple[Use, Span]]:
    """Each use with the place in the mapping that asks for it."""
    aggregates = [made.span for _, made in uses.aggregates.values()]
    lines = (mapping.products, mapping.identities, mapping.events, mapping.consents, mapping.contacts)
    spans = [mapping.customers.span, *aggregates, *(line.span for kind in lines for line in kind)]
    yield from zip(uses, spans, strict=True)


def _uses(mapping: Mapping, target: Target, problems: Problems) -> Uses:
    specs = {spec.name: spec for spec in target.schema.columns}
    attributes = _attributes(mapping, specs, problems)
    _check_purposes(mapping, target, problems)
    for products in mapping.products:
        _check_values(products.product, "product", specs[HOLDS].values, problems)
    return Uses(
        customers=_customers(mapping, attributes, specs, problems),
        aggregates={
            name: (_aggregate(made, specs[name], problems), made)
            for name, made in attributes.items()
            if isinstance(made, Aggregate)
        },
        products=tuple(
            product_use(f"products {at}", products, specs[HOLDS]) for at, products in enumerate(mapping.products)
        ),
        identities=tuple(
            (identity_use(f"identities {at}", identities), identities.scheme)
            for at, identities in enumerate(mapping.identities)
        ),
        events=tuple(_events(f"events {at}", events, target, problems) for at, events in enumerate(mapping.events)),
        consents=tuple(
            ConsentUse(name=f"consent {at}", consent=consent, channels=target.channels)
            for at, consent in enumerate(mapping.consents)
        ),
        contacts=tuple(
            ContactUse(name=f"contacts {at}", contacts=contacts, target=target)
            for at, contacts in enumerate(mapping.contacts)
        ),
    )


def _attributes(
    mapping: Mapping, specs: Map[FactName, FactSpec], problems: Problems
) -> dict[FactName, Cell | Aggregate]:
    customers = mapping.customers
    known = [name for name in specs if name not in _SETS and not name.startswith(f"{RELATIONS}.")]
    attributes: dict[FactName, Cell | Aggregate] = {}
    if customers.same_names:
        attributes = {name: Cell(span=customers.span, column=name) for name in known}
    for name, made in customers.attributes.items():
        if name in known:
            attributes[FactName(name)] = made
        else:
            problems.unknown(made.span, "attribute", name, known)
    return attributes


def _customers(
    mapping: Mapping, attributes: Map[FactName, Cell | Aggregate], specs: Map[FactName, FactSpec], problems: Problems
) -> FieldsUse:
    customers = mapping.customers
    cells = {name: made for name, made in attributes.items() if isinstance(made, Cell)}
    if customers.segments is not None:
        cells[SEGMENTS] = customers.segments
    if customers.groups is not None:
        cells[GROUPS] = customers.groups
    for name, cell in cells.items():
        _check_steps(cell, specs[name], problems)
    fields = tuple(Field(name=name, cell=cell, spec=specs[name]) for name, cell in cells.items())
    return FieldsUse(name="customers", table=customers.table, where={}, fields=fields)


def _aggregate(made: Aggregate, spec: FactSpec, problems: Problems) -> FieldsUse:
    fits = {
        Summary.COUNT: spec.type in NUMERIC,
        Summary.SUM: spec.type in NUMERIC,
        Summary.MIN: spec.type in ORDERED,
        Summary.MAX: spec.type in ORDERED,
        Summary.ANY: spec.type is FactType.BOOLEAN,
        Summary.LATEST: spec.type is not FactType.SET,
    }
    if not fits[made.summary]:
        problems.error(made.span, f"`{made.summary}` does not make a {spec.type}, which `{spec.name}` is")
    elif made.cell is not None:
        _check_steps(made.cell, spec, problems)
    return aggregate_use(f"attribute {spec.name}", made, spec)


def _check_steps(cell: Cell, spec: FactSpec, problems: Problems) -> None:
    if spec.type is FactType.BOOLEAN:
        _check_values(cell, f"value of `{spec.name}`", _YES_OR_NO, problems)
    elif spec.type in (FactType.CATEGORY, FactType.SET):
        _check_values(cell, f"value of `{spec.name}`", spec.values, problems)
    if cell.until_as_of is not None and spec.type not in NUMERIC:
        problems.error(cell.span, f"`{spec.name}` is no number, so `until_as_of` does not fit it")
    elif cell.date is not None and cell.until_as_of is None and spec.type not in (FactType.DATE, FactType.INSTANT):
        problems.error(cell.span, f"`{spec.name}` is no date", "`until_as_of: years` makes a number of a date")
    if cell.times is not None and spec.type not in NUMERIC:
        problems.error(cell.span, f"`{spec.name}` is no number, so `times` does not fit it")


def _check_values(cell: Cell, what: str, known: Collection[str], problems: Problems) -> None:
    """What the mapping itself writes is blamed on its own line, once, and not on every row."""
    if cell.prefix:
        return
    for value, span in cell.span_by_value.items():
        if value not in known:
            problems.unknown(span, what, value, known)


def _check_purposes(mapping: Mapping, target: Target, problems: Problems) -> None:
    for consent in mapping.consents:
        for purpose, cell in consent.cell_by_purpose.items():
            if purpose not in target.purposes:
                problems.unknown(cell.span, "purpose", purpose, target.purposes)


def _events(name: str, events: Events, target: Target, problems: Problems) -> EventUse:
    if events.event.constant is None:
        _check_values(events.event, "event", list(target.events), problems)
    else:
        kind = events.event.constant[0] if events.event.constant else ""
        spec = target.events.get(EventName(kind))
        if spec is None:
            problems.unknown(events.event.span, "event", kind, target.events)
        else:
            declared = [field.name for field in spec.fields]
            for field, cell in events.fields.items():
                if field not in declared:
                    problems.unknown(cell.span, f"field of `{kind}`", field, declared)
    return EventUse(name=name, events=events, specs=target.events, layout=target.layout)
