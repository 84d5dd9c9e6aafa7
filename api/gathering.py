"""What a request reads before anything is decided: who asks, and their record, in the time that it has for that."""

import asyncio
import hashlib
from secrets import token_bytes
from time import monotonic, perf_counter_ns
from typing import Final

import msgspec

from api.ports import (
    ClaimState,
    CustomerKey,
    CustomerStore,
    Gathered,
    Identity,
    RequestClaim,
    StoreUnavailable,
    key_of,
    key_of_unknown,
)
from api.problems import Problem, ProblemType
from api.schemas import DecisionRequest, Degraded
from api.telemetry import Metrics

GATHER_SHARE: Final = 0.4
COMMIT_SHARE: Final = 0.3
_POLL_S: Final = 0.003


class Unanswerable(Exception):
    """No offer can be answered; the fallback shows, and `degraded` says why."""

    def __init__(self, degraded: Degraded) -> None:
        self.degraded: Degraded = degraded
        super().__init__(degraded)


class RequestTime:
    """The time that one request has, as instants of the event loop's clock."""

    __slots__ = ("_commit_s", "end", "gather_deadline", "started_ns")

    def __init__(self, arrived_at: float, budget_ms: int) -> None:
        budget_s = budget_ms / 1_000
        self.end = arrived_at + budget_s
        self.gather_deadline = arrived_at + GATHER_SHARE * budget_s
        self._commit_s = COMMIT_SHARE * budget_s
        self.started_ns = perf_counter_ns()

    def commit_deadline(self) -> float:
        """From now, at most the commit's share of the budget, and never past its end."""
        return min(self.end, monotonic() + self._commit_s)


class Gathering:
    """Reads from the customer store; what it cannot tell in time leaves a request unanswerable."""

    def __init__(self, store: CustomerStore, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics

    async def key(self, request: DecisionRequest, deadline: float) -> CustomerKey:
        """The key of the customer whom the request names, or of the unknown one behind its first identity.

        Raises:
            Unanswerable: the store does not say, or names two customers.
        """
        identities = [Identity(each.scheme, each.value) for each in request.identities]
        try:
            resolution = await self._store.resolve(identities, deadline=deadline)
        except StoreUnavailable as error:
            self._metrics.store_failures.add(("resolve",))
            raise Unanswerable("identity") from error
        if len(resolution.customers) > 1:
            raise Unanswerable("identity_ambiguous")
        return key_of(resolution.customers[0]) if resolution.customers else key_of_unknown(identities[0])

    async def record(self, key: CustomerKey, claim: RequestClaim | None, time: RequestTime) -> Gathered:
        """The record under a key, and what became of the claim; waits for a twin of the request that is in flight.

        Raises:
            Unanswerable: the store does not say, or the twin takes longer than this request may.
            Problem: the request id was used with another body.
        """
        try:
            gathered = await self._store.gather(key, claim, deadline=time.gather_deadline)
            while gathered.claim.state is ClaimState.IN_FLIGHT:
                if monotonic() + _POLL_S >= time.end:
                    raise Unanswerable("late")
                await asyncio.sleep(_POLL_S)
                gathered = await self._store.gather(key, claim, deadline=time.end)
        except StoreUnavailable as error:
            self._metrics.store_failures.add(("gather",))
            raise Unanswerable("record") from error
        if gathered.claim.state is ClaimState.OTHER_BODY:
            raise Problem(
                ProblemType.REQUEST_ID_REUSED, "`request_id` was used with another body", pointer="/request_id"
            )
        return gathered


def claim_of(request: DecisionRequest, end: float) -> RequestClaim | None:
    """The claim on a request's id until an instant, None where it carries none."""
    if request.request_id is None:
        return None
    body = msgspec.json.encode(msgspec.structs.replace(request, budget_ms=None))
    return RequestClaim(
        request_id=request.request_id,
        body_hash=hashlib.blake2b(body, digest_size=8).digest(),
        attempt=token_bytes(8),
        hold_ms=max(1, int((end - monotonic()) * 1_000)),
    )


def since(started_ns: int) -> int:
    """Microseconds since an instant of `perf_counter_ns`."""
    return (perf_counter_ns() - started_ns) // 1_000
