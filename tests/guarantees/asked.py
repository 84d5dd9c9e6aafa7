"""What the proofs ask, as bodies made beforehand."""

import json

from tests.guarantees.house import CUSTOMERS, question


def bodies(count: int, *, seed: str, budget_ms: int) -> tuple[str, ...]:
    """Questions about every customer in turn, each in a session of its own."""
    return tuple(
        json.dumps(question(CUSTOMERS[at % len(CUSTOMERS)], session_id=f"{seed}-{at}", budget_ms=budget_ms))
        for at in range(count)
    )
