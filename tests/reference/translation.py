"""Takes a drawn case to the engine: files compiled, people as snapshots, questions as requests, answers in words."""

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import cast

from engine import Decision, Plan, Request, Snapshot, decide
from engine.clock import before
from engine.compiler.bundle import hash_of
from engine.compiler.documents import parse_all
from engine.compiler.planning import plan_of as plan_of_rules
from engine.compiler.problem_list import Problems
from engine.compiler.rules import read_rules
from engine.contacts import Contact, ContactState, DeclineReason, hash32, validity_code
from engine.decision import PlacementRequest
from engine.errors import Code
from engine.events import Event
from engine.explain import Because, why, why_not
from engine.facts import Consent, Natural, hold
from engine.ids import ActionId, ChannelId, EventName, FactName, MomentId, PlacementId
from engine.plan import Need
from engine.reasons import ENGAGEMENT_STAGES, Reason
from engine.terms import terms_of
from tests.builders import KEY, SteadyScorer, shown
from tests.reference.asked import Told
from tests.reference.drawing.people import Case
from tests.reference.evaluator import Answer
from tests.reference.natural import Person, Question, Touch, Tree

NOBODY = (Code.IMPOSSIBLE_CONDITION, Code.NEVER_CANDIDATE)
"""What may be wrong with drawn rules: nobody can match them."""


def documents_of(case: Case) -> dict[str, Tree]:
    """The rule files as they were drawn, for the reference."""
    return {path: cast(Tree, tree) for path, tree in case.trees.items()}


def decision_of(plan: Plan, person: Person, question: Question, *, positives: int = 0) -> Decision:
    """What the compiled plan decides."""
    return decide(
        plan=plan,
        request=request_of(plan, question),
        snapshot=snapshot_of(plan, person),
        scorer=SteadyScorer(plan, floats(question.propensities), positives=positives),
        baseline=SteadyScorer(plan, floats(question.baseline), positives=positives),
        now=question.now,
        exploration_key=KEY,
        budget_left=budget_left(plan, question),
    )


def budget_left(plan: Plan, question: Question) -> dict[int, int]:
    """What budgets carry, by their positions."""
    return {
        at: question.budgets[budget.id]
        for at, budget in enumerate(plan.contact.budgets)
        if budget.id in question.budgets
    }


# --- answers in the same words ---------------------------------------------------------------------------------------


def told(plan: Plan, decision: Decision) -> dict[str, object]:
    """What the plan decided, in the words of the reference."""
    ids = [str(action.id) for action in plan.actions]
    themes = {ids[each.action]: plan.themes[each.theme].head.rule for each in decision.scored if each.theme is not None}
    return {
        "shown": shown(plan, decision),
        "treatments": {
            str(each.placement.id): [str(option.treatment.id) for option in each.options] for each in decision.filled
        },
        "reasons": {ids[at]: Reason(code).code for at, code in enumerate(decision.codes)},
        "weights": {ids[each.action]: each.weight for each in decision.scored},
        "values": {ids[each.action]: each.value for each in decision.scored},
        "terms": {
            ids[option.candidate.action]: dict(terms_of(plan, option.candidate.action, decision.row))
            for each in decision.filled
            for option in each.options
        },
        "themes": {action: str(rule).partition("/")[2] for action, rule in themes.items()},
        "ranking": [ids[each.action] for each in decision.ranking],
        "priorities": {ids[each.action]: _rounded(each.priority) for each in decision.ranking},
        "steps": {
            plan.themes[theme].head.rule.partition("/")[2]: None if step is None else ids[step]
            for theme, step in decision.steps.items()
        },
        "arms": {plan.experiments[at].id: arm for at, arm in decision.arms.items()},
        "ghosts": {
            str(each.placement.id): [ids[option.candidate.action] for option in each.options]
            for each in decision.ghosts
        },
    }


def explained(plan: Plan, request: Request, decision: Decision) -> dict[str, object]:
    """What the plan says of why and why not."""
    return {
        "because": {
            each.action: [of_because(because) for because in each.because]
            for each in why_not(plan, request, decision)
            if each.reason in BECAUSE_OF_RULES and each.because
        },
        "speaking": {
            str(plan.actions[each.action].id): [
                because.rule for because in why(plan, request, decision, each) if because.rule
            ]
            for each in decision.scored
        },
    }


BECAUSE_OF_RULES = {
    Reason.GUARD,
    Reason.SUPPRESSED,
    Reason.NOT_ELIGIBLE,
    Reason.NOT_APPLICABLE,
    Reason.NOT_SUITABLE,
    Reason.NO_REASON_NOW,
}
"""Reasons that rules and their cells give."""


def of_because(because: Because) -> tuple[object, ...]:
    """Code, rule, and of a cell that decided its place and whether it was unknown."""
    detail = because.detail or ""
    place = because.place if detail.startswith("`") else None
    unknown = "is not known" in detail
    return because.code, because.rule, None if place is None else (place.path, place.line, place.column), unknown


def of_told(case: Case, each: Told) -> tuple[object, ...]:
    """The same of a reason that the reference gives."""
    place = None if each.place is None else (f"rules/{each.place[0]}", *case.places[each.place[0]][each.place[1]])
    return each.code, each.rule, place, each.unknown


def slowly_told(plan: Plan, case: Case, answer: Answer) -> dict[str, object]:
    """What the reference decided."""
    return {
        "shown": {place: [action for action, _ in options] for place, options in answer.shown.items()},
        "treatments": {place: [treatment for _, treatment in options] for place, options in answer.shown.items()},
        "reasons": {str(action.id): answer.reasons[action.id] for action in plan.actions},
        "because": {
            str(action.id): [of_told(case, each) for each in answer.because[action.id]]
            for action in plan.actions
            if action.id in answer.because
        },
        "speaking": answer.speaking,
        "weights": {action: float(weight) for action, weight in answer.weights.items()},
        "values": {action: float(value) for action, value in answer.values.items()},
        "terms": {
            action: {name: float(term) for name, term in terms.items()} for action, terms in answer.terms.items()
        },
        "themes": answer.themes,
        "ranking": answer.ranking,
        "priorities": {action: _rounded(float(each)) for action, each in answer.priorities.items()},
        "steps": answer.steps,
        "arms": answer.arms,
        "ghosts": answer.ghosts,
    }


def _rounded(priority: float) -> str:
    """As far as products of floats are those of fractions."""
    return f"{priority:.12g}"


def fast(plan: Plan, decision: Decision) -> dict[str, object]:
    """Which rules the generated functions found to hold, and at which stage each action failed."""
    return {
        "guards": decision.guards,
        "suppressions": decision.suppressions,
        "promotions": tuple(sorted(decision.promotions)) if decision.profiling else None,
        "themes": decision.themes if decision.profiling else None,
        "needs": [bool(decision.row[plan.layout.slot_by_fact[need.name]]) for need in plan.needs],
        "stages": {at: code for at, code in enumerate(decision.codes) if code in ENGAGEMENT_STAGES},
    }


def traced(plan: Plan, request: Request, decision: Decision) -> dict[str, object]:
    """The same, by the tracer that explanations ask, one condition after the other."""
    row, truth = decision.row, plan.tracer.truth
    today = row[plan.layout.today_slot]
    assert isinstance(today, int)
    moment = None if request.moment is None else plan.moments[request.moment]
    triggers = [(at, each) for at, each in enumerate(plan.triggers) if each.head.validity.covers(today)]
    stopped = {Reason.OUTSIDE_VALIDITY, Reason.GUARD, Reason.SUPPRESSED}
    stages = {}
    for at, rules in enumerate(plan.action_rules):
        if decision.codes[at] in stopped or (version := rules.on(today)) is None:
            continue
        failed = next((reason for condition, reason in version.stages if truth(condition, row) is not True), None)
        if failed is not None:
            stages[at] = int(failed)
    return {
        "guards": tuple(
            at
            for at, each in enumerate(plan.guards)
            if each.head.validity.covers(today) and truth(each.condition, row, guarded=True) is not False
        ),
        "suppressions": tuple(
            at
            for at, each in triggers
            if each.suppression is not None
            and (moment is None or each.moments is None or moment in each.moments)
            and truth(each.suppression, row) is not False
        ),
        "promotions": tuple(
            at
            for at, each in triggers
            if each.promotes and (each.moments is None or moment in each.moments) and truth(each.condition, row)
        )
        if decision.profiling
        else None,
        "themes": tuple(
            at for at, each in enumerate(plan.themes) if each.head.validity.covers(today) and truth(each.condition, row)
        )
        if decision.profiling
        else None,
        "needs": [_needed(plan, need, decision) for need in plan.needs],
        "stages": stages,
    }


def _needed(plan: Plan, need: Need, decision: Decision) -> bool:
    if plan.tracer.truth(need.condition, decision.row):
        return True
    held = decision.row[plan.layout.last_held_slot_by_need[need.name]]
    now = decision.row[plan.layout.now_slot]
    assert isinstance(held, int)
    assert isinstance(now, int)
    if need.lasts is None:
        return False
    return held >= before(datetime.fromtimestamp(now, plan.zone), need.lasts).timestamp()


def floats(propensities: Mapping[str, Fraction]) -> dict[str, float]:
    """Propensities as a model gives them."""
    return {action: float(each) for action, each in propensities.items()}


# --- from natural values to what the engine takes --------------------------------------------------------------------


def plan_of(case: Case) -> Plan:
    """The compiled rules. Checks are left out: whether anybody can match is nothing that decisions hang on."""
    problems = Problems()
    files = {path: text.encode() for path, text in case.files.items()}
    read = read_rules(parse_all(files, "rules", problems), problems, "rules")
    found = [each for each in problems.sorted() if each.code is not Code.RANKING_FALLS]
    assert not found, "\n".join(map(str, found))
    return plan_of_rules(read, hash_of(files), ())


def seconds(at: datetime) -> int:
    """An instant in seconds since the epoch."""
    return int(at.timestamp())


def snapshot_of(plan: Plan, person: Person) -> Snapshot:
    """Somebody as the store holds them."""
    facts: dict[str, Natural] = {
        name: sorted(value) if isinstance(value, frozenset) else value for name, value in person.facts.items()
    }
    state = plan.event_layout.empty(0 if person.kept_since is None else seconds(person.kept_since))
    for each in person.events:
        spec = plan.catalogue.events[EventName(each.event)]
        fields = spec.hold(cast(dict[str, Natural], each.fields))
        state = plan.event_layout.fold(state, Event(name=spec.name, at=seconds(each.at), fields=fields))
    for at, kept in enumerate(plan.event_layout.filters):
        if kept.event in person.kept_later:
            state[plan.event_layout.own_offset + at] = seconds(person.kept_later[kept.event])
    return Snapshot(
        known=person.known,
        profile=plan.profile_schema.encode(facts),
        events=state,
        needs={FactName(name): seconds(at) for name, at in person.last_held.items()},
        contacts=[contact_of(plan, touch) for touch in person.touches],
        consent=Consent(version=1, allowed_by_purpose=person.consent, profiling_objection=person.objection),
    )


def contact_of(plan: Plan, touch: Touch) -> Contact:
    """A contact as histories hold it."""
    return Contact(
        at=seconds(touch.at),
        action_hash=plan.actions[plan.position_by_action[ActionId(touch.action)]].hash,
        session_hash=hash32(touch.session),
        channel=plan.channel_by_id[ChannelId(touch.channel)].position,
        state=ContactState[touch.state.upper()],
        reason=DeclineReason[touch.reason.upper()],
        validity=validity_code(touch.minutes),
    )


def request_of(plan: Plan, question: Question) -> Request:
    """The question in the engine's terms."""
    channel = plan.channel_by_id[ChannelId(question.channel)]
    moment = None if question.moment is None else MomentId(question.moment)
    asked = [
        PlacementRequest(placement=channel.placements[PlacementId(place)], count=count)
        for place, count in question.placements
    ]
    specs = plan.catalogue.context
    named = {FactName(f"context.{name}"): value for name, value in question.context.items()}
    return Request(
        customer=question.customer,
        channel=channel,
        moment=None if moment is None else plan.moments.index(moment),
        bank_initiated=moment is not None and channel.initiated_by_bank[moment],
        placements=tuple(sorted(asked, key=lambda each: each.placement.precedence)),
        context={name: hold(specs[name], cast(Natural, value)) for name, value in named.items()},
        locale=question.locale,
        session_id=question.session,
        only=None if question.only is None else positions(plan, question.only),
        exclude=positions(plan, question.exclude),
    )


def positions(plan: Plan, actions: frozenset[str]) -> frozenset[int]:
    """Where actions stand in the plan."""
    return frozenset(plan.position_by_action[ActionId(each)] for each in actions)
