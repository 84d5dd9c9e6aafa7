"""POST /v1/decisions: a plain ASGI route without FastAPI's dependency solving; every decision pays for what is here."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

import msgspec

from api.asgi import ClientGone, Receive, Scope, Send, arrived_at, read_body, send_json, send_problem
from api.faults import log_fault
from api.problems import DECODE_ERRORS, Problem, ProblemType, from_decode_error
from api.schemas import DecisionRequest
from api.service_port import DecisionService
from api.settings import Settings
from api.telemetry import Metrics
from api.watch import StoreWatch

PATH: Final = "/v1/decisions"
_log = logging.getLogger(__name__)


class DecisionsDoor:
    """Reads a decision request, sheds it when there is no time left for it, asks the service, answers its bytes."""

    def __init__(self, service: DecisionService, watch: StoreWatch, metrics: Metrics, settings: Settings) -> None:
        self.in_flight = 0
        self._service = service
        self._watch = watch
        self._metrics = metrics
        self._decode: Callable[[bytes], DecisionRequest] = msgspec.json.Decoder(DecisionRequest).decode
        self._max_body_bytes = settings.max_body_bytes
        self._max_in_flight = settings.max_in_flight
        self._max_queueing_s = settings.max_queueing_ms / 1_000

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        arrived = arrived_at(scope)
        self.in_flight += 1
        try:
            request = await self._read(scope, receive)
            if self._is_overloaded(arrived):
                answer = self._service.fallback(request, "overload")
            else:
                answer = await self._service.decide(request, arrived)
            await send_json(scope, send, answer)
            self._metrics.decision_seconds.observe((request.channel,), monotonic() - arrived)
        except Problem as problem:
            await self._refuse(send, problem)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 - a bug must not take the connection with it; it is logged and counted
            log_fault(_log, "a decision", error)
            await self._refuse(send, Problem(ProblemType.INTERNAL))
        finally:
            self.in_flight -= 1

    def _is_overloaded(self, arrived: float) -> bool:
        return self.in_flight > self._max_in_flight or monotonic() - arrived > self._max_queueing_s or self._watch.full

    async def _read(self, scope: Scope, receive: Receive) -> DecisionRequest:
        if scope["method"] != "POST":
            raise Problem(ProblemType.METHOD_NOT_ALLOWED, "send a POST", allow="POST")
        body = await read_body(scope, receive, self._max_body_bytes)
        try:
            request = self._decode(body)
        except DECODE_ERRORS as error:
            raise from_decode_error(error) from error
        self._service.vocabulary.check(request)
        return request

    async def _refuse(self, send: Send, problem: Problem) -> None:
        self._metrics.problems.add(("decisions", problem.kind))
        await send_problem(send, problem)
