"""Questions as they are put to the API, and explanations as a person reads them."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.cli.asking import asked
from api.cli.telling import told
from api.ports import key_of
from api.rendering import Answered, Renderer
from api.schemas import TimingsBody
from api.tokens import TokenCodec
from engine.contacts import ContactState
from engine.reasons import Reason
from tests.builders import (
    a_contact,
    a_customer,
    a_plan,
    a_question,
    a_theme,
    a_trigger,
    an_action,
    an_event,
    decided,
    the_contact_policy,
)
from tests.unit.api.shells import KEYS


def test_identity_without_a_scheme_is_a_customer_id() -> None:
    assert asked("C1", "web", ["hero"], None) == {
        "identity": {"scheme": "customer_id", "value": "C1"},
        "channel": "web",
        "placements": [{"id": "hero"}],
    }


def test_scheme_stands_before_the_first_colon() -> None:
    question = asked("card_token:a:b", "atm", ["idle_screen"], "card_inserted")
    assert question["identity"] == {"scheme": "card_token", "value": "a:b"}
    assert question["moment"] == "card_inserted"


def test_without_placements_all_of_the_channel_are_asked() -> None:
    assert "placements" not in asked("C1", "atm", [], None)


def _answer(*, known: bool = True, maturity: float | None = None) -> Any:
    """What the API says of a customer for whom actions end at many stages."""
    plan = a_plan(
        the_contact_policy("cooling_off: {after_decline: {default: 30d}}\n"),
        an_action("isa", "eligible: {when: {age: at least 18}}", title="Cash ISA"),
        an_action("bond", "suitable: {when: {income: at least 1_000}}", title="Bond", value="50"),
        an_action("loan", "eligible: {when: {age: at least 60}}", title="Loan", group="loans"),
        an_action("cover", "show: only_when_promoted", title="Cover"),
        an_action("card", title="Card", group="cards"),
        an_action("alert", title="Alert", value="7"),
        a_trigger("quoted", "title: Asked for a quote\nhistory: [{seen: quote, in: 30d}]\npromote: {isa: 2, cover: 2}"),
        a_theme("home", "needs: [{need: home, when: {verified: true}}]\nactive: {needs.home: true}\njourney: [cover]"),
    )
    customer = a_customer(
        plan,
        age=30,
        contacts=[a_contact(plan, "card", state=ContactState.DECLINED)],
        events=[an_event(plan, "salary")],
    )
    question = a_question(plan)
    decision = decided(plan, question, customer)
    known_well = [] if maturity is None else [maturity] * len(plan.actions)
    body = Renderer(plan, "model-1", TokenCodec(KEYS), known_well).answer(
        Answered(
            decision_id="d1",
            decided_at_us=1_767_614_400_000_000,
            key=key_of("C1"),
            request=question,
            decision=decision,
            timings=TimingsBody(0, 0, 0, 0),
            staff=True,
            everything=True,
            committed=False,
            known=known,
        )
    )
    return json.loads(body)


@contextmanager
def _serving(answer: Mapping[str, Any], status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """A server that answers everything alike, and what it was asked."""
    questions: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            questions.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", questions
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_command_asks_for_every_placement_and_prints_the_very_answer_as_json() -> None:
    answer = _answer()
    with _serving(answer) as (url, questions):
        result = CliRunner().invoke(
            app, ["explain", "--customer", "C1", "--channel", "atm", "--url", url, "--json"], catch_exceptions=False
        )
    assert result.exit_code == 0
    assert json.loads(result.output) == answer
    identity = {"scheme": "customer_id", "value": "C1"}
    assert questions == [("/v1/explanations", {"identity": identity, "channel": "atm", "detail": "all"})]


def test_answer_that_asks_for_a_key_says_where_one_is_had() -> None:
    with _serving({"detail": "send `authorization: Bearer` and a key"}, status=401) as (url, _):
        result = CliRunner().invoke(app, ["explain", "C1", "--url", url])
    assert result.exit_code == 2
    assert "and a key; name a key of staff with --key, or the folder of a demonstration with --data-dir" in " ".join(
        result.output.split()
    )


def test_a_customer_and_a_decision_are_not_explained_at_once() -> None:
    for wrong in (["explain"], ["explain", "C1", "--decision", "d"], ["explain", "C1", "--customer", "C2"]):
        result = CliRunner().invoke(app, wrong)
        assert result.exit_code == 2
        assert "name one customer, or a past decision with --decision" in result.output


def test_somebody_who_is_not_known_is_called_so() -> None:
    answer = _answer(known=False)
    assert answer["customer_known"] is False
    assert any("this customer is not known" in line for line in told(answer))
    assert "customer_known" not in _answer()
    assert not any("is not known:" in line for line in told(_answer()))


def test_how_little_a_model_knows_of_an_action_is_told_where_it_is_little() -> None:
    answer = _answer(maturity=0.25)
    bodies = [option for each in answer["propositions"] for option in each["options"]] + answer["rejected"]
    scored = [each for each in bodies if "propensity" in each]
    assert scored
    assert all(each["maturity"] == 0.25 for each in scored)
    immature = [line for line in told(answer) if "(immature: 75% of it is its group's)" in line]
    assert len(immature) == len(scored)
    assert not any("immature" in line for line in told(_answer(maturity=0.8)))
    assert not any("maturity" in each for each in _answer()["rejected"])


def test_the_lines_tell_every_action_and_every_field_of_the_answer() -> None:
    answer = _answer()
    lines = "\n".join(told(answer))
    bodies = [option for each in answer["propositions"] for option in each["options"]] + answer["rejected"]
    assert {each["action"] for each in bodies} == {"isa", "bond", "loan", "cover", "card", "alert"}
    for body in bodies:
        assert body["action"] in lines
        assert body["say"] in lines
        assert body.get("stage", "") in lines
        for figure, digits in (("propensity", 4), ("value", 2), ("context_weight", 2), ("lever", 2), ("priority", 4)):
            if figure in body:
                assert f"{body[figure]:.{digits}f}" in lines
        for reason in body.get("reasons", []):
            for field in ("place", "cell", "until"):
                assert reason.get(field, "") in lines
            if reason["code"] != "outranked":
                assert (reason.get("title") or reason.get("detail") or reason.get("rule")) in lines
            for name, value in reason.get("facts", {}).items():
                assert f"{name} = {value}" in lines


def test_stages_are_told_in_their_order_and_the_ranking_in_its_own() -> None:
    lines = told(_answer())
    headings = [line for line in lines if line.endswith(("1", "2")) and "(" in line and not line.startswith(" ")]
    assert headings == [
        "Not eligible: may we? (not_eligible): 1",
        "Not suitable: is it good for them? (not_suitable): 1",
        "Contact policy: resting after an answer (cooling_off): 1",
        "No reason to show it now (no_reason_now): 1",
        "Outranked (outranked): 1",
    ]
    at = lines.index("  loan")
    assert lines[at + 1 : at + 4] == [
        "    Loan [action/loan] at rules/actions/loan.yaml:6:24",
        "      `age: at least 60` is false (age = 30)",
        "    say: Loan is for customers whose age is at least 60; our records show 30.",
    ]
    bond = lines.index("  bond")
    assert lines[bond + 2] == "      `income: at least 1_000` is unknown (income = not known)"


@pytest.mark.parametrize("reason", [each for each in Reason if each not in (Reason.OPEN, Reason.CHOSEN)])
def test_every_stage_has_a_heading(reason: Reason) -> None:
    answer = {"decision_id": "d", "decided_at": "now", "model": "m", "degraded": [], "propositions": []}
    lines = told({**answer, "rejected": [{"action": "a", "stage": reason.code}]})
    assert not any(line.startswith(f"{reason.code} (") for line in lines)
    assert any(line.endswith(f"({reason.code}): 1") for line in lines)


def test_what_was_degraded_and_an_empty_placement_are_said() -> None:
    answer = {
        "decision_id": "d",
        "decided_at": "now",
        "model": "m",
        "ruleset": "r",
        "degraded": ["score"],
        "propositions": [{"placement": "card", "options": [], "fallback": {"treatment_id": "none"}}],
    }
    assert told(answer) == [
        "decision d at now",
        "ruleset r, model m",
        "degraded: score",
        "",
        "card: nothing; its fallback none shows",
    ]


def test_chain_of_a_need_is_told_line_by_line() -> None:
    """From the rule down to plain facts, each with its place; and why a need that is missed does not hold."""
    chain = [
        {"need": "home", "holds": True, "place": "t.yaml:8:3", "facts": {"needs.saving": "yes", "age": "31"}},
        {"need": "saving", "holds": True, "place": "t.yaml:7:3", "last_held_at": "2026-01-01T12:00:00.000Z"},
        {"need": "boat", "holds": False, "place": "t.yaml:9:3"},
    ]
    reason = {"code": "theme", "rule": "theme/home", "title": "A home", "detail": "in words", "chain": chain}
    shown = {**_answer(), "rejected": [{"action": "a", "stage": "no_reason_now", "reasons": [reason]}]}
    assert told(shown)[-4:] == [
        "    A home [theme/home]",
        "      needs.home holds: needs.saving = yes, age = 31; t.yaml:8:3",
        "      needs.saving lasts, it held last at 2026-01-01T12:00:00.000Z; t.yaml:7:3",
        "      needs.boat does not hold; t.yaml:9:3",
    ]
