"""Every sentence of the rule language has its tests; those that stand nowhere else stand here."""

import ast
import json
import re
from pathlib import Path

import pytest

from api.ports import key_of
from api.rendering import Answered, Renderer
from api.schemas import TimingsBody
from api.security import Secrets
from api.tokens import TokenCodec
from tests.builders import (
    a_customer,
    a_plan,
    a_question,
    a_theme,
    a_trigger,
    an_action,
    an_event,
    decided,
    offered,
    problems_of,
    the_guards,
)

HERE = Path(__file__).parent
TESTS = HERE.parent
ROWS = [
    line.split("|")[1:-1]
    for line in (HERE / "sentences.md").read_text(encoding="utf-8").splitlines()
    if line[:1] == "|"
]
SENTENCES = [(sentence.strip(), re.findall(r"`(test_\w+)`", proofs)) for sentence, proofs in ROWS if "`test_" in proofs]


def test_every_sentence_names_tests_that_exist() -> None:
    """A sentence without a test would be a promise."""
    known = {
        node.name
        for file in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(SENTENCES) == len(ROWS) - 2 * 5
    assert [(sentence, name) for sentence, names in SENTENCES for name in names if name not in known] == []


def test_no_sentence_stands_twice() -> None:
    """Or somebody would look in one place for what changed in the other."""
    sentences = [sentence for sentence, _ in SENTENCES]
    assert len(set(sentences)) == len(sentences) > 100


def test_moment_is_no_event() -> None:
    """A moment belongs to the request; only events enter history."""
    (problem,) = problems_of(an_action("isa", "eligible: {history: [{seen: page_viewed, in: 9d}]}"))
    assert "unknown event `page_viewed`" in problem


SEEN = "{history: [{seen: quote, in: 9d}]}"
MISSED = "{history: [{not_seen: quote, in: 9d}]}"


@pytest.mark.parametrize(
    "files",
    [
        (an_action("isa", f"eligible: {{when: {SEEN}}}"),),
        (an_action("isa", f"suitable: {{unless: [{MISSED}]}}"),),
        (an_action("isa", f"treatments: {{web.*: {{headline: x, when: {SEEN}}}}}"),),
        (an_action("isa", value=f"{{table: [{{when: {MISSED}, then: 0}}, {{then: 5}}]}}"),),
        (an_action("isa"), the_guards(f"{{guard: g, stops: {{all: true}}, when: {MISSED}}}")),
        (an_action("isa", "show: only_when_promoted"), a_trigger("t", f"when: {SEEN}\npromote: {{isa: 2}}")),
        (an_action("isa", "show: only_when_promoted", gives="isa"), a_theme("h", f"active: {SEEN}\njourney: [isa]")),
        (
            an_action("isa", "show: only_when_promoted", gives="isa"),
            a_theme("h", f"needs: [{{need: n, when: {SEEN}}}]\nactive: {{needs.n: true}}\njourney: [isa]"),
        ),
    ],
    ids=["eligible", "unless", "treatment", "value", "guard", "trigger", "theme", "need"],
)
def test_history_stands_in_every_kind_of_file(files: tuple[dict[str, str], ...]) -> None:
    """Of each an ISA is shown to who asked for a quote, and to nobody else."""
    plan = a_plan(*files)
    assert offered(plan, decided(plan, customer=a_customer(plan, events=[an_event(plan, "quote")]))) == ["isa"]
    nothing = decided(plan, customer=a_customer(plan))
    assert offered(plan, nothing) == [] or nothing.scored[0].value == 0


def test_answers_to_customers_tell_nothing_inferred() -> None:
    """An inferred need is private: what is shown carries content and terms, and no theme, need, reason or score."""
    plan = a_plan(
        an_action(
            "isa", "terms: {rate: 4.2}\ntreatments: {web.*: {headline: x, leads_to: {phone: callback}}}", gives="isa"
        ),
        an_action("loan"),
        a_theme(
            "home", "needs: [{need: n, when: {verified: true}}]\nactive: {needs.n: true}\njourney: [isa]\nweight: 2"
        ),
    )
    question = a_question(plan)
    decision = decided(plan, question, a_customer(plan, verified=True))
    keys = Secrets(token=b"t" * 32, exploration=b"e" * 32, ids=b"i" * 32)
    told = {
        staff: json.loads(
            Renderer(plan, "m", TokenCodec(keys)).answer(
                Answered(
                    decision_id="0100-01a0c3-aa55",
                    decided_at_us=1_767_614_400_000_000,
                    key=key_of("C0000001"),
                    request=question,
                    decision=decision,
                    timings=TimingsBody(gather=0, decide=0, score=0, commit=0),
                    staff=staff,
                    everything=True,
                    committed=True,
                )
            )
        )
        for staff in (False, True)
    }
    (option,) = told[False]["propositions"][0]["options"]
    inferred = {"theme", "propensity", "value", "context_weight", "lever", "priority", "reasons"}
    assert option["terms"] == {"rate": 4.2}
    assert {"treatment_id", "leads_to", "valid_until", "tracking_token"} <= set(option)
    assert {key for key in inferred if option.get(key) is not None} == set()
    assert told[False].get("rejected") is None
    assert inferred <= set(told[True]["propositions"][0]["options"][0])
    assert [each["action"] for each in told[True]["rejected"]] == ["loan"]
