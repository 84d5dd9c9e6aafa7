"""An explanation in lines for a person: what is shown and why, then everything else by the stage that ended its way."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

_STAGES: Final = (
    ("guard", "Stopped by a guard"),
    ("outside_validity", "Not on offer today"),
    ("suppressed", "Paused by a trigger"),
    ("not_eligible", "Not eligible: may we?"),
    ("not_applicable", "Not applicable: does it make sense now?"),
    ("not_suitable", "Not suitable: is it good for them?"),
    ("evaluation_error", "A condition failed"),
    ("capped", "Contact policy: shown often enough"),
    ("cooling_off", "Contact policy: resting after an answer"),
    ("budget_spent", "Contact policy: its budget has nothing left"),
    ("quiet_hours", "Contact policy: quiet hours"),
    ("excluded_by_request", "Left out by the request"),
    ("no_treatment", "No treatment for these placements"),
    ("no_reason_now", "No reason to show it now"),
    ("journey_not_reached", "A theme has an earlier step"),
    ("not_scored", "Not scored: could not have come first"),
    ("not_worth_contact", "Not worth the contact"),
    ("holdout", "Held back by an experiment"),
    ("outranked", "Outranked"),
)
"""The stages in the order in which an action walks them, as headings."""
_INDENT: Final = " " * 4
_MATURE: Final = 0.5


def told(answer: Mapping[str, Any]) -> Sequence[str]:
    """The lines."""
    return list(_lines(answer))


def _lines(answer: Mapping[str, Any]) -> Iterator[str]:
    yield f"decision {answer['decision_id']} at {answer['decided_at']}"
    yield f"ruleset {answer.get('ruleset', 'unknown')}, model {answer['model']}"
    if answer.get("customer_known") is False:
        yield "this customer is not known: the decision saw an empty record, so nothing is said of what they agreed to"
    if answer["degraded"]:
        yield f"degraded: {', '.join(answer['degraded'])}"
    if answer.get("arms"):
        yield f"experiments: {', '.join(f'{name} {arm}' for name, arm in answer['arms'].items())}"
    for proposition in answer["propositions"]:
        for option in proposition["options"]:
            yield ""
            yield f"{proposition['placement']} {option['rank']}: {option['action']} ({option['treatment_id']})"
            yield from _figures(option)
            yield from _reasons(option.get("reasons", ()))
            yield from _said(option)
        if proposition["fallback"]:
            yield ""
            yield f"{proposition['placement']}: nothing; its fallback {proposition['fallback']['treatment_id']} shows"
    yield from _rejected(answer.get("rejected") or ())


def _rejected(rejected: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """By stage, in the order of the stages; what was ranked in the order of the ranking."""
    known = [stage for stage, _ in _STAGES]
    headings = [*_STAGES, *((each["stage"], each["stage"]) for each in rejected if each["stage"] not in known)]
    for stage, heading in dict(headings).items():
        found = sorted(
            (each for each in rejected if each["stage"] == stage), key=lambda each: each.get("ranked") or len(rejected)
        )
        if not found:
            continue
        yield ""
        yield f"{heading} ({stage}): {len(found)}"
        for each in found:
            yield f"  {each['action']}"
            yield from _figures(each)
            yield from _reasons(each.get("reasons", ()))
            yield from _said(each)


def _figures(body: Mapping[str, Any]) -> Iterator[str]:
    if body.get("propensity") is None:
        return
    factors = [
        f"propensity {body['propensity']:.4f}{_maturity(body)}",
        f"value {body['value']:.2f}",
        f"context {body['context_weight']:.2f}",
        f"lever {body['lever']:.2f}",
    ]
    place = f"ranked {body['ranked']}: " if body.get("ranked") else ""
    if _is_product(body):
        priority = f"priority {body['priority']:.4f} = " if body.get("priority") is not None else ""
        yield f"{_INDENT}{place}{priority}{' x '.join(factors)}"
    else:
        yield f"{_INDENT}{place}priority {body['priority']:.4f}; {', '.join(factors)}"
    if body.get("selection_probability") is not None:
        yield f"{_INDENT}selected with probability {body['selection_probability']:.4f}"


def _maturity(body: Mapping[str, Any]) -> str:
    """How well the model knows the action, where it does not know it well."""
    if body.get("maturity") is None or body["maturity"] >= _MATURE:
        return ""
    return f" (immature: {1.0 - body['maturity']:.0%} of it is its group's)"


def _is_product(body: Mapping[str, Any]) -> bool:
    """Whether the priority is what its factors come to: a bank's own formula, or an arm, may rank otherwise."""
    found = body["propensity"] * body["value"] * body["context_weight"] * body["lever"]
    return body.get("priority") is None or math.isclose(found, body["priority"], rel_tol=1e-9, abs_tol=1e-12)


def _reasons(reasons: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for reason in reasons:
        if reason["code"] == "outranked":
            continue
        what = reason.get("title") or reason.get("rule") or reason.get("detail") or reason["code"]
        named = f" [{reason['rule']}]" if reason.get("rule") and reason.get("title") else ""
        yield f"{_INDENT}{what}{named}{_at(reason)}"
        if reason.get("cell"):
            verdict = {"true": "is true", "false": "is false", "unknown": "is unknown"}[reason["truth"]]
            facts = ", ".join(f"{name} = {value}" for name, value in reason.get("facts", {}).items())
            yield f"{_INDENT}  `{reason['cell']}` {verdict}{f' ({facts})' if facts else ''}"
        elif not reason.get("chain") and reason.get("detail") not in (None, what):
            yield f"{_INDENT}  {reason['detail']}"
        if reason.get("until"):
            yield f"{_INDENT}  until {reason['until']}"
        for link in reason.get("chain", ()):
            yield f"{_INDENT}  {_linked(link)}"


def _linked(link: Mapping[str, Any]) -> str:
    """A need of a chain in a line."""
    if link.get("last_held_at"):
        return f"needs.{link['need']} lasts, it held last at {link['last_held_at']}; {link['place']}"
    facts = ", ".join(f"{name} = {value}" for name, value in link.get("facts", {}).items())
    verdict = "holds" if link["holds"] else "does not hold"
    return f"needs.{link['need']} {verdict}{f': {facts}' if facts else ''}; {link['place']}"


def _at(reason: Mapping[str, Any]) -> str:
    return f" at {reason['place']}" if reason.get("place") else ""


def _said(body: Mapping[str, Any]) -> Iterator[str]:
    if body.get("say"):
        yield f"{_INDENT}say: {body['say']}"
