"""Always an answer: a model that is damaged and removed under a server that has it, and one that a server starts on."""

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx

from api.routes.decisions import PATH as DECISIONS
from bench.installation import GOOD, installed, short_questions, worker_settings
from bench.load import WARM_UP_S, Load, LoadResult, send
from bench.processes import Server, free_port, serving
from bench.report import CaseResult, Figure, Target
from bench.workshop import Workshop
from models.artefact import TREES
from tests.guarantees.house import client_of, metrics, until

PER_SECOND: Final = 100.0
SECONDS: Final = 4.0
_ASKED: Final = 50
BUSY: Final = frozenset({"overload", "record", "commit", "late", "identity"})
"""What a machine that is busy for a moment may cost; a model is no reason for any of them."""


def run(folder: Path, *, quick: bool) -> CaseResult:
    """Train, serve, damage, remove, start again, put back."""
    workshop = Workshop(folder)
    model = workshop.trained.folder
    with installed(workshop) as installation, client_of(installation.worker) as client:
        before = _asked(client, 1)[0]["model"]
        result, versions = _while_serving(workshop, installation.worker, client, model)
        port = free_port()
        started = [sys.executable, "-m", "api.server"]
        environment = _environment(workshop, port)
        # A server that starts where the model is gone, on one that is damaged, and gets it back.
        with serving(started, port, folder / "without.log", environment) as other, client_of(other) as asking:
            without = _asked(asking, _ASKED)
            shutil.copytree(folder / "kept", model)
            os.kill(other.pid, signal.SIGHUP)
            whole_s = until(lambda: not _asked(asking, 1)[0]["degraded"], "the model is not taken up again")
            after = _asked(asking, 1)[0]["model"]
    return _result(result, {before, *versions}, without, before == after, whole_s)


def _while_serving(
    workshop: Workshop, server: Server, client: httpx.Client, model: Path
) -> tuple[LoadResult, set[str]]:
    """Damage and remove the files of the model that serves, under load, and ask the server to look each time."""
    load = Load(
        port=server.port,
        connections=32,
        seconds=SECONDS,
        per_second=PER_SECOND,
        wanted=GOOD,
        path=DECISIONS,
        bodies=short_questions(2_000, seed=31),
    )
    results: list[LoadResult] = []
    sending = threading.Thread(target=lambda: results.append(send(load, workshop.folder)))
    sending.start()
    time.sleep(WARM_UP_S + 0.5)
    shutil.copytree(model, workshop.folder / "kept")
    versions = set()
    for harm in (_damage, shutil.rmtree):
        looked_at = _looked_at(client)
        harm(model)
        os.kill(server.pid, signal.SIGHUP)
        until(_later(client, looked_at), "nobody looks at the model")
        versions |= {answer["model"] for answer in _asked(client, 5)}
    sending.join()
    return results[0], versions


def _later(client: httpx.Client, looked_at: float) -> Callable[[], bool]:
    return lambda: _looked_at(client) > looked_at


def _looked_at(client: httpx.Client) -> float:
    """When the server last looked at what lies on disk; 0: never."""
    return metrics(client).get("nextbest_reload_timestamp_seconds", 0.0)


def _damage(model: Path) -> None:
    trees = model / TREES
    content = bytearray(trees.read_bytes())
    content[len(content) // 2] ^= 0xFF
    trees.write_bytes(content)


def _environment(workshop: Workshop, port: int) -> dict[str, str]:
    settings = worker_settings(workshop).model_copy(update={"port": port, "watch_rules": False})
    return settings.as_environment()


def _asked(client: httpx.Client, count: int) -> list[dict[str, Any]]:
    answers = []
    for body in short_questions(count, seed=int(time.time() * 1_000) % 2**31):
        answer = client.post(DECISIONS, json=json.loads(body))
        assert answer.status_code == 200, answer.text
        answers.append(answer.json())
    return answers


def _result(
    serving_on: LoadResult, versions: set[str], without: list[dict[str, Any]], came_back: bool, whole_s: float
) -> CaseResult:
    reasons = Counter({said.partition("200")[2].strip().strip('"'): n for said, n in serving_on.wrong.items()})
    strange = sum(count for reason, count in reasons.items() if reason not in BUSY)
    silent = [each for each in without if "score" not in each["degraded"] and not set(each["degraded"]) & BUSY]
    return CaseResult(
        case="model_faults",
        title=f"always an answer: the model damaged and removed under {PER_SECOND:.0f} decisions a second",
        figures=(
            Figure(what="answers while its files were damaged and removed", value=serving_on.answers, unit=""),
            Figure(what="of them fallbacks because the machine was busy", value=sum(reasons.values()), unit=""),
            Figure(what="answers of a server that started without the model", value=len(without), unit=""),
            Figure(what="whole again after the model was put back and asked for", value=round(whole_s, 2), unit="s"),
        ),
        targets=(
            Target(what="requests never answered", bound="at most", target=0, measured=serving_on.unanswered),
            Target(what="answers that the damage reached", bound="at most", target=0, measured=strange),
            Target(what="versions that scored meanwhile", bound="at most", target=1, measured=len(versions)),
            Target(what="answers without it that do not say so", bound="at most", target=0, measured=len(silent)),
            Target(what="it scores again without a restart", bound="at least", target=1, measured=came_back),
        ),
    )
