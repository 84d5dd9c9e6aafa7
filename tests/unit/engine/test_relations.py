"""Relations in the catalogue, in rules and in the tests of rule files."""

import pytest

from engine.compiler.catalogue import MAX_RELATIONS
from engine.facts import FactType
from engine.ruletests import run_rule_tests
from tests.builders import CATALOGUE, a_bundle, a_plan, an_action, problems_of

KINDS = {"catalogue.yaml": CATALOGUE + "relations: {spouse: {title: Spouse, mutual: true}, household: {}}\n"}
JOINT = """\
eligible:
  when: {relations.spouse.holds: isa, relations.household.count: "< 5"}
  unless: [{relations.spouse.holds.loan: true}]
tests:
  - name: the spouse has one
    given: {relations.spouse.holds: [isa], relations.household.count: 2}
    ask: {channel: web, placement: hero, moment: page_viewed}
    expect: {offer: cover}
  - name: the spouse has a loan as well
    given: {relations.spouse.holds: [isa], relations.spouse.holds.loan: true, relations.household.count: 2}
    ask: {channel: web, placement: hero, moment: page_viewed}
    expect: {not_offer: cover, because: relations.spouse.holds.loan}
  - name: nobody knows of a spouse
    given: {relations.household.count: 2}
    ask: {channel: web, placement: hero, moment: page_viewed}
    expect: {not_offer: cover, because: relations.spouse.holds}
  - name: a full house
    given: {relations.spouse.holds: [isa], relations.household.count: 5}
    ask: {channel: web, placement: hero, moment: page_viewed}
    expect: {not_offer: cover, because: relations.household.count}
"""
PERSONAS = {"personas.yaml": "personas:\n  typical: {consent.marketing: true, holds: [], groups: [], segments: []}\n"}


def test_rules_read_relations_and_their_tests_give_them() -> None:
    """What a test does not give is unknown: it neither admits nor lets an exclusion pass."""
    results = list(run_rule_tests(a_bundle(KINDS, PERSONAS, an_action("cover", JOINT))))
    assert {result.name: [str(problem) for problem in result.problems] for result in results} == {
        "the spouse has one": [],
        "the spouse has a loan as well": [],
        "nobody knows of a spouse": [],
        "a full house": [],
    }


def test_each_kind_is_two_private_facts_that_no_model_reads() -> None:
    plan = a_plan(KINDS)
    added = plan.profile_schema.columns[-4:]
    assert [(spec.name, spec.type) for spec in added] == [
        ("relations.spouse.count", FactType.INTEGER),
        ("relations.spouse.holds", FactType.SET),
        ("relations.household.count", FactType.INTEGER),
        ("relations.household.holds", FactType.SET),
    ]
    assert {(spec.private, spec.model) for spec in added} == {(True, False)}


def test_a_bank_without_relations_keeps_its_profiles_as_they_are() -> None:
    assert [spec.name for spec in a_plan().profile_schema.columns[-3:]] == ["holds", "groups", "segments"]


@pytest.mark.parametrize(
    ("catalogue", "rule", "said"),
    [
        ("", "relations.spouse.count: 1", "unknown fact `relations.spouse.count`"),
        ("relations: {spouse: {}}", "relations.spose.count: 1", "did you mean `relations.spouse.count`?"),
        (
            "relations: {spouse: {}}",
            "relations.spouse.holds: yacht",
            "value of `relations.spouse.holds` `yacht`",
        ),
        ("relations: {spouse: {}}", "relations.spouse.count: -1", "relations.spouse.count"),
        ("relations: {My Wife: {}}", "age: 1", "cannot name a relation"),
        ("relations: {spouse: {mutual: perhaps}}", "age: 1", "mutual"),
        ("relations: {spouse: {both: true}}", "age: 1", "unknown key in a relation of the catalogue `both`"),
        (
            f"relations: {{{', '.join(f'kind_{at}: {{}}' for at in range(MAX_RELATIONS + 1))}}}",
            "age: 1",
            f"there are more than {MAX_RELATIONS} relations",
        ),
    ],
)
def test_what_cannot_be_is_an_error_with_its_place(catalogue: str, rule: str, said: str) -> None:
    files = {"catalogue.yaml": f"{CATALOGUE}{catalogue}\n"}
    problems = problems_of(files, an_action("cover", f"eligible: {{when: {{{rule}}}}}"))
    assert any(said in problem for problem in problems), problems


def test_no_attribute_can_pass_for_a_relation() -> None:
    catalogue = CATALOGUE.replace("attributes:\n", "attributes:\n  relations.spouse.count: {type: integer}\n")
    assert any("cannot name an attribute" in problem for problem in problems_of({"catalogue.yaml": catalogue}))
