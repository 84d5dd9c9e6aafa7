"""`nextbest explain`: asks a running API what it would answer, and why, without any effect."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from api.access.roles import Role
from api.cli.console import DATA_DIR, AsJson, DataDir, Usage, plainly, put, put_json
from api.cli.telling import told

URL = "http://127.0.0.1:8080"
_KEY_HINT: Final = "name a key of staff with --key, or the folder of a demonstration with --data-dir"


@plainly
def explain(
    identity: Annotated[
        str | None, typer.Argument(help="Who: `card_token:tok_C0000001`, or just a customer id.", show_default=False)
    ] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", help="The same: a customer id, or `scheme:value`.", show_default=False)
    ] = None,
    channel: Annotated[str, typer.Option("--channel", help="Where they are.")] = "branch",
    placement: Annotated[
        list[str] | None,
        typer.Option("--placement", help="What is to be filled; may be repeated.", show_default="all of the channel"),
    ] = None,
    moment: Annotated[str | None, typer.Option("--moment", help="Why now.")] = None,
    context: Annotated[
        list[str] | None, typer.Option("--context", help="A fact of the request, `name=value`; may be repeated.")
    ] = None,
    decision: Annotated[str | None, typer.Option("--decision", help="Replay this past decision instead.")] = None,
    url: Annotated[str, typer.Option("--url", help="Where the API answers.")] = URL,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            help="A key of staff; default: that of an analyst which a demonstration left in the data folder.",
            envvar="NEXTBEST_KEY",
            show_envvar=True,
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = DATA_DIR,
    *,
    as_json: AsJson = False,
) -> None:
    """Explain what a customer would be offered: every action, why or why not; or replay a past decision."""
    who = identity or customer
    if (who is None) == (decision is None) or (identity and customer):
        raise Usage("name one customer, or a past decision with --decision")
    question: dict[str, object] = {"decision_id": decision}
    if who is not None:
        question = asked(who, channel, placement or (), moment)
        question["detail"] = "all"
        if context:
            question["context"] = dict(_fact(each) for each in context)
    answer = post(url, "/v1/explanations", question, key=key or _demo_key(url, data_dir))
    if as_json:
        put_json(answer)
        return
    if who is not None:
        put(f"{who} on {channel}{f' at {moment}' if moment else ''}")
    for line in told(answer):
        put(line)


def asked(identity: str, channel: str, placements: Sequence[str], moment: str | None) -> dict[str, object]:
    """The body of a question."""
    scheme, colon, value = identity.partition(":")
    named = {"scheme": scheme, "value": value} if colon else {"scheme": "customer_id", "value": identity}
    question: dict[str, object] = {"identity": named, "channel": channel}
    if moment:
        question["moment"] = moment
    return {**question, "placements": [{"id": placement} for placement in placements]} if placements else question


def _fact(written: str) -> tuple[str, object]:
    name, equals, value = written.partition("=")
    if not equals:
        raise Usage(f"`{written}` is no fact: write name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _demo_key(url: str, data_dir: Path) -> str:
    """The key that a demonstration on this machine left for analysts; never sent to another machine."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - as in the other commands

    from api.access.demo_keys import DEMO_KEYS, read_keys  # noqa: PLC0415
    from api.security import is_loopback  # noqa: PLC0415

    here = is_loopback(urlsplit(url).hostname or "")
    return read_keys(data_dir / DEMO_KEYS).get(Role.ANALYST, "") if here else ""


def post(url: str, path: str, body: Mapping[str, object], timeout_s: float = 10.0, *, key: str = "") -> dict[str, Any]:
    """The JSON that the API answers.

    Raises:
        Usage: it does not answer, or refuses the question.
    """
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(  # noqa: S310 - the operator names the address
        url.rstrip("/") + path, json.dumps(body).encode(), headers
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        raise Usage(_refusal(error)) from error
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise Usage(f"nothing answers at {url}: start `nextbest serve`, or name another address with --url") from error


def _refusal(error: urllib.error.HTTPError) -> str:
    try:
        problem = json.loads(error.read())
    except ValueError:
        return f"the API answered with {error.code}"
    said = f"the API answered with {error.code}: {problem.get('detail') or problem.get('title')}"
    return f"{said}; {_KEY_HINT}" if error.code == HTTPStatus.UNAUTHORIZED else said
