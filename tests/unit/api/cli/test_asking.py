"""Questions as they are put to the API, and explanations as a person reads them."""

from api.cli.asking import asked, told


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


def test_explanation_reads_as_lines() -> None:
    offered = {
        "rank": 1,
        "action": "card",
        "propensity": 0.02,
        "value": 10.0,
        "context_weight": 1.5,
        "lever": 1.0,
        "priority": 0.3,
        "reasons": [{"code": "promoted", "rule": "trigger/lost", "title": "Lost a card", "place": "lost.yaml:1:1"}],
    }
    answer = {
        "decision_id": "d",
        "decided_at": "now",
        "model": "m",
        "degraded": ["score"],
        "propositions": [
            {"placement": "screen", "options": [offered], "fallback": None},
            {"placement": "card", "options": [], "fallback": {"treatment_id": "none"}},
        ],
        "rejected": [{"action": "loan", "stage": "guards", "reasons": [{"code": "minors", "detail": "age is 17"}]}],
    }
    assert told(answer) == [
        "decision d at now, model m",
        "degraded: score",
        "screen 1: card (priority 0.300 = propensity 0.0200 x value 10.00 x context 1.50 x lever 1.00)",
        "    Lost a card - lost.yaml:1:1",
        "card: fallback none",
        "not loan: guards",
        "    minors - age is 17",
    ]
