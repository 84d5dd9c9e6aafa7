"""What an answer costs that is given without deciding anything: the door alone, in this process."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final

from api.access.callers import Caller
from api.access.keyring import Gate, Keyring, digest_of
from api.access.looks import LookLog
from api.access.roles import Role
from api.adapters.memory import MemoryCustomerStore, MemoryState
from api.adapters.memory_budgets import MemoryBudgetStore
from api.adapters.memory_events import MemoryHealth
from api.adapters.record_reader import RecordReader
from api.asgi import ARRIVED_AT
from api.leases import Leases
from api.routes.decisions import DecisionsDoor
from api.scorers import open_scorers
from api.security import Secrets
from api.service import Service
from api.serving import Serving
from api.settings import Settings
from api.telemetry import Metrics
from api.tokens import TokenCodec
from api.watch import StoreWatch
from bench.load import KEY
from bench.measure import Spread, Subject, time_in_turns
from engine import Plan

_KEYS: Final = Secrets(token=b"t" * 32, exploration=b"e" * 32, ids=b"i" * 32)
_KEY: Final = KEY.encode()
_CALLS: Final = 2_000
_ROUNDS: Final = 5
_LONG_AGO: Final = 1.0
"""On the machine's own clock: whoever arrived then has waited too long."""


def cheap_path(plan: Plan, body: str) -> Spread:
    """Microseconds from the door to the answer of a request that waited too long."""
    door = _door(plan)
    call = _Call(door, body.encode())
    call()
    assert b'"degraded":["overload"]' in call.answered
    return time_in_turns([Subject(name="shed", call=call, calls=_CALLS)], _ROUNDS)["shed"]


def _door(plan: Plan) -> DecisionsDoor:
    settings, metrics, state = Settings(), Metrics(), MemoryState()
    scorers = open_scorers(settings, plan)
    serving = Serving(
        plan=plan,
        scorer=scorers.scorer,
        baseline=scorers.baseline,
        reader=RecordReader(plan.profile_schema, plan.event_layout),
        tokens=TokenCodec(_KEYS),
        release="bench",
    )
    leases = Leases(MemoryBudgetStore(state), "bench", metrics)
    service = Service(serving=serving, store=MemoryCustomerStore(state), secrets=_KEYS, metrics=metrics, leases=leases)
    caller = Caller(name="key:bench", roles=frozenset({Role.TOUCHPOINT}), channels=frozenset({"atm"}))
    gate = Gate(Keyring({digest_of(_KEY): caller}))
    return DecisionsDoor(service, gate, LookLog(Path("looks"), b""), StoreWatch(MemoryHealth(state)), metrics, settings)


class _Call:
    """One request through the door, as the server hands it over; nothing in it ever waits."""

    def __init__(self, door: DecisionsDoor, body: bytes) -> None:
        self.answered = b""
        self._door = door
        self._body = body
        self._headers = [
            (b"authorization", b"Bearer " + _KEY),
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]

    def __call__(self) -> None:
        scope: MutableMapping[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": "/v1/decisions",
            "headers": self._headers,
            ARRIVED_AT: _LONG_AGO,
        }
        answering = self._door(scope, self._receive, self._send)
        try:
            answering.send(None)
        except StopIteration:
            return
        raise RuntimeError("the cheap path waited for something")

    async def _receive(self) -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        self.answered = message.get("body", b"")
