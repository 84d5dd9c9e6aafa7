"""Answers, questions and measurements in the shape that the load test sees them."""

import json
from typing import Any

from loadtest.recorder import DecisionTotals, Spread, Totals
from loadtest.wire import Question


def a_question(**changes: Any) -> Question:
    """A cash machine's question for its idle screen."""
    given: dict[str, Any] = {
        "channel": "atm",
        "moment": "card_inserted",
        "items_by_placement": {"idle_screen": 1},
        "scheme": "card_token",
        "value": "tok_C0000001",
        "session_id": "s1",
        "request_id": "r1",
        "budget_ms": 50,
    }
    return Question(**{**given, **changes})


def an_option(rank: int = 1, action: str = "isa", **fields: Any) -> dict[str, Any]:
    """An option as it travels."""
    return {
        "rank": rank,
        "action": action,
        "treatment_id": f"{action}_atm",
        "treatment": {"headline": "Save"},
        "leads_to": None,
        "valid_until": "2026-01-05T12:00:00Z",
        "tracking_token": "token",
        **fields,
    }


def a_proposition(*options: dict[str, Any], placement: str = "idle_screen") -> dict[str, Any]:
    """A placement with these options, or with its fallback where there is none."""
    fallback = None if options else {"treatment_id": "default", "treatment": {"headline": "Welcome"}}
    return {"placement": placement, "options": list(options), "fallback": fallback}


def an_answer(*propositions: dict[str, Any], degraded: tuple[str, ...] = (), decision_id: str = "d1") -> bytes:
    """An answer's body; without propositions, an idle screen that shows an ISA."""
    return json.dumps(
        {
            "decision_id": decision_id,
            "decided_at": "2026-01-05T11:50:00Z",
            "propositions": list(propositions) or [a_proposition(an_option())],
            "ruleset": "sha256:0",
            "model": "baseline",
            "degraded": list(degraded),
            "timings_us": {"gather": 400, "decide": 200, "score": 100, "commit": 900},
        }
    ).encode()


def a_spread(count: int = 100, p99_ms: float = 20.0) -> Spread:
    """Latencies around 5 ms."""
    return Spread(count=count, p50_ms=5.0, p95_ms=10.0, p99_ms=p99_ms, max_ms=25.0)


def some_totals(**changes: Any) -> Totals:
    """A hundred decisions, all of them fine."""
    latency = changes.pop("latency", a_spread())
    in_budget_share = changes.pop("in_budget_share", 1.0)
    given: dict[str, Any] = {
        "requests": (),
        "decisions": (DecisionTotals(channel="all", in_budget_share=in_budget_share, latency=latency),),
        "stages": (),
        "errors": (),
        "with_offer_share": 0.5,
        "degraded_share": 0.0,
        "degraded": {},
        "server": a_spread(),
    }
    return Totals(**{**given, **changes})
