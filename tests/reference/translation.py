"""Takes a drawn case to the engine: files compiled, people as snapshots, questions as requests, answers in words."""

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import cast

from hypothesis import event, note, reject
from ruamel.yaml import YAML

from engine import Decision, Plan, Request, RuleErrors, Snapshot, compile_bundle, decide
from engine.contacts import Contact, ContactState, DeclineReason, hash32, validity_code
from engine.decision import PlacementRequest
from engine.errors import Code, Severity
from engine.events import Event
from engine.facts import Consent, Natural, hold
from engine.ids import ActionId, ChannelId, EventName, FactName, MomentId, PlacementId
from engine.reasons import Reason
from tests.builders import KEY, SteadyScorer, shown
from tests.reference.drawing.people import Case
from tests.reference.evaluator import Answer
from tests.reference.natural import Person, Question, Touch, Tree

NOBODY = (Code.IMPOSSIBLE_CONDITION, Code.NEVER_CANDIDATE)
"""What may be wrong with drawn rules: nobody can match them."""


def documents_of(case: Case) -> dict[str, Tree]:
    """The rule files as trees of text, for the reference."""
    return {path: cast(Tree, YAML(typ="base").load(text)) for path, text in case.files.items()}


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
    )


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
        "themes": {action: str(rule).partition("/")[2] for action, rule in themes.items()},
        "ranking": [ids[each.action] for each in decision.ranking],
        "steps": {
            plan.themes[theme].head.rule.partition("/")[2]: None if step is None else ids[step]
            for theme, step in decision.steps.items()
        },
    }


def slowly_told(plan: Plan, answer: Answer) -> dict[str, object]:
    """What the reference decided."""
    return {
        "shown": {place: [action for action, _ in options] for place, options in answer.shown.items()},
        "treatments": {place: [treatment for _, treatment in options] for place, options in answer.shown.items()},
        "reasons": {str(action.id): answer.reasons[action.id] for action in plan.actions},
        "weights": {action: float(weight) for action, weight in answer.weights.items()},
        "themes": answer.themes,
        "ranking": answer.ranking,
        "steps": answer.steps,
    }


def floats(propensities: Mapping[str, Fraction]) -> dict[str, float]:
    """Propensities as a model gives them."""
    return {action: float(each) for action, each in propensities.items()}


# --- from natural values to what the engine takes --------------------------------------------------------------------


def plan_of(case: Case) -> Plan:
    """The compiled rules; drawn conditions that no customer can match are drawn again."""
    try:
        return compile_bundle({path: text.encode() for path, text in case.files.items()}).plan
    except RuleErrors as error:
        if all(each.code in NOBODY or each.severity is Severity.WARNING for each in error.diagnostics):
            event("refused: nobody can match")
            reject()
        for path, text in case.files.items():
            note(f"--- {path}\n{text}")
        raise


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
        customer="C0000001",
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
