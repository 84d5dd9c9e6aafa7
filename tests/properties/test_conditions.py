"""What a missing fact may do to a condition, whatever the condition."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Plan
from tests.reference.drawing.chance import Draw, Drawn
from tests.reference.drawing.people import Case, PeopleDice
from tests.reference.drawing.writing import lines
from tests.reference.facts import tree_of
from tests.reference.natural import Person, Question, Tree
from tests.reference.translation import decision_of, plan_of

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)


@st.composite
def judged_conditions(draw: Draw) -> tuple[Case, Person, Question]:
    """A bank of one action with a condition that asks for no gaps; somebody, and the same somebody less well known."""
    dice = PeopleDice(Drawn(draw), NOW, ZoneInfo("Europe/London"), gaps=False, actions=["p0"], groups_used=["home"])
    trees: dict[str, Tree] = {
        "bank.yaml": {"bank": "b", "name": "B", "currency": "GBP", "time_zone": "Europe/London"},
        "catalogue.yaml": dice.catalogue(),
        "channels.yaml": dice.channels(),
        "policy/guards.yaml": dice.guards(),
        "actions/p0.yaml": {
            "action": "p0",
            "group": "home",
            "value": "1",
            "eligible": {"when": dice.block(3), "unless": [dice.block(2)]},
            "treatments": {"web.*": {"headline": "x"}},
        },
    }
    files = {path: lines(tree_of(tree)) for path, tree in trees.items()}
    person, question = dice.person(), dice.question()
    return Case(files=files, people=((person, question), less_known(dice, person, question))), person, question


def less_known(dice: PeopleDice, person: Person, question: Question) -> tuple[Person, Question]:
    """The same person with something taken away: a fact, a set, an answer, a piece of context, or early history."""
    match dice.pick(("fact", "consent", "context", "history")):
        case "fact" if person.facts:
            gone = dice.pick(sorted(person.facts))
            person = replace(person, facts={name: value for name, value in person.facts.items() if name != gone})
        case "consent":
            person = replace(person, consent={})
        case "context":
            question = replace(question, context={})
        case _:
            since = person.kept_since or NOW - timedelta(days=dice.number(0, 500))
            person = replace(person, kept_since=max(since, NOW - timedelta(days=dice.number(0, 40))))
    return person, question


def truth(plan: Plan, person: Person, question: Question) -> bool | None:
    """What the condition is."""
    decision = decision_of(plan, person, question)
    return plan.tracer.truth(plan.action_rules[0].eligible, decision.row)


@settings(max_examples=150)
@given(judged_conditions())
def test_knowing_less_never_turns_a_condition(drawn: tuple[Case, Person, Question]) -> None:
    """It stays what it was or becomes unknown, so a missing fact never makes anyone eligible."""
    case, _, _ = drawn
    plan = plan_of(case)
    known, less = (truth(plan, person, question) for person, question in case.people)
    assert less in (known, None)


@settings(max_examples=60)
@given(judged_conditions())
def test_generated_code_and_tracer_judge_alike(drawn: tuple[Case, Person, Question]) -> None:
    """What decides and what explains are made from one tree."""
    case, person, question = drawn
    plan = plan_of(case)
    decision = decision_of(plan, person, question)
    codes = bytearray(1)
    plan.generated.engage(question_channel(plan, question), decision.row, codes)
    assert (not codes[0]) is (plan.tracer.truth(plan.action_rules[0].eligible, decision.row) is True)


def question_channel(plan: Plan, question: Question) -> int:
    """The channel's position."""
    return next(channel.position for channel in plan.channels if channel.id == question.channel)
