"""The store's calls alone: processor time of our shared flights beside redis-py's asyncio client."""

from typing import cast

from bench import store_calls
from bench.report import CaseResult, Figure


def run(*, quick: bool) -> CaseResult:
    """Measure; about fifteen seconds, quick four."""
    found = store_calls.run(store_calls.DECISIONS // (4 if quick else 1))
    figures = []
    for in_flight in store_calls.IN_FLIGHT:
        measured = cast(dict[str, dict[str, float]], found[f"{in_flight} in flight"])
        for client in ("ours", "redis_py"):
            figures += [
                Figure(what=f"{client}, {call}, {in_flight} in flight", value=value, unit="us CPU")
                for call, value in measured[client].items()
            ]
    return CaseResult(case="store", title="a read with a claim, then a durable commit of 1 kB", figures=tuple(figures))
