"""The names that a folder of rule files declares, also where the rules around them are wrong."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.compiler.documents import REQUIRED, parse_all
from engine.compiler.grammar.rule_tests import OTHER_CODES
from engine.compiler.problem_list import Problems
from engine.compiler.rules import ReadRules, moments_of, read_rules
from engine.errors import Diagnostic, RuleErrors, Severity
from engine.events import EventSpec
from engine.facts import FactSpec
from engine.ids import EventName
from engine.reasons import Reason
from engine.syntax import FactRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Everything that rule files may name, by kind, each with what people call it."""

    facts: Mapping[str, FactRef]
    titles: Mapping[str, str]
    """Titles of facts, set members included."""
    events: Mapping[EventName, EventSpec]
    columns: tuple[FactSpec, ...]
    """The facts that a customer of a test is given."""
    context: tuple[FactSpec, ...]
    needs: tuple[str, ...]
    purposes: tuple[str, ...]
    channels: tuple[str, ...]
    by_kind: Mapping[str, Mapping[str, str]]
    """For each kind of name, the names with their titles."""


def names_of(files: Mapping[str, bytes], root: str) -> tuple[Names, tuple[Diagnostic, ...]]:
    """The names that rule files declare, and the errors that were met on the way.

    Raises:
        RuleErrors: a file that declares names is missing, or cannot be read at all.
    """
    problems = Problems()
    documents = parse_all(files, root, problems)
    if not all(name in documents for name in REQUIRED):
        raise RuleErrors(problems.sorted())
    read = read_rules(documents, problems, root)
    errors = tuple(each for each in problems.sorted() if each.severity is Severity.ERROR)
    return _names(read), errors


def _names(read: ReadRules) -> Names:
    context, catalogue, channels = read.context, read.context.catalogue, read.context.channels
    placements = {str(place): str(channel.id) for channel in channels for place in channel.placements}
    titles = {name: _title(ref, catalogue.titles) for name, ref in context.facts.items()}
    actions = {read_action.action.id: read_action.action.title for read_action in read.rules.actions}
    themes = {theme.head.rule.partition("/")[2]: theme.head.title for theme in read.rules.themes}
    events = {str(name): spec.title for name, spec in catalogue.events.items()}
    plain_facts = {name: titles[name] for name in context.facts}
    by_kind: dict[str, Mapping[str, str]] = {
        "action": {str(name): title for name, title in actions.items()},
        "theme": themes,
        "channel": {str(channel.id): "" for channel in channels},
        "placement": placements,
        "place": {
            f"{channel.id}.{place}": "" for channel in channels for place in (*map(str, channel.placements), "*")
        },
        "moment": {str(moment): "" for moment in moments_of(channels)},
        "product": {name: catalogue.titles[name] for name in catalogue.products},
        "event": events,
        "group": dict.fromkeys(sorted(context.groups), ""),
        "fact": plain_facts,
        "persona": dict.fromkeys(read.personas, ""),
        "reason": {**_codes(), **_rules(read), **events, **plain_facts},
    }
    return Names(
        facts=context.facts,
        titles=titles,
        events=catalogue.events,
        columns=read.schema.columns,
        context=tuple(catalogue.context.values()),
        needs=tuple(str(need.name) for need in read.rules.needs),
        purposes=catalogue.purposes,
        channels=tuple(str(channel.id) for channel in channels),
        by_kind=by_kind,
    )


def _title(ref: FactRef, titles: Mapping[str, str]) -> str:
    """What people call a fact; a member of a set is called like the product, group or segment."""
    if ref.member is None:
        return ref.spec.title
    value = ref.spec.values[ref.member]
    return titles.get(value, value)


def _rules(read: ReadRules) -> dict[str, str]:
    """Guards, triggers, themes and levers, each with and without its kind, and caps."""
    rules = read.rules
    kinds = (rules.guards, rules.triggers, rules.themes, rules.arbitration.levers)
    heads = [each.head for kind in kinds for each in kind]
    named = {name: head.title for head in heads for name in (head.rule.partition("/")[2], str(head.rule))}
    return {**named, **dict.fromkeys((cap.id for cap in rules.contact.caps), "")}


def _codes() -> dict[str, str]:
    codes: Iterable[str] = (reason.code for reason in Reason if reason is not Reason.OPEN)
    return dict.fromkeys((*codes, *OTHER_CODES), "")
