"""What touchpoints rely on in an answer."""

from typing import Any

import pytest

from loadtest.wire import (
    BrokenPromise,
    check_declined,
    check_repeated,
    check_taken,
    event_body,
    outcome_body,
    read_answer,
    read_problem,
)
from tests.unit.loadtest.builders import a_proposition, a_question, an_answer, an_option


def test_good_answer_gives_its_options() -> None:
    """What was shown, degraded and timed is there to be used."""
    answer = read_answer(a_question(), an_answer(degraded=("late",)))
    assert [option.action for option in answer.options] == ["isa"]
    assert answer.degraded == ("late",)
    assert answer.timings_us.total_ms == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("propositions", "what"),
    [
        ([a_proposition(an_option(), placement="receipt")], "other placements"),
        ([{**a_proposition(an_option()), "options": []}], "a fallback stands"),
        ([{**a_proposition(), "options": [an_option()]}], "a fallback stands"),
        ([a_proposition(an_option(), an_option(2, "pension"))], "more options"),
        ([a_proposition(an_option(2))], "ranks"),
        ([a_proposition(an_option(treatment={}))], "without content"),
        ([a_proposition(an_option(tracking_token=""))], "without content or tracking token"),
        ([a_proposition(an_option(propensity=0.1))], "private field"),
        ([a_proposition(an_option(theme="travel"))], "private field"),
        ([a_proposition({"rank": 1})], "not the shape"),
    ],
)
def test_answer_that_breaks_a_promise_is_refused(propositions: list[dict[str, Any]], what: str) -> None:
    """A touchpoint could not work with it, or would show what it must not."""
    with pytest.raises(BrokenPromise, match=what):
        read_answer(a_question(), an_answer(*propositions))


def test_action_on_two_placements_is_refused() -> None:
    """No action stands twice in one answer."""
    question = a_question(items_by_placement={"hero": 1, "sidebar": 1})
    answer = an_answer(a_proposition(an_option(), placement="hero"), a_proposition(an_option(), placement="sidebar"))
    with pytest.raises(BrokenPromise, match="two placements"):
        read_answer(question, answer)


def test_staff_may_see_why() -> None:
    """The same field that a public screen must not carry is the teller's to see."""
    answer = read_answer(a_question(staff=True), an_answer(a_proposition(an_option(propensity=0.1))))
    assert answer.options[0].propensity == 0.1


def test_declined_offer_must_not_come_back() -> None:
    """A decline binds the very next request."""
    answer = read_answer(a_question(), an_answer())
    check_declined(answer, frozenset({"pension"}))
    with pytest.raises(BrokenPromise, match="declined"):
        check_declined(answer, frozenset({"isa"}))


def test_repeated_request_must_give_the_same_decision_unless_degraded() -> None:
    """A repeat in flight may get the fallback, but never another full decision."""
    first = read_answer(a_question(), an_answer(decision_id="d1"))
    check_repeated(first, read_answer(a_question(), an_answer(decision_id="d2", degraded=("late",))))
    with pytest.raises(BrokenPromise, match="another decision"):
        check_repeated(first, read_answer(a_question(), an_answer(decision_id="d2")))


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b'{"status": "recorded"}', None),
        (b'{"status": "accepted"}', None),
        (b'{"results": [{"status": "duplicate"}, {"status": "late_impression"}]}', 2),
    ],
)
def test_taken_outcome_is_fine(content: bytes, parts: int | None) -> None:
    """Recorded now, recorded before, or shown too late: it is durable."""
    check_taken(content, parts=parts)


@pytest.mark.parametrize(
    ("content", "parts", "what"),
    [
        (b'{"status": "expired"}', None, "acknowledged, but expired"),
        (b'{"results": [{"status": "recorded"}, {"status": "refused"}]}', 2, "acknowledged, but refused"),
        (b'{"results": [{"status": "recorded"}]}', 2, "another number"),
        (b"{}", None, "not the shape"),
    ],
)
def test_acknowledged_but_not_taken_is_a_broken_promise(content: bytes, parts: int | None, what: str) -> None:
    """A 202 says that every part is durable."""
    with pytest.raises(BrokenPromise, match=what):
        check_taken(content, parts=parts)


def test_error_is_told_by_its_problem() -> None:
    """The stable end of the type, and the detail; of what is no problem only the status."""
    problem = b'{"type": "urn:nextbest:problem:invalid_body", "detail": "`outcome` is missing"}'
    assert read_problem(422, problem) == "status 422 invalid_body `outcome` is missing"
    assert read_problem(502, b"<html>") == "status 502"


def test_question_travels_as_the_contract_has_it() -> None:
    """Every placement with its number of options; an explanation asks the same without a request id."""
    question = a_question(context={"cash_requested": 50})
    assert question.body()["placements"] == [{"id": "idle_screen", "item_count": 1}]
    assert question.body()["request_id"] == "r1"
    assert question.body()["context"] == {"cash_requested": 50}
    assert "request_id" not in question.explanation_body()


def test_outcome_carries_a_reason_only_where_there_is_one() -> None:
    """A decline says why; an impression has nothing to say."""
    option = read_answer(a_question(), an_answer()).options[0]
    declined = outcome_body("o1", option, "decline", reason="not_now")
    assert (declined["tracking_token"], declined["reason"]) == ("token", "not_now")
    assert "reason" not in outcome_body("o2", option, "impression")


def test_event_is_a_cloud_event() -> None:
    """Version, source, type and subject stand where CloudEvents has them."""
    event = event_body("e1", source="crm", kind="branch_visit", subject="customer_id:C0000001")
    assert event["specversion"] == "1.0"
    assert (event["source"], event["type"], event["subject"]) == ("crm", "branch_visit", "customer_id:C0000001")
