"""Whatever a caller sends is either refused as the caller's fault or taken; nothing else comes out of a door."""

import copy
import json
from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from api.forms import CallbackForm, ConsentForm, EventForm, OutcomeForm
from api.parsing import as_form
from api.problems import DECODE_ERRORS, Problem, from_decode_error
from api.questions import Questions
from api.schemas import DecisionRequest
from api.vocabulary import Vocabulary
from engine.errors import FactError
from engine.ids import EventName
from tests.unit.api.shells import starter_plan
from tests.unit.api.test_bad_requests import GOOD

PLAN = starter_plan()
VOCABULARY = Vocabulary.of(PLAN)
QUESTIONS = Questions(PLAN)
DECODE = msgspec.json.Decoder(DecisionRequest).decode
FORMS: dict[str, type[BaseModel]] = {
    "/v1/outcomes": OutcomeForm,
    "/v1/events": EventForm,
    "/v1/customers/C0000001/consent": ConsentForm,
    "/v1/callbacks": CallbackForm,
}
NAMES = st.sampled_from(
    ["atm", "web", "idle_screen", "hero", "card_inserted", "cash_requested", "locale", "page", "home", "all", "isa"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | NAMES
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def nearly(draw: st.DrawFn, good: Any) -> Any:
    """A good body in which some places hold anything."""
    body = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        node, key = body, draw(st.sampled_from(sorted(body)))
        while isinstance(node[key], dict) and node[key] and draw(st.booleans()):
            node, key = node[key], draw(st.sampled_from(sorted(node[key])))
        node[key] = draw(ANYTHING)
    return body


def see_that_it_is_a_caller_s_fault(problem: Problem) -> None:
    assert 400 <= problem.status < 500
    json.loads(problem.render())


@given(st.binary(max_size=60) | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_question_or_a_problem(body: bytes) -> None:
    """Also those that are no JSON."""
    take_question(body)


@given(nearly(dict(GOOD["/v1/decisions"])))
def test_question_that_passes_the_door_can_be_put(body: Any) -> None:
    """INVARIANT: what the vocabulary lets through, the engine's question can be made of."""
    take_question(json.dumps(body).encode())


def take_question(body: bytes) -> None:
    try:
        question = DECODE(body)
        VOCABULARY.check(question)
    except DECODE_ERRORS as error:
        see_that_it_is_a_caller_s_fault(from_decode_error(error))
    except Problem as problem:
        see_that_it_is_a_caller_s_fault(problem)
    else:
        QUESTIONS.question(question, "C0000001")


@given(st.data())
def test_any_form_is_taken_or_refused(data: st.DataObject) -> None:
    """Every other route, and the event's data behind its form."""
    path = data.draw(st.sampled_from(sorted(FORMS)))
    body = data.draw(nearly(dict(GOOD[path])) | ANYTHING)
    try:
        form = as_form(FORMS[path], msgspec.Raw(json.dumps(body).encode()))
    except Problem as problem:
        see_that_it_is_a_caller_s_fault(problem)
        return
    if isinstance(form, EventForm) and EventName(form.type) in PLAN.catalogue.events:
        with suppress(FactError):
            PLAN.catalogue.events[EventName(form.type)].hold(form.data)
