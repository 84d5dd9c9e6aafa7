"""Says in plain English, to the customer's face, why an action is or is not for them; and shows the facts behind it.

What compliance guards, what is inferred and what stands on a register is never said aloud: such a sentence stays
general.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Final

from engine.decision import Candidate, Decision
from engine.explain import Because, Rejection, names_in
from engine.facts import NUMERIC, RELATIONS, FactSpec, FactType, is_missing
from engine.generated import Cause, Row
from engine.ids import ActionId, EventName, FactName
from engine.plan import Plan
from engine.reasons import Reason
from engine.syntax import (
    Atom,
    Compare,
    Condition,
    Duration,
    FactRef,
    Holds,
    InPeriod,
    LastAgo,
    OneOf,
    Operator,
    Present,
    Seen,
    SeenSince,
    atoms,
    facts_read,
)
from engine.wording import show_fact, show_value

_UNKNOWN: Final = "not known"
_NEVER: Final = "none on record"
_COMPARED: Final[Mapping[Operator, str]] = {
    ">=": "at least",
    ">": "over",
    "<=": "at most",
    "<": "under",
    "==": "exactly",
}
_DATED: Final[Mapping[Operator, str]] = {
    ">=": "on or after",
    ">": "after",
    "<=": "on or before",
    "<": "before",
    "==": "on",
}
_PREPOSITIONS: Final = frozenset({"of", "in", "on", "at", "as", "by", "for", "until", "since", "with", "without", "to"})
_PLURALS: Final = frozenset({"children", "people"})
_UNITS: Final = {"min": "minute", "h": "hour", "d": "day", "mo": "month", "y": "year"}
_FLAT: Final[Mapping[Reason, str]] = {
    Reason.OUTSIDE_VALIDITY: "{action} is not on offer today.",
    Reason.SUPPRESSED: "We are leaving {action} aside for the moment.",
    Reason.CAPPED: "We have brought up {action} or offers like it often enough lately.",
    Reason.BUDGET_SPENT: "There is no {action} left to give at the moment.",
    Reason.QUIET_HOURS: "It is not the hour to call about {action}.",
    Reason.NO_TREATMENT: "We have nothing about {action} to show here; please ask a colleague.",
    Reason.NO_REASON_NOW: "Nothing calls for {action} at the moment.",
    Reason.JOURNEY_NOT_REACHED: "{action} comes later; there is a step to take before it.",
    Reason.NOT_SCORED: "Other offers suit you better than {action} at the moment.",
    Reason.NOT_WORTH_CONTACT: "We would not call you for {action} alone; ask us at any time.",
    Reason.HOLDOUT: "We are not bringing up {action} at the moment.",
    Reason.OUTRANKED: "Other offers suit you better than {action} at the moment.",
    Reason.EVALUATION_ERROR: "We cannot tell about {action} today; a colleague will look into it.",
    Reason.EXCLUDED_BY_REQUEST: "{action} was not asked about.",
}


def say(plan: Plan, candidate: Candidate, because: tuple[Because, ...]) -> str:
    """The sentence for an action that is shown."""
    action = plan.actions[candidate.action].title
    title = next((each.title for each in because if each.title and _may_be_told(plan, each)), None)
    if title is not None:
        return f"We thought of {action} for you: {_lower(title)}."
    return f"{action} is what suits you best at the moment."


def _may_be_told(plan: Plan, because: Because) -> bool:
    """Whether a rule's title hints at nothing but what the customer knows that we know.

    A theme's tells a need that was inferred, and a trigger's may tell the private facts and events that it reads.
    """
    if because.code != "trigger":
        return False
    condition = next((each.condition for each in plan.triggers if each.head.rule == because.rule), None)
    return condition is not None and not (
        any(fact.spec.private or fact.spec.protected for fact in facts_read(condition))
        or any(plan.catalogue.events[name].private for name in _events_read(condition))
    )


def _events_read(condition: Condition) -> Iterator[EventName]:
    for atom in atoms(condition):
        if isinstance(atom, Seen | LastAgo | SeenSince):
            yield atom.event
        if isinstance(atom, SeenSince):
            yield atom.anchor


def say_not(plan: Plan, decision: Decision, rejection: Rejection, *, known: bool = True) -> str:
    """The sentence for an action that is not shown: the first reason's.

    Of somebody who is not known nothing is claimed: they have refused nothing, and no record says anything.
    """
    action = plan.actions[plan.position_by_action[ActionId(rejection.action)]].title
    first = rejection.because[0] if rejection.because else None
    match rejection.reason:
        case Reason.GUARD | Reason.NOT_ELIGIBLE | Reason.NOT_APPLICABLE | Reason.NOT_SUITABLE if not known:
            return f"We do not know you as a customer yet, so we cannot offer {action}."
        case Reason.GUARD:
            consent = first is not None and any(name.startswith("consent.") for name in first.about)
            if consent:
                return "You have not agreed to offers here, so we make you none."
            return f"We cannot offer {action} at the moment."
        case Reason.COOLING_OFF:
            return _of_answer(plan, action, first)
        case Reason.NOT_ELIGIBLE | Reason.NOT_APPLICABLE | Reason.NOT_SUITABLE:
            cause = first.cause if first is not None else None
            if cause is not None and not _is_delicate(cause.atom):
                return _of_cause(plan, decision.row, action, cause)
            return f"{action} does not fit at the moment."
        case reason:
            return _FLAT[reason].format(action=action)


def _of_answer(plan: Plan, action: str, because: Because | None) -> str:
    """What the customer answered, or that they did not, and until when the action rests."""
    answer = because.detail or "" if because is not None else ""
    until = _until(plan, because.until) if because is not None else ""
    if answer == "accepted":
        return f"You said yes to {action}, so we do not bring it up again{until}."
    if answer == "ignored":
        return f"We have shown you {action} often enough without an answer, and let it rest{until}."
    if answer == "asked for later":
        return f"You asked us to come back to {action} later, so we let it rest{until}."
    return f"You said no to {action}, and we leave it at that{until}."


def facts_of(plan: Plan, row: Row, cause: Cause) -> dict[str, str]:
    """What was found behind a cell or history condition, by name, as people read it."""
    atom = cause.atom
    match atom:
        case Seen() | LastAgo():
            return {atom.event: _last(plan, row, atom.filter)}
        case SeenSince():
            return {atom.event: _last(plan, row, atom.filter), atom.anchor: _last(plan, row, atom.anchor_filter)}
        case Compare(fact=fact, right=right) if right.fact is not None:
            return {fact.name: _found(plan, row, fact), right.fact.name: _found(plan, row, right.fact)}
        case _:
            return {atom.fact.name: _found(plan, row, atom.fact)}


# --- sentences for cells ---------------------------------------------------------------------------------------------


def _of_cause(plan: Plan, row: Row, action: str, cause: Cause) -> str:
    atom = cause.atom
    if cause.truth is None:
        return _unknown(plan, row, action, atom)
    needed = cause.truth is False
    match atom:
        case Seen() | LastAgo() | SeenSince():
            return _of_event(plan, action, atom, needed=needed)
        case Holds(fact=fact):
            return _of_member(plan, action, fact, needed=needed)
        case Present(fact=fact):
            title = _title(plan, fact)
            if needed:
                return f"{action} needs your {title} on our records."
            return f"{_with_verb(action)} for customers without {title} on our records."
        case Compare() | OneOf() | InPeriod():
            whom = "for" if needed else "not for"
            shown = "; ".join(
                f"our records show {value}" if at == 0 else f"{_named(plan, name)} is {value}"
                for at, (name, value) in enumerate(facts_of(plan, row, cause).items())
            )
            return f"{_with_verb(action)} {whom} customers whose {_wanted(plan, atom)}; {shown}."


def _unknown(plan: Plan, row: Row, action: str, atom: Atom) -> str:
    if isinstance(atom, Seen | LastAgo | SeenSince):
        event = _event(plan, atom.event)
        return f"For {action} we look back for {event}, and our records do not go back far enough."
    missing = [FactName(name) for name in names_in(atom) if _is_unknown(plan, row, FactName(name))]
    names = " and ".join(f"your {_named(plan, name)}" for name in missing) or f"your {_title(plan, atom.fact)}"
    return f"Before we can offer {action} we need to know {names}."


def _of_member(plan: Plan, action: str, fact: FactRef, *, needed: bool) -> str:
    family, title = fact.spec.name, _title(plan, fact)
    if family == "holds":
        whom = f"{_with_verb(action)} for customers who hold “{title}” with us."
        return whom if needed else f"You hold “{title}” with us already."
    kind = {"segments": "segment", "groups": "group"}.get(family, "list")
    return f"{_with_verb(action)} {'for' if needed else 'not for'} customers in the {kind} “{title}”."


def _of_event(plan: Plan, action: str, atom: Seen | LastAgo | SeenSince, *, needed: bool) -> str:
    event = _event(plan, atom.event)
    match atom:
        case Seen(at_least=times, within=window):
            often = f"at least {times} times " if times > 1 else ""
            when = f"in the last {_length(window)}" if window is not None else "at any time"
            if needed:
                return f"{action} follows {event} {often}{when}; there is none on our records."
            return f"{action} waits for a while after {event}."
        case LastAgo(nearest=nearest, farthest=farthest):
            span = f"{_length(nearest)} to {_length(farthest)} ago"
            return f"{_with_verb(action)} {'for' if needed else 'not for'} customers whose last {event} was {span}."
        case SeenSince(anchor=anchor):
            since = f"{event} after {_event(plan, anchor)}"
            return f"{action} follows {since}." if needed else f"{action} waits after {since}."


def _wanted(plan: Plan, atom: Compare | OneOf | InPeriod) -> str:
    """What a cell asks for, after `whose`: `age is at least 18`."""
    name, spec = _title(plan, atom.fact), atom.fact.spec
    title = f"“{name}” is" if spec.type in (FactType.DATE, FactType.INSTANT) else _with_verb(name)
    match atom:
        case OneOf(values=values):
            if spec.type is FactType.BOOLEAN:
                return f"“{name}” is {_either(sorted('yes' if value else 'no' for value in values))}"
            return f"{title} {_either(sorted(show_value(spec, value, plan.currency) for value in values))}"
        case Compare(operator=operator, right=right):
            if right.fact is None:
                compared = _COMPARED[operator] if spec.type in NUMERIC else _DATED[operator]
                return f"{title} {compared} {_bound(plan, spec, right.constant)}"
            beside = f"{_plain(right.factor)} times " if right.factor != 1 else ""
            more = f" plus {_plain(right.constant)}" if right.constant > 0 else ""
            less = f" less {_plain(-right.constant)}" if right.constant < 0 else ""
            return f"{title} {_COMPARED[operator]} {beside}the {_title(plan, right.fact)}{more}{less}"
        case InPeriod(earliest=None, latest=latest):
            assert latest is not None
            return f"{title} more than {_length(latest[1])} ago"
        case InPeriod(earliest=earliest, latest=latest):
            assert earliest is not None
            assert latest is not None
            if latest[1].amount:
                return f"{title} in the next {_length(latest[1])}"
            return f"{title} in the last {_length(earliest[1])}"


def _is_delicate(atom: Atom) -> bool:
    """Whether a condition tells something that is not said aloud: a register, something inferred, protected, or about
    somebody else."""
    if isinstance(atom, Seen | LastAgo | SeenSince):
        return False
    facts = [atom.fact, *([atom.right.fact] if isinstance(atom, Compare) and atom.right.fact is not None else [])]
    return any(
        each.spec.protected
        or each.spec.name.startswith(f"{RELATIONS}.")
        or (each.spec.private and each.spec.type is FactType.BOOLEAN and each.member is None)
        for each in facts
    )


# --- words -----------------------------------------------------------------------------------------------------------


def _title(plan: Plan, fact: FactRef) -> str:
    if fact.member is None:
        return _lower(fact.spec.title or str(fact.name))
    value = fact.spec.values[fact.member]
    return plan.catalogue.titles.get(value, value.replace("_", " "))


def _named(plan: Plan, name: str) -> str:
    spec = plan.fact_specs.get(FactName(name))
    return _lower(spec.title or name) if spec is not None else name


def _with_verb(title: str) -> str:
    """A title with `is`, or with `are` where its head is a plural: the last word before a preposition."""
    words = title.split()
    end = next((at for at, word in enumerate(words) if at and word in _PREPOSITIONS), len(words))
    head = words[end - 1] if words else ""
    plural = head in _PLURALS or (head.endswith("s") and not head.endswith(("ss", "us", "is")))
    return f"{title} {'are' if plural else 'is'}"


def _event(plan: Plan, name: EventName) -> str:
    return f"“{_lower(plan.catalogue.events[name].title or name)}”"


def _lower(title: str) -> str:
    """A title inside a sentence; `ISA` stays as it is."""
    return title[:1].lower() + title[1:] if title[1:2].islower() or title[1:2] in (" ", "-") else title


def _length(duration: Duration | None) -> str:
    if duration is None:
        return "the time we keep"
    unit = _UNITS[duration.unit]
    return unit if duration.amount == 1 else f"{duration.amount} {unit}s"


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _plain(number: Fraction) -> str:
    return f"{float(number):,.10g}"


def _bound(plan: Plan, spec: FactSpec, constant: Fraction) -> str:
    """A bound of a comparison: numbers stand in natural units, days and instants as they are held."""
    if spec.type not in NUMERIC:
        return show_value(spec, int(constant), plan.currency)
    return show_value(spec, round(constant * 10**spec.decimals), plan.currency)


def _is_unknown(plan: Plan, row: Row, name: FactName) -> bool:
    return is_missing(row[plan.layout.slot_by_fact[name]]) if name in plan.layout.slot_by_fact else False


def _found(plan: Plan, row: Row, fact: FactRef) -> str:
    slot = plan.layout.slot_by_fact[fact.spec.name if fact.member is not None else fact.name]
    held = row[slot]
    if is_missing(held):
        return _UNKNOWN
    if fact.member is not None:
        return "yes" if isinstance(held, int) and held >> fact.member & 1 else "no"
    return show_fact(plan, fact.name, row)


def _last(plan: Plan, row: Row, filter_text: str) -> str:
    at = next(at for at, kept in enumerate(plan.event_layout.filters) if kept.text == filter_text)
    instant = row[plan.layout.event_offset + plan.event_layout.offsets[at]]
    return f"last on {_day(_on(plan, instant))}" if isinstance(instant, int) and instant > 0 else _NEVER


def _until(plan: Plan, instant: int | None) -> str:
    return "" if instant is None else f" until {_day(_on(plan, instant))}"


def _on(plan: Plan, instant: int) -> date:
    return datetime.fromtimestamp(instant, UTC).astimezone(plan.zone).date()


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
