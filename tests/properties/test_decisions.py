"""What holds of every decision, whatever the rules, the customer and the question."""

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Decision, Plan
from engine.contacts import ContactState
from engine.decision import WHOLE
from engine.exploration import pick
from engine.reasons import Reason
from tests.builders import KEY
from tests.reference.contacts import ContactRules
from tests.reference.drawing.people import Case, cases
from tests.reference.evaluator import Evaluator
from tests.reference.natural import Question, Touch
from tests.reference.translation import decision_of, documents_of, plan_of, told

STOPPING = (
    Reason.OUTSIDE_VALIDITY,
    Reason.GUARD,
    Reason.SUPPRESSED,
    Reason.NOT_ELIGIBLE,
    Reason.NOT_APPLICABLE,
    Reason.NOT_SUITABLE,
    Reason.CAPPED,
    Reason.COOLING_OFF,
    Reason.QUIET_HOURS,
    Reason.NO_TREATMENT,
)
"""What forbids an action; the other reasons say that it may be shown, and why it is not."""
EXPLORING = {"policy/arbitration.yaml": "exploration: {bound: 0.5}\n"}


def everything_told(plan: Plan, decision: Decision) -> object:
    """All of a decision that can be compared: NaN differs from itself."""
    draws = [option.draw for each in decision.filled for option in each.options]
    valid_until = [option.valid_until for each in decision.filled for option in each.options]
    return told(plan, decision), draws, valid_until, decision.new_contacts, decision.blocked, bytes(decision.codes)


def exploring(case: Case) -> Case:
    """The same bank, exploring widely."""
    return replace(case, files={**case.files, **EXPLORING})


def decisions(plan: Plan, case: Case, positives: int = 0) -> Iterator[Decision]:
    """What everybody of a case is told."""
    for person, question in case.people:
        yield decision_of(plan, person, question, positives=positives)


def permitted(decision: Decision) -> set[int]:
    """The actions that nothing forbids."""
    return {action for action, code in enumerate(decision.codes) if code not in STOPPING}


@settings(max_examples=40)
@given(cases())
def test_same_input_gives_the_same_decision(case: Case) -> None:
    """By the same plan, by one compiled anew, and by one whose files came in another order."""
    case = exploring(case)
    plan = plan_of(case)
    again = plan_of(replace(case, files={path: case.files[path] for path in sorted(case.files, reverse=True)}))
    assert again.hash == plan.hash
    for first, second, third in zip(decisions(plan, case), decisions(plan, case), decisions(again, case), strict=True):
        assert everything_told(plan, first) == everything_told(plan, second) == everything_told(again, third)


@settings(max_examples=50)
@given(cases(), st.sampled_from([0, 500]))
def test_every_action_has_an_end_and_its_place(case: Case, positives: int) -> None:
    """Nothing stays open; chosen are exactly those shown, each once, where they fit, no more than asked for."""
    plan = plan_of(exploring(case))
    for decision, (_, question) in zip(decisions(plan, case, positives), case.people, strict=True):
        assert Reason.OPEN not in decision.codes
        shown = [option.candidate.action for each in decision.filled for option in each.options]
        assert len(shown) == len(set(shown))
        assert set(shown) == {action for action, code in enumerate(decision.codes) if code == Reason.CHOSEN}
        for first in shown:
            assert not plan.never_with.get(first, frozenset()) & (set(shown) - {first})
        counts = dict(question.placements)
        for each in decision.filled:
            groups = [plan.actions[option.candidate.action].group for option in each.options]
            assert len(groups) <= counts[each.placement.id]
            assert all(groups.count(group) <= (each.placement.max_per_group or 99) for group in groups)
            assert each.placement.accepts is None or set(groups) <= each.placement.accepts
            tiers = [plan.actions[option.candidate.action].tier for option in each.options]
            assert tiers == sorted(tiers)


@settings(max_examples=50)
@given(cases())
def test_guards_hold(case: Case) -> None:
    """No decision passes what a guard does not leave alone, explored or not."""
    plan, documents = plan_of(exploring(case)), documents_of(case)
    for decision, (person, question) in zip(decisions(plan, case, 500), case.people, strict=True):
        reference = Evaluator(documents, person, question, KEY)
        profiling = reference._guard()
        stopped = {action for action, reason in reference.reasons.items() if reason == "guard"}
        shown = {plan.actions[option.candidate.action].id for each in decision.filled for option in each.options}
        assert not stopped & shown
        assert decision.profiling is profiling
        if not profiling:
            assert not decision.promotions
            assert {each.weight for each in decision.scored} <= {1.0}


@settings(max_examples=50)
@given(cases())
def test_caps_are_never_exceeded(case: Case) -> None:
    """Whatever is shown, every cap holds for the contacts before and the new ones together."""
    plan, documents = plan_of(exploring(case)), documents_of(case)
    for decision, (person, question) in zip(decisions(plan, case, 500), case.people, strict=True):
        reference = Evaluator(documents, person, question, KEY)
        before = reference.contact
        after = ContactRules(
            documents,
            reference.actions,
            reference.journeys,
            replace(person, touches=(*person.touches, *reserved(plan, decision, question))),
            question,
            reference.zone,
        )
        for cap in before._caps:
            if not cap.accepts:
                assert after._count(cap) <= max(cap.limit, before._count(cap))


def reserved(plan: Plan, decision: Decision, question: Question) -> list[Touch]:
    """The new contacts of a decision, in natural values."""
    return [
        Touch(
            at=question.now,
            action=str(plan.actions[plan.position_by_hash[contact.action_hash]].id),
            session="this one",
            channel=question.channel,
            state=ContactState(contact.state).name.lower(),
            reason="none",
            minutes=10,
        )
        for contact in decision.new_contacts
    ]


@settings(max_examples=60)
@given(cases(), st.sampled_from(["suppression", "guard", "cap"]))
def test_new_restriction_never_widens_what_is_permitted(case: Case, kind: str) -> None:
    """A suppression, a guard or a cap more: nobody may be shown what they might not be shown before."""
    if kind == "cap":
        case = replace(case, files={**case.files, "policy/contact.yaml": "caps: []\n"})
    plan = plan_of(case)
    restricted = plan_of(replace(case, files={**case.files, **restriction(case, kind, plan)}))
    for before, after in zip(decisions(plan, case), decisions(restricted, case), strict=True):
        assert permitted(after) <= permitted(before)


def restriction(case: Case, kind: str, plan: Plan) -> dict[str, str]:
    """The file that restricts."""
    match kind:
        case "suppression":
            suppress = f"suppress: {{actions: [{plan.actions[0].id}], for: 1y}}"
            return {"customized/new.yaml": f"trigger: new\nhistory: [{{ever: quoted}}]\n{suppress}\n"}
        case "guard":
            guard = ", {guard: new, stops: {tiers: [offer]}, when: {request.channel: web}}]\n"
            return {"policy/guards.yaml": case.files["policy/guards.yaml"].rstrip().removesuffix("]") + guard}
        case _:
            cap = "{cap: new, per: customer, tiers: [service, offer], limit: 1, in: 30d}"
            return {"policy/contact.yaml": f"caps: [{cap}]\n"}


@settings(max_examples=40)
@given(cases(people=3))
def test_record_of_a_draw_explains_who_won(case: Case) -> None:
    """Weights are whole and sum to 2 ** 32, and the drawn share is the winner's; only offers are drawn."""
    plan = plan_of(exploring(case))
    for positives in (0, 500):
        for decision in decisions(plan, case, positives):
            for option in (option for each in decision.filled for option in each.options):
                if option.draw is None:
                    assert plan.actions[option.candidate.action].tier != 2
                    continue
                weights = option.draw.weights
                assert sum(weights) == WHOLE
                assert min(weights) >= 0
                assert option.draw.actions[pick(weights, option.draw.drawn)] == option.candidate.action


@settings(max_examples=30)
@given(cases(people=2))
def test_nobody_else_is_looked_at(case: Case) -> None:
    """A decision depends on its own customer alone: the order in which people come does not matter."""
    plan = plan_of(case)
    forwards = [everything_told(plan, each) for each in decisions(plan, case)]
    backwards = [
        everything_told(plan, each) for each in decisions(plan, replace(case, people=tuple(reversed(case.people))))
    ]
    assert forwards == backwards[::-1]
