"""A bank's own formula for priorities: what it may say, what it comes to, and how it is explained."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Plan
from engine.compiler.carry import pack_plan, unpack_plan
from engine.compiler.formula import Amount, Calculation, Factor, Term, result
from engine.explain import why, why_not
from engine.facts import Consent
from tests.builders import (
    CONSENTING,
    SteadyScorer,
    a_customer,
    a_plan,
    a_question,
    an_action,
    decided,
    offered,
    problems_of,
    ranked,
    reasons,
    the_arbitration,
    the_guards,
)

PROPENSITIES = {"isa": 0.01, "loan": 0.20, "card": 0.05}


def a_bank(formula: str, lines: str = "", *parts: dict[str, str]) -> Plan:
    """It expects 2.00 of its ISA, 10.00 of its loan and 7.50 of its card."""
    return a_plan(
        an_action("isa", value=200),
        an_action("loan", value=50, group="loans"),
        an_action("card", value=150, group="cards"),
        the_arbitration(f'ranking: "{formula}"\n{lines}'),
        *parts,
    )


def test_formula_of_the_product_ranks_as_without_one() -> None:
    """Which is what everybody has who writes none."""
    plan = a_bank("propensity * value * context_weight * lever")
    decision = decided(plan, scorer=SteadyScorer(plan, PROPENSITIES))
    assert ranked(plan, decision) == ["loan", "card", "isa"]
    assert [each.priority for each in decision.ranking] == pytest.approx([1_000.0, 750.0, 200.0])


@pytest.mark.parametrize(
    ("formula", "isa"),
    [
        ("value", 200.0),
        ("propensity * value + 3", 5.0),
        ("value - 150 - 20", 30.0),
        ("value / 4 / 2", 25.0),
        ("2 + value * 3", 602.0),
        ("(2 + value) * 3", 606.0),
        ("min(value, 120, 300) + max(lever, 2)", 122.0),
        ("-propensity + 1_000", 999.99),
        ("value * rent", 200 * 950.5),
        ("value + 2 * tenure", 224.0),
        ("value / (tenure - 12)", 0.0),
        ("propensity - value", 0.0),
        ("value + income", 0.0),
        ("max(value, income)", 0.0),
        ("value * 1_000_000_000 * 1_000_000_000", 0.0),
    ],
)
def test_formula_comes_to_what_it_says(formula: str, isa: float) -> None:
    """In major units; below zero, unknown, divided by zero and beyond bounds it is nothing."""
    plan = a_bank(formula)
    customer = a_customer(plan, rent=950.5, tenure=12)
    decision = decided(plan, customer=customer, scorer=SteadyScorer(plan, PROPENSITIES))
    found = next(each for each in decision.ranking if plan.actions[each.action].id == "isa")
    assert found.priority / 100 == pytest.approx(isa)


def test_unknown_fact_ranks_last_and_excludes_nobody() -> None:
    """Nothing is rejected for a number that nobody knows; ties fall back to the action id."""
    plan = a_bank("propensity * value * tenure")
    decision = decided(plan, customer=a_customer(plan), scorer=SteadyScorer(plan, PROPENSITIES))
    assert ranked(plan, decision) == ["card", "isa", "loan"]


def test_worth_it_and_tiers_stand_before_the_formula() -> None:
    """A formula orders; what is not worth the contact stays out, and a duty comes first."""
    duty = an_action("duty", value=1, tier="must", group="duties")
    poor = an_action("poor", value=1, group="poor")
    plan = a_bank("1_000 - value", "", duty, poor)
    question = a_question(plan, "phone.card", moment="outbound", count=2)
    scorer = SteadyScorer(plan, {**PROPENSITIES, "poor": 0.01})
    decision = decided(plan, question, scorer=scorer)
    assert offered(plan, decision) == ["duty", "loan"]
    assert reasons(plan, decision)["poor"] == "not_worth_contact"


def test_formula_is_off_where_the_customer_objected_to_profiling() -> None:
    """It reads facts; the product of the factors does not."""
    guard = "{guard: objects, effect: no_profiling, when: {consent.profiling_objection: true}}"
    plan = a_bank("value", "", the_guards(guard, defaults="{consent.profiling_objection: false}"))
    allowed = CONSENTING.allowed_by_purpose
    scorer = SteadyScorer(plan, PROPENSITIES)
    for objects, best in ((False, "isa"), (True, "loan")):
        consent = Consent(version=1, allowed_by_purpose=allowed, profiling_objection=objects)
        decision = decided(plan, customer=a_customer(plan, consent=consent), scorer=scorer, baseline=scorer)
        assert ranked(plan, decision)[0] == best


def test_explanation_gives_the_formula_with_everything_that_went_in() -> None:
    """For the one that was chosen, and for those that it outranked."""
    plan = a_bank("propensity * value + 0.5 * tenure")
    customer, question = a_customer(plan, tenure=12), a_question(plan)
    decision = decided(plan, question, customer, scorer=SteadyScorer(plan, PROPENSITIES))
    (chosen,) = [each for each in why(plan, question, decision, decision.ranking[0]) if each.code == "ranking"]
    assert chosen.detail == (
        "16.0000 = propensity * value + 0.5 * tenure, with propensity 0.2000, value 50.00, context_weight 1.00, "
        "lever 1.00, tenure 12"
    )
    assert chosen.place == plan.ranking.span if plan.ranking else False
    isa = next(each for each in why_not(plan, question, decision) if each.action == "isa")
    assert str(isa.because[0].detail).startswith("ranked 3 of 3: priority 8.0000 = propensity * value + 0.5 * tenure,")


def test_formula_travels_with_the_plan() -> None:
    """To the processes that serve it."""
    plan = a_bank("value / lever + tenure")
    carried = unpack_plan(pack_plan(plan))
    row = decided(plan, customer=a_customer(plan, tenure=12)).row
    assert carried.ranking == plan.ranking
    assert carried.generated.priority(row, 0.1, 100.0, 1.0, 2.0) == 62.0


def test_surplus_is_dropped_by_the_formula_at_its_highest() -> None:
    """Of 45 actions the five go unscored that could not come first."""
    actions = [an_action(f"a{at:02}", value=10 + at) for at in range(45)]
    plan = a_plan(*actions, the_arbitration('ranking: "1_000 * propensity / value"\n'))
    found = reasons(plan, decided(plan))
    assert [name for name, reason in found.items() if reason == "not_scored"] == [f"a{at}" for at in range(40, 45)]


@pytest.mark.parametrize(
    ("formula", "problem"),
    [
        ("propensity * valu", "unknown factor or fact `valu`; did you mean `value`?"),
        ("value * work", "`work` is no number, so nothing can be calculated with it"),
        ("value * holds.isa", "`holds.isa` is no number"),
        ("tenure + 1", "the ranking formula names no factor"),
        ("value +", "the formula ends too early"),
        ("value * (lever + 1", "a bracket is not closed; add `)`"),
        ("value lever", "`lever` stands where an operator belongs"),
        ("value ^ 2", "cannot read `^` in a formula"),
        ("value * * 2", "`*` stands where a number belongs"),
        ("min value", "`min` needs brackets; such as `min(value, 500)`"),
        ("(" * 20 + "value" + ")" * 20, "brackets lie at most 16 deep"),
        ("value" + " + 1" * 130, "at most 500 characters"),
        ("value" + "+1" * 60, "at most 100 numbers, names and signs"),
        ("value + age + tenure + income + rent + months_left", "reads at most 4 facts"),
        ("__import__('os')", "cannot read `_` in a formula"),
    ],
)
def test_formula_that_cannot_be_read_is_refused_at_its_character(formula: str, problem: str) -> None:
    """With what would do instead."""
    found = problems_of(an_action("isa"), the_arbitration(f'ranking: "{formula}"\n'))
    assert any(problem in each for each in found), found
    assert all(each.startswith("rules/policy/arbitration.yaml:1:") for each in found)


def test_misread_character_has_its_column() -> None:
    """`valu` begins 13 characters into the formula, which begins in column 11."""
    (found,) = problems_of(an_action("isa"), the_arbitration('ranking: "propensity * valu"\n'))
    assert found.startswith("rules/policy/arbitration.yaml:1:24:")


@pytest.mark.parametrize(
    ("formula", "factor"),
    [
        ("value / propensity", "propensity"),
        ("propensity * (1_000 - value)", "value"),
        ("value / lever", "lever"),
        ("propensity * value / max(1, tenure * lever)", "lever"),
    ],
)
def test_formula_that_falls_while_a_factor_rises_is_warned_of(formula: str, factor: str) -> None:
    """With a witness, and an accepted comment like any warning."""
    (found,) = problems_of(an_action("isa"), the_arbitration(f'ranking: "{formula}"\n'))
    assert f"the ranking falls when `{factor}` rises; from " in found


def test_sound_formula_has_no_warning() -> None:
    """Nor has one that does not name every factor."""
    for formula in ("value", "propensity * min(value, 500) * lever", "propensity * value + 0.01 * tenure"):
        assert problems_of(an_action("isa"), the_arbitration(f'ranking: "{formula}"\n')) == []


TERMS = st.recursive(
    st.one_of(
        st.integers(0, 999).map(lambda each: Amount(float(each))), st.sampled_from(["propensity", "value"]).map(Factor)
    ),
    lambda inner: st.builds(
        lambda operator, one, other: Calculation(operator, (one, other)),
        st.sampled_from(["+", "-", "*", "/", "min", "max"]),
        inner,
        inner,
    ),
    max_leaves=8,
)


def written(term: Term) -> str:
    """A formula in brackets."""
    match term:
        case Amount(value):
            return str(int(value))
        case Factor(name):
            return name
        case Calculation("min" | "max" as name, (one, other)):
            return f"{name}({written(one)}, {written(other)})"
        case Calculation(operator, (one, other)):
            return f"({written(one)} {operator} {written(other)})"
    raise AssertionError(term)


@given(TERMS, st.floats(0, 1), st.floats(0, 10_000))
def test_generated_code_agrees_with_the_tree(term: Term, propensity: float, value: float) -> None:
    """Whatever is written, read again and compiled."""
    plan = a_plan(an_action("isa"), the_arbitration(f'ranking: "value - value + {written(term)}"\n'))
    numbers = {"propensity": propensity, "value": value, "context_weight": 1.0, "lever": 1.0}
    expected = result(term, numbers)
    found = plan.generated.priority(decided(plan).row, propensity, value, 1.0, 1.0)
    assert found == (pytest.approx(expected) if 0 < expected < 1e15 else 0.0)
