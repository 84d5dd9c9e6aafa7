"""Experiments: a customer stays in one arm, an arm's treatments are for that arm alone, and holdouts see nothing."""

from collections import Counter
from dataclasses import replace
from datetime import datetime

import pytest

from engine import Plan
from engine.experiments import arm_of
from engine.explain import why, why_not
from tests.builders import NOW, ZONE, a_plan, a_question, an_action, decided, offered, problems_of, reasons

ISA = (
    "treatments:\n  web.hero: [{id: a, arm: blue, headline: x}, {id: b, arm: red, headline: y}, {id: c, headline: z}]\n"
)
KEY = b"a key of this test"


def experiments(*lines: str) -> dict[str, str]:
    """`policy/experiments.yaml`."""
    return {"policy/experiments.yaml": "experiments:\n" + "".join(f"  - {line}\n" for line in lines)}


COLOURS = "{experiment: colours, title: Colours, of: isa@web.hero, arms: {blue: 25%, red: 75%}}"


def a_bank(*lines: str, isa: str = ISA) -> Plan:
    """A bank that tries colours on its ISA; beside it a loan."""
    return a_plan(
        an_action("isa", isa, value="200"), an_action("loan", group="loans"), experiments(*(lines or (COLOURS,)))
    )


def treatment(plan: Plan, customer: str, place: str = "web.hero", now: datetime = NOW) -> str:
    """The treatment in which a customer sees the ISA."""
    decision = decided(plan, a_question(plan, place, customer=customer), now=now, key=KEY)
    return str(decision.filled[0].options[0].treatment.id)


def customers_in(plan: Plan, arm: str, count: int = 3) -> list[str]:
    """Some customers of an arm of the first experiment."""
    everybody = (f"C{number:07d}" for number in range(10_000))
    return [each for each in everybody if arm_of(plan.experiments[0], each, KEY) == arm][:count]


def test_customer_sees_the_treatment_of_the_assigned_arm() -> None:
    """And no other arm's."""
    plan = a_bank()
    assert {treatment(plan, each) for each in customers_in(plan, "blue")} == {"isa/web.hero/a"}
    assert {treatment(plan, each) for each in customers_in(plan, "red")} == {"isa/web.hero/b"}


def test_arm_without_a_treatment_of_its_own_sees_what_everybody_sees() -> None:
    """That is how a new text is held against the usual one."""
    plan = a_bank(
        "{experiment: e, of: isa@web.hero, arms: {blue: 50%, usual: 50%}}",
        isa=ISA.replace("{id: b, arm: red, headline: y}, ", ""),
    )
    assert {treatment(plan, each) for each in customers_in(plan, "usual")} == {"isa/web.hero/c"}


def test_arms_get_their_share_of_the_customers() -> None:
    """Four standard deviations of 4,000 draws are 2.8 percent."""
    plan = a_bank()
    counted = Counter(arm_of(plan.experiments[0], f"C{number:07d}", KEY) for number in range(4_000))
    assert counted["blue"] / 4_000 == pytest.approx(0.25, abs=0.028)


def test_assignment_depends_on_customer_experiment_and_key_alone() -> None:
    """Another experiment, or another bank's key, splits customers anew."""
    plan = a_bank(
        "{experiment: one, of: isa@web.hero, arms: {blue: 50%, red: 50%}}",
        "{experiment: two, of: loan@web.hero, arms: {offer: 50%, holdout: 50%}}",
    )
    one, two = plan.experiments
    people = [f"C{number:07d}" for number in range(400)]
    in_one = [arm_of(one, each, KEY) == "blue" for each in people]
    assert in_one == [arm_of(replace(one, placements=()), each, KEY) == "blue" for each in people]
    for other in (
        [arm_of(two, each, KEY) == "offer" for each in people],
        [arm_of(one, each, b"another key") == "blue" for each in people],
    ):
        assert sum(a == b for a, b in zip(in_one, other, strict=True)) == pytest.approx(200, abs=40)


def test_arms_are_treatments_of_their_experiment_and_its_window_alone() -> None:
    """Before it begins, after it ends, and elsewhere, an arm's treatment fits nobody."""
    plan = a_bank(COLOURS[:-1] + ", valid: {from: 2026-02-01, to: 2026-02-28}}", isa=ISA.replace("web.hero", "web.*"))
    customer = customers_in(plan, "blue", 1)[0]
    assert treatment(plan, customer) == "isa/web.*/c"
    february = datetime(2026, 2, 1, tzinfo=ZONE)
    assert treatment(plan, customer, now=february) == "isa/web.*/a"
    assert treatment(plan, customer, "web.footer", february) == "isa/web.*/c"


def test_experiment_may_cover_a_whole_channel() -> None:
    """With the same arm everywhere."""
    plan = a_bank(COLOURS.replace("web.hero", "web.*"), isa=ISA.replace("web.hero", "web.*"))
    customer = customers_in(plan, "red", 1)[0]
    assert treatment(plan, customer) == treatment(plan, customer, "web.footer") == "isa/web.*/b"


def test_holdout_is_ranked_and_then_withheld() -> None:
    """Somebody else gets the slot; elsewhere the action shows as ever."""
    plan = a_bank(
        "{experiment: e, title: Does it pay, of: isa@web.hero, arms: {offer: 90%, holdout: 10%}}",
        isa="treatments: {web.*: {headline: x}}",
    )
    customer = customers_in(plan, "holdout", 1)[0]
    question = a_question(plan, "web.hero", customer=customer)
    decision = decided(plan, question, key=KEY)
    assert [plan.actions[each.action].id for each in decision.ranking] == ["isa", "loan"]
    assert reasons(plan, decision) == {"isa": "holdout", "loan": "chosen"}
    (rejection,) = why_not(plan, question, decision)
    assert rejection.because[0].rule == "experiment/e"
    assert (
        rejection.because[0].detail == "the customer is in the arm `holdout`; it would have been shown at hero, rank 1"
    )
    assert [plan.actions[each.candidate.action].id for each in decision.ghosts[0].options] == ["isa"]
    both = decided(plan, a_question(plan, "web.hero", "web.footer", customer=customer, count=1), key=KEY)
    assert offered(plan, both) == ["loan", "isa"]


def test_those_held_out_are_ranked_even_where_every_treatment_is_an_arms() -> None:
    """What would have been shown has to be known, or nothing could be compared."""
    plan = a_bank(
        "{experiment: e, of: isa@web.hero, arms: {blue: 80%, holdout: 20%}}",
        isa="treatments: {web.hero: {arm: blue, headline: x}}",
    )
    decision = decided(plan, a_question(plan, customer=customers_in(plan, "holdout", 1)[0]), key=KEY)
    assert reasons(plan, decision)["isa"] == "holdout"


def test_decision_and_explanation_name_the_arm() -> None:
    """For whoever evaluates it."""
    plan = a_bank()
    customer = customers_in(plan, "blue", 1)[0]
    question = a_question(plan, customer=customer)
    decision = decided(plan, question, key=KEY)
    assert decision.arms == {0: "blue"}
    told = [because for because in why(plan, question, decision, decision.ranking[0]) if because.code == "experiment"]
    assert [(each.rule, each.title, each.detail) for each in told] == [
        ("experiment/colours", "Colours", "the customer is in the arm `blue`")
    ]
    assert decided(plan, a_question(plan, "phone.card", customer=customer), key=KEY).arms == {}


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            ["{experiment: e, of: isa@web.hero, arms: {blue: 50%, red: 49%}}"],
            "the arms are 99% together; they must be 100%",
        ),
        (
            ["{experiment: e, of: isa@web.hero, arms: {blue: 0.5, red: 50%}}"],
            "the share of the arm `blue` must be such as `50%`",
        ),
        (["{experiment: e, of: isa@web.hero, arms: {blue: -50%, red: 150%}}"], "the share of the arm `blue` must be"),
        (["{experiment: e, of: isa@web.hero}"], "an experiment needs `arms`; such as `arms: {a: 50%, b: 50%}`"),
        (["{experiment: e, arms: {blue: 50%, red: 50%}}"], "an experiment needs `of`"),
        (
            ["{experiment: e, of: isa, arms: {blue: 50%, red: 50%}}"],
            "`of` names an action at a placement; such as `isa@web.hero`",
        ),
        (["{experiment: e, of: is@web.hero, arms: {blue: 50%, red: 50%}}"], "unknown action `is`; did you mean `isa`?"),
        (
            ["{experiment: e, of: isa@wb.hero, arms: {blue: 50%, red: 50%}}"],
            "unknown channel `wb`; did you mean `web`?",
        ),
        (
            ["{experiment: e, of: isa@web.hera, arms: {blue: 50%, red: 50%}}"],
            "unknown placement of `web` `hera`; did you mean `hero`?",
        ),
        (
            ["{experiment: e, of: isa@web.hero, arms: {blu: 50%, red: 50%}}"],
            "unknown arm of an experiment here `blue`; did you mean `blu`?",
        ),
        (
            [COLOURS, "{experiment: f, of: loan@web.hero, arms: {a: 50%, b: 50%}}"],
            "the experiment `f` compares nothing",
        ),
        ([COLOURS, COLOURS], "the experiment `colours` is declared twice; two of one name need disjoint windows"),
        (
            [COLOURS, COLOURS.replace("experiment: colours", "experiment: again")],
            "the experiment `colours` runs there at the same time",
        ),
        ([COLOURS[:-1] + ", arm: blue}"], "unknown key in an experiment `arm`; did you mean `arms`?"),
    ],
)
def test_experiment_that_compares_nothing_is_refused(lines: list[str], problem: str) -> None:
    """At its line, with what would do instead."""
    files = (an_action("isa", ISA), an_action("loan", group="loans"), experiments(*lines))
    assert any(problem in each for each in problems_of(*files))


def test_arm_is_no_name_for_a_holdout_treatment() -> None:
    """Nobody is shown anything there."""
    isa = "treatments: {web.hero: {arm: holdout, headline: x}}"
    problems = problems_of(
        an_action("isa", isa), experiments("{experiment: e, of: isa@web.hero, arms: {a: 50%, holdout: 50%}}")
    )
    assert any("unknown arm of an experiment here `holdout`" in each for each in problems)
