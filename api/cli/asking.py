"""`nextbest explain`: asks a running API what it would answer, and why, without any effect."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from api.cli.console import AsJson, Usage, plainly, put, put_json

URL = "http://127.0.0.1:8080"


@plainly
def explain(
    identity: Annotated[
        str | None, typer.Argument(help="Who: `card_token:tok_C0000001`, or just a customer id.", show_default=False)
    ] = None,
    channel: Annotated[str, typer.Option("--channel", help="Where they are.")] = "branch",
    placement: Annotated[
        list[str] | None,
        typer.Option("--placement", help="What is to be filled; may be repeated.", show_default="card"),
    ] = None,
    moment: Annotated[str | None, typer.Option("--moment", help="Why now.")] = None,
    context: Annotated[
        list[str] | None, typer.Option("--context", help="A fact of the request, `name=value`; may be repeated.")
    ] = None,
    decision: Annotated[str | None, typer.Option("--decision", help="Replay this past decision instead.")] = None,
    url: Annotated[str, typer.Option("--url", help="Where the API answers.")] = URL,
    *,
    as_json: AsJson = False,
) -> None:
    """Explain what a customer would be offered: every action, why or why not; or replay a past decision."""
    if (identity is None) == (decision is None):
        raise Usage("name a customer, or a past decision with --decision")
    question: dict[str, object] = {"decision_id": decision}
    if identity is not None:
        question = asked(identity, channel, placement or ["card"], moment)
        question["detail"] = "all"
        if context:
            question["context"] = dict(_fact(each) for each in context)
    answer = post(url, "/v1/explanations", question)
    if as_json:
        put_json(answer)
        return
    for line in told(answer):
        put(line)


def asked(identity: str, channel: str, placements: Sequence[str], moment: str | None) -> dict[str, object]:
    """The body of a question."""
    scheme, colon, value = identity.partition(":")
    named = {"scheme": scheme, "value": value} if colon else {"scheme": "customer_id", "value": identity}
    question: dict[str, object] = {"identity": named, "channel": channel}
    if moment:
        question["moment"] = moment
    return {**question, "placements": [{"id": placement} for placement in placements]}


def _fact(written: str) -> tuple[str, object]:
    name, equals, value = written.partition("=")
    if not equals:
        raise Usage(f"`{written}` is no fact: write name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def post(url: str, path: str, body: Mapping[str, object], timeout_s: float = 10.0) -> dict[str, Any]:
    """The JSON that the API answers.

    Raises:
        Usage: it does not answer, or refuses the question.
    """
    request = urllib.request.Request(  # noqa: S310 - the operator names the address
        url.rstrip("/") + path, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        raise Usage(_refusal(error)) from error
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise Usage(f"nothing answers at {url}") from error


def _refusal(error: urllib.error.HTTPError) -> str:
    try:
        problem = json.loads(error.read())
    except ValueError:
        return f"the API answered with {error.code}"
    return f"the API answered with {error.code}: {problem.get('detail') or problem.get('title')}"


def told(answer: Mapping[str, Any]) -> Sequence[str]:
    """An explanation in lines for a person."""
    lines = [f"decision {answer['decision_id']} at {answer['decided_at']}, model {answer['model']}"]
    if answer["degraded"]:
        lines.append(f"degraded: {', '.join(answer['degraded'])}")
    for proposition in answer["propositions"]:
        for option in proposition["options"]:
            lines.append(f"{proposition['placement']} {option['rank']}: {option['action']}{_priced(option)}")
            lines += [f"    {_reason(reason)}" for reason in option.get("reasons", ())]
        if proposition["fallback"]:
            lines.append(f"{proposition['placement']}: fallback {proposition['fallback']['treatment_id']}")
    for rejected in answer.get("rejected") or ():
        lines.append(f"not {rejected['action']}: {rejected['stage']}")
        lines += [f"    {_reason(reason)}" for reason in rejected.get("reasons", ())]
    return lines


def _priced(option: Mapping[str, Any]) -> str:
    if option.get("propensity") is None:
        return ""
    figures = (
        f"propensity {option['propensity']:.4f} x value {option['value']:.2f} x context {option['context_weight']:.2f}"
    )
    return f" (priority {option['priority']:.3f} = {figures} x lever {option['lever']:.2f})"


def _reason(reason: Mapping[str, Any]) -> str:
    parts = [reason.get("title") or reason.get("rule") or reason["code"], reason.get("detail"), reason.get("place")]
    return " - ".join(str(part) for part in parts if part)
