"""Rules that come to ask for history that nobody kept are told so, with the way to fill it in."""

import pytest

from engine import compile_bundle
from engine.compiler.new_history import check_new_history
from engine.errors import Code, Severity
from tests.builders import CATALOGUE, a_trigger, rule_files

SERVING = rule_files(a_trigger("paid", "history: [{seen: salary, in: 90d, at_least: 2}]\npromote: {isa: 2}"))
COUNT = "calculated:\n  salaries: {title: Salaries, type: integer, count: salary, in: 90d}\n"


def told(*parts: dict[str, str]) -> list[str]:
    """What is new in a bundle that is to follow."""
    files = rule_files(*parts)
    found = check_new_history(SERVING, files, compile_bundle(files))
    assert all((each.severity, each.code) == (Severity.WARNING, Code.NEW_HISTORY) for each in found)
    return [str(each).partition(" was not")[0] for each in found]


@pytest.mark.parametrize(
    ("history", "new"),
    [
        ("{seen: salary, in: 90d, at_least: 2}", []),
        ("{seen: salary, in: 300d}", []),
        ("{ever: salary}", []),
        ("{seen: salary, in: 90d, at_least: 3}", ["salary"]),
        ("{not_seen: quote, in: 30d}", ["quote"]),
        ("{seen: salary, in: 90d, where: {kind: base}}", ["salary{kind in [0]}"]),
        ("{seen: policy, since: quote}", ["policy", "quote"]),
    ],
)
def test_what_was_not_kept_is_told_at_its_place(history: str, new: list[str]) -> None:
    """Deeper than before is new as well; a longer window of the same is not."""
    found = told(a_trigger("paid", f"history: [{history}]\npromote: {{isa: 2}}"))
    assert found == [f"rules/customized/paid.yaml:3:11: warning [new_history]: `{text}`" for text in new]


def test_a_fact_of_events_is_told_in_the_catalogue() -> None:
    """It is kept from its declaration on."""
    catalogue = {"catalogue.yaml": CATALOGUE.replace("calculated:\n", COUNT)}
    (found,) = told(catalogue, a_trigger("paid", "history: [{ever: salary}]\npromote: {isa: 2}"))
    assert found.startswith("rules/catalogue.yaml:")
    assert found.endswith("warning [new_history]: `salaries`")


def test_rules_that_serve_already_ask_for_nothing_new() -> None:
    """Nor do files that look back on nothing."""
    assert told(a_trigger("paid", "history: [{seen: salary, in: 90d, at_least: 2}]\npromote: {isa: 2}")) == []
    assert told(a_trigger("paid", "when: {age: over 60}\npromote: {isa: 2}")) == []
