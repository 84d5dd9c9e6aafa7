"""Needs and themes as rules for durable-rules: what they look like, and what is told of a customer."""

import pytest

from engine.compiler.need_program import MOST_WAYS_TOGETHER, NeedProgram, need_program
from engine.errors import RuleErrors, Severity
from engine.plan import Plan
from engine.row import assemble
from tests.builders import CATALOGUE, NOW, a_customer, a_plan, a_question, a_theme, an_event


def a_home(*needs: str, active: str = "{needs.a: true}") -> dict[str, str]:
    """A theme with some needs, one a line."""
    declared = "needs:\n" + "\n".join(f"  - {need}" for need in needs)
    return a_theme("home", declared, active=active, journey="[isa]", weight=1.4)


def rules_of(program: NeedProgram) -> list[dict[str, object]]:
    """The rules by stratum, what each asks for."""
    return [
        {name: rule["all"][0]["m"] for each in sets for name, rule in each.rules.items()}  # type: ignore[index]  # as written
        for sets in program.strata
    ]


def told(plan: Plan, program: NeedProgram, **facts: object) -> dict[str, int]:
    """The numbers of somebody."""
    message: dict[str, int] = {}
    row = assemble(plan, a_question(plan), a_customer(plan, **facts), NOW)  # type: ignore[arg-type]  # facts by name
    program.told(row, message)
    return message


def test_facts_lead_to_needs_in_the_order_of_strata() -> None:
    """What reads a need comes after every rule that concludes it; each block of a need is a rule."""
    plan = a_plan(
        a_home(
            "{need: a, when: {needs.b: true, age: 23..45}, lasts: 30d}",
            "{need: b, when: {income: '> 1_000'}}",
            "{need: b, when: {verified: false}}",
        )
    )
    program = need_program(plan)
    assert rules_of(program) == [
        {"n0_0": {"$gt": {"f0": 100_000}}, "n0_1": {"f1": 0}},
        {"n1_0": {"$and": [{"n2": 1}, {"$gte": {"f3": 23}}, {"$lte": {"f3": 45}}]}, "n1_lasts": {"l1": 1}},
        {"t0": {"n4": 1}},
    ]
    assert told(plan, program, age=30, income=2_000, verified=False) == {"t": 1, "f0": 200_000, "f1": 0, "f3": 30}
    assert told(plan, program, age=30) == {"t": 1, "f3": 30}


def test_every_rule_says_where_its_block_stands() -> None:
    """Two blocks of one need are two lines."""
    plan = a_plan(a_home("{need: a, when: {age: '> 20'}}", "{need: a, when: {tenure: '> 5'}}"))
    lines = {rule: each.span.line for rule, each in need_program(plan).conclusions.items()}
    assert lines["n0_1"] == lines["n0_0"] + 1


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("age: '> 20.5'", {"$gt": {"f0": 20}}),
        ("age: '< 20.5'", {"$lt": {"f0": 21}}),
        ("age: [20, 21, 25]", {"$or": [{"$and": [{"$gte": {"f0": 20}}, {"$lte": {"f0": 21}}]}, {"f0": 25}]}),
        ("age: not 20", {"$or": [{"$lte": {"f0": 19}}, {"$gte": {"f0": 21}}]}),
        ("nickname: [Bo, Al]", {"$and": [{"$gte": {"f0": 1}}, {"$lte": {"f0": 2}}]}),
        ("nickname: not Bo", {"$or": [{"$lte": {"f0": 0}}, {"$gte": {"f0": 2}}]}),
        ("work: not student", {"$or": [{"$lte": {"f0": 0}}, {"$gte": {"f0": 2}}]}),
        ("income: '> 2 * rent'", {"c0": 1}),
        ("holds.isa: false", {"c0": 0}),
        ("renews_on: within 30d", {"c0": 1}),
        ("age: present", {"c0": 1}),
        ("none: [{age: '> 20', tenure: '> 5'}]", {"$or": [{"$lte": {"f0": 20}}, {"$lte": {"f1": 5}}]}),
    ],
)
def test_rule_asks_for_one_number_at_a_time(cell: str, expected: object) -> None:
    """What needs the clock, a set, or two facts is answered beforehand, true or false, or not at all."""
    program = need_program(a_plan(a_home(f"{{need: a, when: {{{cell}}}}}")))
    assert rules_of(program)[0] == {"n0_0": expected}


def test_what_is_answered_beforehand_is_told_as_true_false_or_not_at_all() -> None:
    """History among it; texts that no rule asks for are all one number."""
    plan = a_plan(a_home("{need: a, when: {income: '> 2 * rent', nickname: Bo}, history: [{seen: quote, in: 30d}]}"))
    program = need_program(plan)
    quoted = [an_event(plan, "quote")]
    assert told(plan, program, income=50, rent=20, nickname="Bo", events=quoted) == {"t": 1, "c0": 1, "f0": 1, "c1": 1}
    assert told(plan, program, income=30, nickname="Al") == {"t": 1, "f0": 0, "c1": 0}


def test_rule_sets_stay_within_what_durable_rules_can_do() -> None:
    """However many needs there are, and in however many ways each may hold."""
    wide = "{{need: a{0}, when: {{any: [{{age: '> {0}'}}, {{tenure: '> {0}'}}]}}}}"
    plan = a_plan(a_home("{need: a, when: {age: 3}}", *(wide.format(number) for number in range(1, 80))))
    first, *_ = need_program(plan).strata
    assert len(first) > 1
    assert all(len(each.rules) <= MOST_WAYS_TOGETHER for each in first)
    assert sum(len(each.rules) for each in first) == 159


def test_need_with_too_many_ways_to_hold_is_refused() -> None:
    """With its place, and what to do about it."""
    seven = "any: [{age: 1}, {age: 3}, {age: 5}, {age: 7}, {tenure: 1}, {tenure: 3}, {tenure: 5}]"
    more = "any: [{rent: 1}, {rent: 3}, {rent: 5}, {rent: 7}, {income: 1}, {income: 3}, {income: 5}]"
    with pytest.raises(RuleErrors) as found:
        a_plan(a_home(f"{{need: a, when: {{all: [{{{seven}}}, {{{more}}}]}}}}"))
    problem = next(each for each in found.value.diagnostics if each.severity is Severity.ERROR)
    assert "the need `needs.a` can hold in 49 ways at once; at most 48 are inferred" in str(problem)
    assert problem.hint == "give one of its `any` lists a need of its own, and ask for that need"


@pytest.mark.parametrize("history", ["{seen: need_began, in: 3d}", "{not_seen: quote, since: need_ended}"])
def test_need_cannot_depend_on_the_report_of_a_need(history: str) -> None:
    """They could call for each other for ever; triggers may."""
    with pytest.raises(RuleErrors, match="which reports needs"):
        a_plan(a_home(f"{{need: a, history: [{history}]}}"))


def test_catalogue_cannot_name_an_event_like_a_report() -> None:
    """Nobody could tell the two apart."""
    changed = CATALOGUE.replace("  complaint: {", "  need_began: {")
    with pytest.raises(RuleErrors, match="is what nextbest itself reports of needs"):
        a_plan({"catalogue.yaml": changed}, a_home("{need: a, when: {age: 3}}"))
