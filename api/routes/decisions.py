"""POST /v1/decisions: a plain ASGI route without FastAPI's dependency solving; every decision pays for what is here."""

import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

import msgspec

from api.access.callers import Caller
from api.access.keyring import Gate
from api.access.looks import LookLog, LooksUnwritable
from api.asgi import (
    ClientGone,
    Receive,
    Scope,
    Send,
    arrived_at,
    check_head,
    is_plain,
    read_body,
    send_json,
    send_problem,
)
from api.faults import log_fault
from api.problems import DECODE_ERRORS, Problem, ProblemType, from_decode_error
from api.schemas import DecisionRequest
from api.service_port import DecisionService
from api.settings import Settings
from api.telemetry import Metrics
from api.watch import StoreWatch

PATH: Final = "/v1/decisions"
Answer = bytes | Problem
_log = logging.getLogger(__name__)


class Asked:
    """A question that may be asked, and whether who asks it is told reasons where the channel is for staff."""

    __slots__ = ("request", "sees_reasons")

    def __init__(self, request: DecisionRequest, sees_reasons: bool) -> None:
        self.request = request
        self.sees_reasons = sees_reasons


class DecisionsDoor:
    """Sees who asks, reads what, sheds it when there is no time left for it, asks the service, answers its bytes."""

    def __init__(
        self,
        service: DecisionService,
        access: Gate,
        looks: LookLog,
        watch: StoreWatch,
        metrics: Metrics,
        settings: Settings,
    ) -> None:
        self.in_flight = 0
        self._looks = looks
        self._access = access
        self._service = service
        self._watch = watch
        self._metrics = metrics
        self._decode: Callable[[bytes], DecisionRequest] = msgspec.json.Decoder(DecisionRequest).decode
        self._max_body_bytes = settings.max_body_bytes
        self._max_in_flight = settings.max_in_flight
        self._max_queueing_s = settings.max_queueing_ms / 1_000

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request that came through the application."""
        arrived = arrived_at(scope)
        if scope["method"] != "POST":
            refused = Problem(ProblemType.METHOD_NOT_ALLOWED, "send a POST", allow="POST")
            await send_problem(send, self._refused(refused))
            return
        try:
            caller = self._access.decider(scope["headers"])
            body = await read_body(scope, receive, self._max_body_bytes)
        except ClientGone:
            return
        except Problem as problem:
            await send_problem(send, self._refused(problem))
            return
        except Exception as error:  # noqa: BLE001 - as in `at_once`
            await send_problem(send, self._failed(error))
            return
        answer = self._looked_at(caller, scope["headers"], body, arrived)
        if isinstance(answer, Asked):
            answer = await self.decide(answer, arrived)
        if isinstance(answer, Problem):
            await send_problem(send, answer)
        else:
            await send_json(send, answer)

    def at_once(self, headers: Sequence[tuple[bytes, bytes]], body: bytes, arrived: float) -> Answer | Asked:
        """The answer to a request for which nothing has to be waited: it is refused, or there is no time left for it.

        Returns the question otherwise, which then has its place in flight until `decide` answers it.
        """
        try:
            caller = self._access.decider(headers)
        except Problem as problem:
            return self._refused(problem)
        except Exception as error:  # noqa: BLE001 - a bug must not take the connection with it; it is logged and counted
            return self._failed(error)
        return self._looked_at(caller, headers, body, arrived)

    def _looked_at(
        self, caller: Caller, headers: Sequence[tuple[bytes, bytes]], body: bytes, arrived: float
    ) -> Answer | Asked:
        try:
            check_head(headers, self._max_body_bytes)
            request = self._read(body)
            caller.check_question(request)
            if self.in_flight >= self._max_in_flight or self._waited_too_long(arrived) or self._watch.full:
                return self._shed(request, arrived)
            sees_reasons = caller.sees_reasons and self._noted(caller, request)
            self.in_flight += 1
            return Asked(request, sees_reasons)
        except Problem as problem:
            return self._refused(problem)
        except Exception as error:  # noqa: BLE001 - as in `at_once`
            return self._failed(error)

    def _noted(self, caller: Caller, request: DecisionRequest) -> bool:
        """Whether it is noted that a person looks at a customer; offers are shown in any case, reasons only then."""
        try:
            for each in request.identities:
                name = each.value if each.scheme == "customer_id" else f"{each.scheme}:{each.value}"
                self._looks.note(caller.name, name, "POST /v1/decisions", waits=False)
        except LooksUnwritable:
            return False
        return True

    async def decide(self, asked: Asked, arrived: float) -> Answer:
        """The answer to a question that `at_once` gave back."""
        request = asked.request
        try:
            if self._waited_too_long(arrived):
                return self._shed(request, arrived)
            answer = await self._service.decide(request, arrived, asked.sees_reasons)
            self._metrics.decision_seconds.observe((request.channel,), monotonic() - arrived)
            return answer
        except Problem as problem:
            return self._refused(problem)
        except Exception as error:  # noqa: BLE001 - as in `at_once`
            return self._failed(error)
        finally:
            self.in_flight -= 1

    def takes(self, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        """Whether a request with these headers may be read whole, and answered without the application."""
        return is_plain(headers, self._max_body_bytes)

    def _waited_too_long(self, arrived: float) -> bool:
        return monotonic() - arrived > self._max_queueing_s

    def _shed(self, request: DecisionRequest, arrived: float) -> bytes:
        answer = self._service.fallback(request, "overload")
        self._metrics.decision_seconds.observe((request.channel,), monotonic() - arrived)
        return answer

    def _read(self, body: bytes) -> DecisionRequest:
        try:
            request = self._decode(body)
        except DECODE_ERRORS as error:
            raise from_decode_error(error) from error
        self._service.vocabulary.check(request)
        return request

    def _refused(self, problem: Problem) -> Problem:
        self._metrics.problems.add(("decisions", problem.kind))
        return problem

    def _failed(self, error: Exception) -> Problem:
        log_fault(_log, "a decision", error)
        return self._refused(Problem(ProblemType.INTERNAL))
