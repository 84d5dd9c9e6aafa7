"""Where an action's way ends, counted over customers: first failures, unknown apart, by channel and moment."""

from datetime import timedelta

from api.population.funnel import Course, Funnel, Step, questions_of
from engine import Plan, Snapshot
from engine.ids import ChannelId
from engine.reasons import Reason
from tests.builders import NOW, a_customer, a_plan, a_trigger, an_action, an_event, the_guards

PLAN = a_plan(
    an_action(
        "isa",
        "eligible: {when: {age: at least 18}}\nsuitable: {when: {income: at least 1_000, verified: true}}\n"
        "show: only_when_promoted",
        title="Cash ISA",
    ),
    a_trigger("quoted", "title: Asked for a quote\nhistory: [{seen: quote, in: 30d}]\npromote: {isa: 2}"),
    a_trigger("visit", "when: {tenure: at least 2}\npromote: {isa: 2}", on="{moment: [page_viewed]}"),
    the_guards("{guard: flagged, title: Flagged, stops: {all: true}, when: {flagged: true}}"),
)


def _funnel(plan: Plan, *customers: Snapshot, channel: str = "web", moment: str | None = "session_started") -> Course:
    questions = questions_of(plan, [plan.channel_by_id[ChannelId(channel)]], moment)
    funnel = Funnel(plan, 0, questions, NOW)
    for at, customer in enumerate(customers):
        funnel.see(f"C{at}", customer)
    (course,) = funnel.courses
    return course


def _customer(*, quoted: bool = False, **facts: object) -> Snapshot:
    events = [an_event(PLAN, "quote", timedelta(days=1))] if quoted else []
    known = {"flagged": False, "age": 30, "income": 2_000, "verified": True, **facts}
    return a_customer(PLAN, {name: value for name, value in known.items() if value is not None}, events=events)  # type: ignore[misc]


def test_every_customer_is_counted_where_the_way_ends_first() -> None:
    course = _funnel(
        PLAN,
        _customer(flagged=True, age=10),
        _customer(age=10, income=5),
        _customer(income=5, verified=False),
        _customer(verified=False),
        _customer(),
        _customer(quoted=True),
    )
    ended = {(step.reason, step.cell, step.place): count for step, count in course.ended.items()}
    assert ended == {
        (Reason.GUARD, "flagged: true", "rules/policy/guards.yaml:4:5"): 1,
        (Reason.NOT_ELIGIBLE, "age: at least 18", "rules/actions/isa.yaml:6:24"): 1,
        (Reason.NOT_SUITABLE, "income: at least 1_000", "rules/actions/isa.yaml:7:27"): 1,
        (Reason.NOT_SUITABLE, "verified: true", "rules/actions/isa.yaml:7:53"): 1,
        (Reason.NO_REASON_NOW, "", ""): 1,
    }
    assert (course.asked, course.ranked, course.first) == (6, 1, 1)
    assert sum(course.ended.values()) + course.ranked == course.asked


def test_unknown_is_counted_apart() -> None:
    course = _funnel(PLAN, _customer(age=None), _customer(age=10), _customer(age=None, flagged=None))
    steps = {step.reason: step for step in course.ended}
    eligible, guard = steps[Reason.NOT_ELIGIBLE], steps[Reason.GUARD]
    assert (course.ended[eligible], course.unknown[eligible]) == (2, 1)
    assert (course.ended[guard], course.unknown[guard]) == (1, 1)


def test_what_could_have_been_a_reason_is_told_one_by_one() -> None:
    course = _funnel(PLAN, _customer(), _customer())
    missed = {(step.title, step.cell, step.detail): count for step, count in course.missed.items()}
    assert missed == {
        ("Asked for a quote", "seen: quote, in: 30d", ""): 2,
        ("visit", "", "it counts at these moments only: page_viewed"): 2,
    }


def test_steps_stand_in_the_order_of_the_stages_then_of_the_files() -> None:
    steps = [
        Step(Reason.NOT_WORTH_CONTACT, "", "", "", "", ""),
        Step(Reason.NOT_SUITABLE, "", "", "rules/actions/a.yaml:10:4", "", ""),
        Step(Reason.NOT_SUITABLE, "", "", "rules/actions/a.yaml:9:40", "", ""),
        Step(Reason.GUARD, "", "", "rules/policy/guards.yaml:7:5", "", ""),
    ]
    assert sorted(steps, key=lambda step: step.at) == list(reversed(steps))


def test_questions_are_put_at_every_moment_of_every_channel() -> None:
    asked = questions_of(PLAN, PLAN.channels, None)
    labels = [(each.channel.id, None if each.moment is None else PLAN.moments[each.moment]) for each in asked]
    assert ("web", "session_started") in labels
    assert ("web", "page_viewed") in labels
    assert len(labels) == sum(len(channel.initiated_by_bank) or 1 for channel in PLAN.channels)
    assert questions_of(PLAN, PLAN.channels, "nowhere") == ()


def test_courses_add_up() -> None:
    one, other = _funnel(PLAN, _customer(age=10)), _funnel(PLAN, _customer(quoted=True), moment="page_viewed")
    whole = Course()
    whole.add(one)
    whole.add(other)
    assert (whole.asked, whole.ranked, sum(whole.ended.values())) == (2, 1, 1)


def test_facts_that_nobody_has_are_named() -> None:
    """A condition on them can admit nobody, whatever it asks."""
    funnel = Funnel(PLAN, 0, questions_of(PLAN, [PLAN.channel_by_id[ChannelId("web")]], "session_started"), NOW)
    for age in (30, None):
        funnel.see("C", _customer(age=age, income=None))
    assert funnel.unknown_to_all == ("income", "tenure")
