"""Reads `catalogue.yaml`: the facts, events and values that rules may name."""

from dataclasses import replace
from typing import Final

from engine.compiler.bank_file import Bank
from engine.compiler.calculated_facts import read_calculated
from engine.compiler.event_specs import read_events
from engine.compiler.fact_specs import MAX_SET, FactSpecReader, once
from engine.compiler.form import Form, check_name
from engine.compiler.grammar.bank import POSITIVES
from engine.compiler.parse import Scalar
from engine.facts import (
    GROUPS,
    HOLDS,
    SEGMENTS,
    FactSpec,
    FactType,
    ProfileSchema,
    WhenMerged,
    related_count,
    related_holds,
)
from engine.ids import FactName
from engine.plan import Catalogue, RelationKind

MAX_RELATIONS: Final = 16


def read_catalogue(form: Form, bank: Bank) -> tuple[Catalogue, ProfileSchema]:
    """The catalogue, and the layout of stored profiles that follows from it."""
    specs = FactSpecReader(form.problems, bank)
    attributes = specs.read_all(form, "attributes", "an attribute")
    events = read_events(form, specs)
    calculated = read_calculated(form, specs, attributes, events, bank.zone)
    products, titles = _products(form)
    relations = _relations(form)
    groups, segments = _names(form, "groups"), _names(form, "segments")
    catalogue = Catalogue(
        facts={**attributes, **{name: spec for name, (spec, _) in calculated.items()}},
        calculated={name: computed for name, (_, computed) in calculated.items()},
        context={
            FactName(f"context.{k}"): _in_context(v) for k, v in specs.read_all(form, "context", "a fact").items()
        },
        events=events,
        products=products,
        groups=groups,
        segments=segments,
        relations=relations,
        merge_order=_names(form, "merge_order"),
        purposes=_names(form, "purposes"),
        positives=_positives(form),
        titles=titles,
    )
    form.finish()
    sets = ((HOLDS, products), (GROUPS, groups), (SEGMENTS, segments))
    columns = (
        *attributes.values(),
        *(_set(name, values) for name, values in sets),
        *(spec for kind, relation in relations.items() for spec in _facts_of(kind, relation, products)),
    )
    return catalogue, ProfileSchema(columns)


def _set(name: FactName, values: tuple[str, ...]) -> FactSpec:
    """Who was two customers holds what either held, and is in the groups of both; a segment is one of several."""
    when_merged = WhenMerged.FIRST if name == SEGMENTS else WhenMerged.LARGEST
    return FactSpec(name=name, type=FactType.SET, values=values, when_merged=when_merged)


def _positives(form: Form) -> dict[str, str]:
    found = {}
    for channel, outcome in form.entries("positives"):
        if isinstance(outcome, Scalar) and outcome.text in POSITIVES:
            found[channel.text] = outcome.text
        else:
            form.problems.error(outcome.span, f"a positive answer must be one of {', '.join(POSITIVES)}")
    return found


def _in_context(spec: FactSpec) -> FactSpec:
    return replace(spec, name=FactName(f"context.{spec.name}"))


def _names(form: Form, key: str) -> tuple[str, ...]:
    words = form.words(key)
    for word in words:
        check_name(word, f"one of the {key}", form.problems)
    names = once(words, key, form.problems)
    if len(names) > MAX_SET:
        form.problems.error(form.span_of(key), f"`{key}` has more than {MAX_SET} values")
    return names


def _relations(catalogue: Form) -> dict[str, RelationKind]:
    found = {}
    for name, node in catalogue.entries("relations"):
        form = Form(node, catalogue.problems, "a relation of the catalogue")
        check_name(name, "a relation", catalogue.problems)
        found[name.text] = RelationKind(title=form.text("title", name.text), mutual=form.truth("mutual"))
        form.finish()
    if len(found) > MAX_RELATIONS:
        catalogue.problems.error(catalogue.span_of("relations"), f"there are more than {MAX_RELATIONS} relations")
    return found


def _facts_of(kind: str, relation: RelationKind, products: tuple[str, ...]) -> tuple[FactSpec, FactSpec]:
    """How many there are, and what those hold whom they lead to: about somebody else, so never on a public screen."""
    count = FactSpec(
        name=related_count(kind),
        type=FactType.INTEGER,
        title=f"{relation.title}, how many",
        low=0,
        private=True,
        model=False,
    )
    holds = FactSpec(
        name=related_holds(kind),
        type=FactType.SET,
        title=f"{relation.title}, products held",
        values=products,
        private=True,
        model=False,
    )
    return count, holds


def _products(catalogue: Form) -> tuple[tuple[str, ...], dict[str, str]]:
    titles = {}
    for name, node in catalogue.entries("products"):
        form = Form(node, catalogue.problems, "a product")
        check_name(name, "a product", catalogue.problems)
        titles[name.text] = form.text("title", name.text)
        form.text("group")
        form.finish()
    if len(titles) > MAX_SET:
        catalogue.problems.error(catalogue.span_of("products"), f"there are more than {MAX_SET} products")
    return tuple(titles), titles
