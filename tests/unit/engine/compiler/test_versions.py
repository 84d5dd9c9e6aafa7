"""Two files with one id, in disjoint windows: one rule whose content changes on a day."""

from datetime import datetime

import pytest

from engine import Plan
from engine.explain import why_not
from tests.builders import (
    NOW,
    ZONE,
    a_contact,
    a_customer,
    a_plan,
    a_question,
    a_theme,
    a_trigger,
    an_action,
    decided,
    offered,
    problems_of,
    reason_for,
    the_arbitration,
    the_contact_policy,
    the_guards,
)

FEBRUARY = datetime(2026, 2, 1, 0, 30, tzinfo=ZONE)
MARCH = datetime(2026, 3, 1, 0, 30, tzinfo=ZONE)


def two_files(first: str = "", second: str = "") -> dict[str, str]:
    """An ISA until the end of January, and another one in February."""
    january = an_action("isa", f"valid: {{to: 2026-01-31}}\n{first}")["actions/isa.yaml"]
    february = an_action("isa", f"valid: {{from: 2026-02-01, to: 2026-02-28}}\n{second}")["actions/isa.yaml"]
    return {"actions/isa.yaml": january, "actions/isa_in_february.yaml": february}


def outcome(plan: Plan, now: datetime, **facts: int | bool) -> str:
    """What becomes of the ISA."""
    return reason_for(plan, decided(plan, customer=a_customer(plan, facts), now=now), "isa")


def test_each_file_of_an_action_counts_in_its_own_window() -> None:
    """Conditions, values and treatments change with the day; outside of both it is not valid."""
    plan = a_plan(
        two_files(
            "eligible: {when: {age: under 30}}\ntreatments: {web.*: {headline: old}}",
            "suitable: {when: {flagged: false}}\ntreatments: {web.*: {headline: new}}",
        )
    )
    assert outcome(plan, NOW, age=40, flagged=False) == "not_eligible"
    assert outcome(plan, FEBRUARY, age=40, flagged=False) == "chosen"
    assert outcome(plan, FEBRUARY, age=20, flagged=True) == "not_suitable"
    assert outcome(plan, MARCH, age=20, flagged=False) == "outside_validity"
    shown = [
        decided(plan, customer=a_customer(plan, age=20, flagged=False), now=now).filled[0].options[0].treatment.content
        for now in (NOW, FEBRUARY)
    ]
    assert shown == [{"headline": "old"}, {"headline": "new"}]


def test_checks_know_that_files_of_one_id_never_count_together() -> None:
    """What one quotes and another promotes is judged within its own days."""
    files = two_files(
        'terms: {rate: 4}\ntreatments: {web.*: {headline: "4%"}}',
        'terms: {rate: 3}\ntreatments: {phone.*: {headline: "3%"}, web.*: {headline: "3%"}}',
    )
    trigger = a_trigger("t", "valid: {from: 2026-02-01, to: 2026-02-28}\nwhen: {verified: true}\npromote: {isa: 1.5}")
    assert problems_of(files, trigger) == []


def test_value_changes_with_the_file() -> None:
    """Each window has its own."""
    files = two_files()
    files["actions/isa_in_february.yaml"] = files["actions/isa_in_february.yaml"].replace(
        "value: 100.00", "value: 2 * age"
    )
    plan = a_plan(files)
    values = [decided(plan, customer=a_customer(plan, age=30), now=now).scored[0].value for now in (NOW, FEBRUARY)]
    assert values == [10_000, 6_000]


def test_both_files_are_one_action() -> None:
    """Caps, journeys and contact histories reach across the windows."""
    plan = a_plan(two_files("contact: {per_customer: 1 per 60d}", "contact: {per_customer: 1 per 60d}"))
    assert [action.id for action in plan.actions] == ["isa"]
    seen = a_customer(plan, contacts=[a_contact(plan, "isa")])
    assert reason_for(plan, decided(plan, customer=seen, now=FEBRUARY), "isa") == "capped"


def test_explanation_names_the_file_that_counts() -> None:
    """With its line."""
    plan = a_plan(two_files("eligible: {when: {age: under 30}}", "eligible: {when: {age: over 50}}"))
    places = []
    for now in (NOW, FEBRUARY):
        decision = decided(plan, customer=a_customer(plan, age=40), now=now)
        (rejection,) = why_not(plan, a_question(plan), decision)
        places.append(str(rejection.because[0].place))
    assert places == ["rules/actions/isa.yaml:6:24", "rules/actions/isa_in_february.yaml:6:24"]


def test_themes_and_triggers_may_have_several_files_too() -> None:
    """Only that of the day counts; a cap on the theme counts the steps of all of them."""
    plan = a_plan(
        an_action("isa"),
        an_action("loan"),
        a_theme("home", "valid: {to: 2026-01-31}\nactive: {verified: true}\njourney: [isa]\nweight: 2"),
        {
            "thematic/more.yaml": a_theme(
                "home", "valid: {from: 2026-02-01}\nactive: {verified: true}\njourney: [loan]\nweight: 3"
            )["thematic/home.yaml"]
        },
        a_trigger("t", "valid: {to: 2026-01-31}\nwhen: {verified: true}\npromote: {loan: 1.5}"),
        {
            "customized/u.yaml": a_trigger(
                "t", "valid: {from: 2026-02-01}\nwhen: {verified: true}\npromote: {isa: 1.5}"
            )["customized/t.yaml"]
        },
        the_contact_policy("caps: [{cap: themed, per: theme, limit: 1, in: 60d}]\n"),
    )
    customer = a_customer(plan, verified=True)
    weights = [
        {plan.actions[each.action].id: each.weight for each in decided(plan, customer=customer, now=now).scored}
        for now in (NOW, FEBRUARY)
    ]
    assert weights == [{"isa": 2.0, "loan": 1.5}, {"isa": 1.5, "loan": 3.0}]
    seen = a_customer(plan, contacts=[a_contact(plan, "isa")])
    assert reason_for(plan, decided(plan, customer=seen), "loan") == "capped"


def test_guards_and_levers_change_with_the_day_too() -> None:
    """Entries of one name in disjoint windows."""
    plan = a_plan(
        an_action("isa"),
        the_guards(
            "{guard: g, stops: {all: true}, when: {flagged: true}, valid: {to: 2026-01-31}}",
            "{guard: g, stops: {all: true}, when: {verified: true}, valid: {from: 2026-02-01}}",
        ),
        the_arbitration(
            "levers: [{lever: l, percent: 10, valid: {to: 2026-01-31}}, "
            "{lever: l, percent: 20, valid: {from: 2026-02-01}}]\n"
        ),
    )
    customer = a_customer(plan, flagged=False, verified=True)
    assert decided(plan, customer=customer).scored[0].lever == pytest.approx(1.1)
    assert offered(plan, decided(plan, customer=customer, now=FEBRUARY)) == []


def test_overlapping_windows_are_refused() -> None:
    """On a day of both nobody could say which counts."""
    files = two_files()
    files["actions/isa.yaml"] = files["actions/isa.yaml"].replace("2026-01-31", "2026-02-01")
    (problem,) = problems_of(files)
    assert problem == (
        "rules/actions/isa_in_february.yaml:1:1: the action `isa` is declared twice; "
        "two of one name need disjoint windows: `valid: {from, to}`"
    )


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("tier: service", "tier"),
        ("show: only_when_promoted", "show"),
        ("gives: isa", "gives"),
        ("formerly: bond", "formerly"),
        ("never_with: [loan]", "never_with"),
        ("contact: {after_decline: 30d}", "contact"),
    ],
)
def test_files_of_one_action_agree_on_what_it_is_for_good(said: str, key: str) -> None:
    """What histories, caps and journeys depend on does not change with the day."""
    problems = problems_of(an_action("loan"), two_files(second=said), a_trigger("t", "promote: {isa: 2}"))
    assert any(
        f"the files of `isa` must agree on `{key}`; as rules/actions/isa.yaml says it" in each for each in problems
    )
