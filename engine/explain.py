"""Says in words why an action was chosen, and why every other one was not, with the rule's file and line."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from engine.actions import Tier
from engine.chains import Link, atoms_behind, chain_behind, chain_to
from engine.decision import Candidate, Decision, Request
from engine.errors import Span
from engine.experiments import arbitration_arm
from engine.facts import FactType
from engine.generated import Cause, Row
from engine.plan import ArbitrationArm, Plan, RuleHead
from engine.reasons import Reason
from engine.syntax import Atom, Compare, Condition, LastAgo, Present, Seen, SeenSince
from engine.wording import show_fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """One reason: a code, the rule behind it, where that stands, and a sentence."""

    code: str
    rule: str | None = None
    title: str | None = None
    place: Span | None = None
    detail: str | None = None
    """What decided, in words; may quote the customer's facts, so it is for staff only."""
    about: tuple[str, ...] = ()
    """The facts and events that decided, by name."""
    cause: Cause | None = None
    """The cell or history condition that decided, and what it was."""
    until: int | None = None
    """When it ends, in seconds since the epoch, where that is known."""
    chain: tuple[Link, ...] = ()
    """The needs on which the rule rests, or for want of which it does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """An action that is not shown, the stage that ended its way, and why."""

    action: str
    reason: Reason
    because: tuple[Because, ...]


def why(plan: Plan, request: Request, decision: Decision, candidate: Candidate) -> tuple[Because, ...]:
    """What speaks for a candidate: its theme, then the triggers that promote it, in file order."""
    found = []
    if candidate.theme is not None:
        theme = plan.themes[candidate.theme]
        found.append(_with_chain(plan, decision.row, "theme", theme.head, theme.condition))
    arm = _arm_of(plan, decision, candidate)
    for position in decision.promotions if arm is not ArbitrationArm.ENGAGEMENT_ONLY else ():
        trigger = plan.triggers[position]
        if any(action == candidate.action for action, _ in trigger.promotes):
            found.append(_with_chain(plan, decision.row, "trigger", trigger.head, trigger.condition))
    pulled = [plan.levers[at].head for at in plan.levers_by_action[request.channel.position][candidate.action]]
    today = _today(plan, decision.row)
    if arm not in (ArbitrationArm.ENGAGEMENT_ONLY, ArbitrationArm.NO_LEVERS):
        found.extend(_rule("lever", head) for head in pulled if head.validity.covers(today))
    if plan.ranking is not None and decision.profiling:
        found.append(Because(code="ranking", place=plan.ranking.span, detail=_by_formula(plan, decision, candidate)))
    if not found and arm is ArbitrationArm.AS_IS:
        found.append(Because(code="ranked_by_value", title="Nothing particular: it ranked highest by expected value"))
    return (*found, *_arms(plan, decision, candidate.action))


def _arm_of(plan: Plan, decision: Decision, candidate: Candidate) -> ArbitrationArm:
    """How this candidate was chosen among others; experiments concern offers alone."""
    return arbitration_arm(plan, decision.arms) if candidate.tier == Tier.OFFER else ArbitrationArm.AS_IS


def _arms(plan: Plan, decision: Decision, action: int) -> Iterator[Because]:
    """The experiments on an action that run here and now, each with the customer's arm."""
    for at, arm in decision.arms.items():
        experiment = plan.experiments[at]
        if experiment.action == action or (experiment.action is None and plan.tiers[action] == Tier.OFFER):
            yield _rule("experiment", experiment.head, f"the customer is in the arm `{arm}`")


def _held_out(plan: Plan, decision: Decision, action: int) -> tuple[Because, ...]:
    """The experiments on an action, and where it would have been shown without them."""
    places = [
        f"{each.placement.id}, rank {option.rank}"
        for each in decision.ghosts
        for option in each.options
        if option.candidate.action == action
    ]
    ghost = f"; it would have been shown at {' and '.join(places)}" if places else "; it would not have been shown now"
    return tuple(replace(each, detail=f"{each.detail}{ghost}") for each in _arms(plan, decision, action))


def why_not(
    plan: Plan, request: Request, decision: Decision, only: Collection[int] | None = None
) -> tuple[Rejection, ...]:
    """Every action that was not chosen, in plan order; `only` those at some positions, where they are given."""
    return tuple(
        why_not_this(plan, request, decision, action.position)
        for action in plan.actions
        if decision.codes[action.position] != Reason.CHOSEN and (only is None or action.position in only)
    )


def why_not_this(plan: Plan, request: Request, decision: Decision, action: int) -> Rejection:
    """Why one action was not chosen."""
    return Rejection(
        action=plan.actions[action].id,
        reason=Reason(decision.codes[action]),
        because=_because(plan, request, decision, action),
    )


def _because(plan: Plan, request: Request, decision: Decision, action: int) -> tuple[Because, ...]:
    reason = Reason(decision.codes[action])
    match reason:
        case Reason.GUARD:
            return _guards(plan, decision, action)
        case Reason.SUPPRESSED:
            return _suppressions(plan, decision, action)
        case Reason.NOT_ELIGIBLE | Reason.NOT_APPLICABLE | Reason.NOT_SUITABLE:
            return _engagement(plan, decision.row, action, reason)
        case Reason.CAPPED | Reason.COOLING_OFF | Reason.QUIET_HOURS | Reason.BUDGET_SPENT:
            return (_contact(plan, decision, action, reason),)
        case Reason.NO_REASON_NOW:
            return _no_reason(plan, request, decision, action)
        case Reason.OUTRANKED:
            return (_outranked(plan, decision, action),)
        case Reason.HOLDOUT:
            return _held_out(plan, decision, action)
        case _:
            return (Because(code=reason.code, detail=_SENTENCES.get(reason)),)


_SENTENCES = {
    Reason.OUTSIDE_VALIDITY: "the action is not valid today",
    Reason.NO_TREATMENT: "nothing is written for these placements that fits this customer",
    Reason.JOURNEY_NOT_REACHED: "its theme has an earlier step that is not done",
    Reason.NOT_SCORED: "more than 40 actions were left, and this one could not have come first",
    Reason.NOT_WORTH_CONTACT: "its expected value does not cover the cost of the contact",
    Reason.EVALUATION_ERROR: "a fact has a value that is not of its type",
    Reason.EXCLUDED_BY_REQUEST: "the request left it out",
}


def _rule(code: str, head: RuleHead, detail: str | None = None, about: tuple[str, ...] = ()) -> Because:
    return Because(code=code, rule=head.rule, title=head.title, place=head.span, detail=detail, about=about)


def _with_chain(plan: Plan, row: Row, code: str, head: RuleHead, condition: Condition) -> Because:
    """A rule that holds, with the names and the needs behind it."""
    because = _rule(code, head, about=_names_behind(plan, condition, row))
    return replace(because, chain=chain_behind(plan, condition, row)) if plan.needs else because


def _guards(plan: Plan, decision: Decision, action: int) -> tuple[Because, ...]:
    found = []
    for at in decision.guards:
        guard = plan.guards[at]
        if action in guard.actions:
            unknown = plan.tracer.truth(guard.condition, decision.row, guarded=True) is None
            about = _names_behind(plan, guard.condition, decision.row, guarded=True)
            reason = _rule("guard", guard.head, "a fact that it needs is not known" if unknown else None, about)
            found.append(replace(reason, cause=_stopped_by(plan, guard.condition, decision.row)))
    return tuple(found)


def _stopped_by(plan: Plan, condition: Condition, row: Row) -> Cause | None:
    """The first part of a guard's condition that keeps it from being false."""
    atom = next(atoms_behind(plan, condition, row, guarded=True), None)
    return None if atom is None else Cause(atom=atom, truth=plan.tracer.truth(atom, row, guarded=True))


def _suppressions(plan: Plan, decision: Decision, action: int) -> tuple[Because, ...]:
    suppressing = [plan.triggers[at] for at in decision.suppressions if action in plan.triggers[at].suppresses]
    return tuple(
        _rule("suppressed", trigger.head, about=_names_behind(plan, trigger.condition, decision.row))
        for trigger in suppressing
    )


def _engagement(plan: Plan, row: Row, action: int, reason: Reason) -> tuple[Because, ...]:
    rules = plan.action_rules[action].on(_today(plan, row)) or plan.action_rules[action]
    condition = next(condition for condition, stage in rules.stages if stage is reason)
    cause = plan.tracer.cause(condition, row)
    if cause is None:
        return (_rule(reason.code, rules.head),)
    return (_caused(plan, row, reason.code, rules.head, cause),)


def _today(plan: Plan, row: Row) -> int:
    today = row[plan.layout.today_slot]
    assert isinstance(today, int)
    return today


def _caused(plan: Plan, row: Row, code: str, head: RuleHead, cause: Cause) -> Because:
    atom = cause.atom
    return Because(
        code=code,
        rule=head.rule,
        title=head.title,
        place=atom.span,
        detail=_verdict(plan, row, cause),
        about=names_in(atom),
        cause=cause,
        chain=chain_to(plan, cause, row),
    )


def _verdict(plan: Plan, row: Row, cause: Cause) -> str:
    verdict = {True: "holds", False: "does not hold", None: "is not known"}[cause.truth]
    return f"`{cause.atom.text}` {verdict}{_seen(plan, row, cause)}"


def what_holds(plan: Plan, row: Row, rule: str, condition: Condition) -> tuple[Because, ...]:
    """The parts of a rule's condition that make it hold, in file order, each with its place and what was found."""
    atoms = atoms_behind(plan, condition, row)
    causes = [Cause(atom=atom, truth=plan.tracer.truth(atom, row)) for atom in atoms]
    return tuple(
        Because(code="holds", rule=rule, place=cause.atom.span, detail=_verdict(plan, row, cause), cause=cause)
        for cause in causes
    )


def names_in(atom: Atom) -> tuple[str, ...]:
    """The facts and events that a cell or history condition asks about."""
    match atom:
        case Seen(event=event) | LastAgo(event=event):
            return (event,)
        case SeenSince(event=event, anchor=anchor):
            return (event, anchor)
        case Compare(fact=fact, right=right) if right.fact is not None:
            return (fact.name, right.fact.name)
        case _:
            return (atom.fact.name,)


def _names_behind(plan: Plan, condition: Condition, row: Row, *, guarded: bool = False) -> tuple[str, ...]:
    """The names in the parts of a condition that keep it from being false, in file order, each once."""
    atoms = atoms_behind(plan, condition, row, guarded=guarded)
    return tuple(dict.fromkeys(name for atom in atoms for name in names_in(atom)))


def _seen(plan: Plan, row: Row, cause: Cause) -> str:
    atom = cause.atom
    if cause.truth is None or isinstance(atom, Seen | LastAgo | SeenSince | Present):
        return ""
    if atom.fact.member is not None or atom.fact.spec.type is FactType.SET:
        return ""
    shown = [f"{atom.fact.name} is {show_fact(plan, atom.fact.name, row)}"]
    if isinstance(atom, Compare) and atom.right.fact is not None and atom.right.fact.member is None:
        shown.append(f"{atom.right.fact.name} is {show_fact(plan, atom.right.fact.name, row)}")
    return f": {', '.join(shown)}"


def _contact(plan: Plan, decision: Decision, action: int, reason: Reason) -> Because:
    blocked = decision.blocked[action]
    head = plan.action_rules[action].head
    cap = next((cap for cap in plan.contact.caps if cap.id == blocked.rule), None)
    if cap is not None:
        return Because(
            code=reason.code, rule=f"cap/{cap.id}", place=cap.span, detail=f"the cap of {cap.limit} is reached"
        )
    if reason is Reason.BUDGET_SPENT:
        budget = next(each for each in plan.contact.budgets if each.id == blocked.rule)
        detail = (
            "its budget cannot be asked about now" if blocked.unknown else f"the budget `{budget.id}` has nothing left"
        )
        return Because(
            code=reason.code, rule=f"budget/{budget.id}", title=budget.title, place=budget.span, detail=detail
        )
    return Because(
        code=reason.code,
        rule=head.rule,
        title=head.title,
        place=plan.contact.span,
        detail=blocked.rule,
        until=blocked.until,
    )


def _outranked(plan: Plan, decision: Decision, action: int) -> Because:
    """Its place in the ranking with every factor, so that it can be held against the one that was chosen."""
    place, candidate = next(
        (place, each) for place, each in enumerate(decision.ranking, start=1) if each.action == action
    )
    minor = 10**plan.minor_digits
    explored = "; exploration drew another" if _lost_draw(decision, candidate) else ""
    if plan.ranking is not None and decision.profiling:
        told = f"priority {_by_formula(plan, decision, candidate)}"
        return Because(
            code=Reason.OUTRANKED.code, detail=f"ranked {place} of {len(decision.ranking)}: {told}{explored}"
        )
    factors = f"{candidate.value / minor:.2f} x {candidate.weight:.2f} x {candidate.lever:.2f}"
    if _arm_of(plan, decision, candidate) is not ArbitrationArm.NO_PROPENSITY:
        factors = f"{candidate.propensity:.4f} x {factors}"
    detail = (
        f"ranked {place} of {len(decision.ranking)}: priority {candidate.priority / minor:.4f} = {factors}{explored}"
    )
    return Because(code=Reason.OUTRANKED.code, detail=detail)


def _lost_draw(decision: Decision, candidate: Candidate) -> bool:
    return any(
        option.draw is not None
        and candidate.action in option.draw.actions
        and option.candidate.priority < candidate.priority
        for filled in decision.filled
        for option in filled.options
    )


def _by_formula(plan: Plan, decision: Decision, candidate: Candidate) -> str:
    """A priority by the bank's own formula, with everything that went into it."""
    assert plan.ranking is not None
    minor = 10**plan.minor_digits
    numbers = [
        f"propensity {candidate.propensity:.4f}",
        f"value {candidate.value / minor:.2f}",
        f"context_weight {candidate.weight:.2f}",
        f"lever {candidate.lever:.2f}",
    ]
    if _arm_of(plan, decision, candidate) is ArbitrationArm.NO_PROPENSITY:
        numbers[0] = "propensity 1"
    numbers += [f"{name} {show_fact(plan, name, decision.row)}" for name in plan.ranking.facts]
    return f"{candidate.priority / minor:.4f} = {plan.ranking.text}, with {', '.join(numbers)}"


def _no_reason(plan: Plan, request: Request, decision: Decision, action: int) -> tuple[Because, ...]:
    if not decision.profiling:
        off = [plan.guards[at] for at in decision.guards if plan.guards[at].no_profiling]
        return tuple(_rule("no_profiling", guard.head, "themes and triggers are off") for guard in off)
    found = []
    today = _today(plan, decision.row)
    for trigger in plan.triggers:
        if not any(promoted == action for promoted, _ in trigger.promotes):
            continue
        if not trigger.head.validity.covers(today):
            found.append(_rule(Reason.OUTSIDE_VALIDITY.code, trigger.head, "it is not valid today"))
            continue
        moment = plan.moments[request.moment] if request.moment is not None else None
        if trigger.moments is not None and moment not in trigger.moments:
            moments = ", ".join(sorted(trigger.moments))
            found.append(_rule("not_for_this_moment", trigger.head, f"it counts at these moments only: {moments}"))
            continue
        cause = plan.tracer.cause(trigger.condition, decision.row)
        if cause is not None:
            found.append(_caused(plan, decision.row, Reason.NO_REASON_NOW.code, trigger.head, cause))
    for theme in plan.themes:
        if action in theme.journey:
            if not theme.head.validity.covers(today):
                found.append(_rule(Reason.OUTSIDE_VALIDITY.code, theme.head, "it is not valid today"))
                continue
            cause = plan.tracer.cause(theme.condition, decision.row)
            if cause is not None:
                found.append(_caused(plan, decision.row, Reason.NO_REASON_NOW.code, theme.head, cause))
            else:
                found.append(_rule("journey_not_reached", theme.head, "it is not this theme's next step"))
    return tuple(found)
