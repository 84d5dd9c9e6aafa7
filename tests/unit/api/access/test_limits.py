"""How often a caller may ask: bursts, steady rates, and each caller for itself."""

import pytest

from api.access.callers import Caller
from api.access.limits import Limits
from api.access.roles import Role
from api.problems import Problem
from tests.unit.api.shells import ANY_KEY, a_keyring, running

ATM = Caller(name="key:atm", roles=frozenset({Role.TOUCHPOINT}))
TELLER = Caller(name="key:teller", roles=frozenset({Role.TELLER}))
TESS = Caller(name="person:tess", roles=frozenset({Role.TELLER}), is_person=True)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def taken(limits: Limits, caller: Caller, most: int = 1_000) -> int:
    """How many requests a caller gets through at one instant."""
    for count in range(most):
        try:
            limits.take(caller)
        except Problem:
            return count
    return most


def test_burst_is_taken_and_then_the_steady_rate() -> None:
    clock = Clock()
    limits = Limits(touchpoint_per_s=2.0, clock=clock)
    assert taken(limits, ATM) == 20
    clock.now += 3.0
    assert taken(limits, ATM) == 6
    clock.now += 1_000.0
    assert taken(limits, ATM) == 20


def test_each_caller_has_a_bucket_and_each_kind_a_rate() -> None:
    limits = Limits(touchpoint_per_s=2.0, staff_per_s=1.0, person_per_s=0.5, clock=Clock())
    assert [taken(limits, caller) for caller in (ATM, TELLER, TESS, ATM)] == [20, 10, 5, 0]


def test_key_may_have_a_rate_of_its_own() -> None:
    own = Caller(name="key:slow", roles=frozenset({Role.TOUCHPOINT}), per_s=0.1)
    assert taken(Limits(touchpoint_per_s=100.0, clock=Clock()), own) == 1


def test_without_a_rate_there_is_no_limit() -> None:
    assert taken(Limits(clock=Clock()), ATM) == 1_000


def test_caller_is_told_when_to_come_back() -> None:
    limits = Limits(touchpoint_per_s=0.25, clock=Clock())
    taken(limits, ATM)
    with pytest.raises(Problem) as refused:
        limits.take(ATM)
    assert refused.value.status == 429
    assert refused.value.headers()["retry-after"] == "3"  # 2.5 s of burst are 2 requests and a half


def test_addresses_are_many_and_buckets_are_not() -> None:
    limits = Limits(address_per_s=1.0, clock=Clock())
    for number in range(12_000):
        limits.take_from(f"192.0.2.{number}")
    assert len(limits._buckets) == 10_000


@pytest.mark.parametrize("path", ["/v1/decisions", "/v1/orders"])
async def test_caller_who_asks_too_often_gets_429_on_every_route(path: str) -> None:
    slow = Caller(name="key:slow", roles=frozenset(Role), per_s=0.001)
    question = {
        "identity": {"scheme": "customer_id", "value": "C0000001"},
        "channel": "atm",
        "placements": [{"id": "idle_screen"}],
    }
    async with running(keyring=a_keyring(slow=slow)) as house:
        method = "POST" if "decisions" in path else "GET"
        slowly = {"authorization": "Bearer slow"}
        assert (await house.client.request(method, path, json=question, headers=slowly)).status_code == 200
        answer = await house.client.request(method, path, json=question, headers=slowly)
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "1000"
        headers = {"authorization": f"Bearer {ANY_KEY}"}
        assert (await house.client.request(method, path, json=question, headers=headers)).status_code == 200
