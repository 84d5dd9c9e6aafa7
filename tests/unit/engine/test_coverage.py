"""Which cells the tests of rule files have seen true and false."""

from collections.abc import Mapping

from engine.coverage import Coverage, coverage_of
from engine.ruletests import run_rule_tests
from tests.builders import a_bundle, a_trigger, an_action, the_guards

PERSONAS = {"personas.yaml": "personas:\n  typical: {age: 40, work: employed, consent.marketing: true}\n"}
ASK = "ask: {channel: web, placement: hero, moment: page_viewed}"


def coverage(*parts: Mapping[str, str]) -> Coverage:
    """What the tests of some rule files have seen."""
    bundle = a_bundle(PERSONAS, *parts)
    return coverage_of(bundle, run_rule_tests(bundle))


def a_test_each(*given: str) -> str:
    """Tests that each give something; what they expect does not matter here."""
    lines = [f"  - {{name: t{at}, given: {{{each}}}, {ASK}, expect: {{offer: isa}}}}" for at, each in enumerate(given)]
    return "\n".join(["tests:", *lines])


def cells(found: Coverage) -> dict[str, str]:
    """What was not seen of each cell."""
    return {cell.text: cell.missing for cell in found.cells}


def test_cell_must_be_seen_true_and_false() -> None:
    """What is unknown is neither; a range is one cell, and a cell counts wherever it stands in its file."""
    lines = (
        "eligible: {when: {age: 18..65, work: student, tenure: at least 5}}\nsuitable: {unless: [{verified: true}]}\n"
    )
    found = coverage(an_action("isa", lines + a_test_each("age: 17, verified: true", "age: 18, verified: false")))
    assert cells(found) == {
        "consent.marketing: not true": "true",
        "age: 18..65": "",
        "work: student": "true",
        "tenure: at least 5": "true or false",
        "verified: true": "",
    }
    assert found.share == 6 / 10
    assert [str(cell) for cell in found.never_seen] == [
        "rules/actions/isa.yaml:5:38: `work: student` was never seen true",
        "rules/actions/isa.yaml:5:55: `tenure: at least 5` was never seen true or false",
        "rules/policy/guards.yaml:2:92: `consent.marketing: not true` was never seen true",
    ]


def test_tests_are_about_their_own_file_and_the_guards() -> None:
    """Another file's tests say nothing of a trigger; guards have no tests of their own."""
    trigger = a_trigger("old", "when: {age: over 60}\npromote: {isa: 2}")
    guards = the_guards("{guard: minors, stops: {all: true}, when: {age: under 18}}")
    found = coverage(an_action("isa", a_test_each("age: 17", "age: 70")), trigger, guards)
    assert cells(found) == {
        "age: over 60": "true or false",
        "age: under 18": "",
        "consent.marketing: not true": "true",
    }


def test_needs_rows_and_treatments_have_cells_as_well() -> None:
    """Every condition that a file states."""
    table = "{table: [{when: {age: over 60}, then: 5}, {then: 1}]}"
    shown = "treatments:\n  web.hero: [{id: a, headline: x, when: {work: student}}, {id: b, headline: y}]\n"
    found = coverage(an_action("isa", shown + a_test_each("age: 61, work: student"), value=table))
    assert {text: missing for text, missing in cells(found).items() if "consent" not in text} == {
        "age: over 60": "false",
        "work: student": "false",
    }


def test_without_any_cell_everything_was_seen() -> None:
    """A share of nothing is all of it."""
    assert Coverage(cells=()).share == 1


def test_cells_are_quoted_as_they_stand_in_their_file() -> None:
    """A negation is one cell with its own sides; what it negates stands in no file."""
    lines = (
        "eligible: {when: {holds.loan: false, work: not student, income: missing, age: not 18..65}}\n"
        "applicable: {when: {history: [{not_seen: quote, in: 30d}, {not_seen: policy, since: quote}]}}\n"
    )
    found = coverage(an_action("isa", lines + a_test_each("work: retired, holds: [loan], age: 17")))
    told = {cell.text: (cell.seen_true, cell.seen_false) for cell in found.cells if "consent" not in cell.text}
    assert told == {
        "holds.loan: false": (False, True),
        "work: not student": (True, False),
        "income: missing": (True, False),
        "age: not 18..65": (True, False),
        "not_seen: quote, in: 30d": (True, False),
        "not_seen: policy, since: quote": (False, True),
    }


def test_what_happened_in_another_file_s_tests_has_been_seen() -> None:
    """That it did not happen is a matter of the file's own tests: in those of all others it did not either."""
    trigger = a_trigger("asked", "history: [{seen: quote, in: 30d}]\npromote: {isa: 2}")
    quoted = f"tests: [{{name: t, events: [{{t: -1d, event: quote}}], {ASK}, expect: {{offer: isa}}}}]"
    for tests, missing in ((quoted, "false"), (a_test_each("age: 40"), "true or false")):
        assert cells(coverage(an_action("isa", tests), trigger))["seen: quote, in: 30d"] == missing
