"""/v1/customers/{id}: what staff may see, and what the customer allows."""

from typing import Any

import pytest

from api.adapters.memory import Kept
from api.adapters.records import encode_consent, encode_events, encode_needs, encode_profile
from api.ports import StoredRecord, key_of
from api.problems import TYPE_PREFIX
from engine.contacts import Contact, ContactState, DeclineReason, hash32, pack
from engine.facts import Consent
from engine.ids import FactName
from tests.unit.api.shells import Running, running, starter_plan

ADA = key_of("C0000001")
LONG_AGO_S = 1_790_000_000


def a_record(house: Running, **fields: Any) -> None:
    """Store a customer who saves for a home and was offered two things."""
    plan = starter_plan()
    profile = plan.profile_schema.encode(
        {
            "age": 31,
            "gender": "female",
            "income.monthly": 2_800.5,
            "savings.trend_90d": 0.3,
            "rent_payments.count_90d": 3,
            "customer.since": "2020-03-01",
            "holds": ["current_account"],
        }
    )
    record = StoredRecord(
        profile=encode_profile(plan.profile_schema, profile),
        events=encode_events((plan.event_layout, plan.event_layout.empty(0))),
        needs=encode_needs({FactName("needs.young_family"): LONG_AGO_S}),
        contacts=pack(
            [
                Contact(LONG_AGO_S, hash32("home_insurance"), 1, 0, ContactState.SHOWN, 0, 10),
                Contact(LONG_AGO_S + 60, hash32("gone"), 1, 99, ContactState.DECLINED, DeclineReason.NEVER, 10),
            ]
        ),
        consent=encode_consent(Consent(version=4, allowed_by_purpose={"marketing": {"atm": True}})),
        owner=b"C0000001",
    )
    house.state.keep(ADA, Kept(record._replace(**fields)))


async def test_staff_see_the_customer_whole() -> None:
    """Profile in natural values, what is inferred now, contacts on every channel latest first, consent."""
    async with running() as house:
        a_record(house)
        answer = await house.client.get("/v1/customers/C0000001")
    view = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert view["customer_id"] == "C0000001"
    assert view["profile"]["income.monthly"] == 2_800.5
    assert view["profile"]["customer.since"] == "2020-03-01"
    assert view["profile"]["holds"] == ["current_account"]
    assert {"saving_for_deposit", "home_ownership"} <= {need["need"] for need in view["needs"]}
    assert "young_family" not in {need["need"] for need in view["needs"]}
    assert {"theme": "home_buying", "title": "A home of your own"} in view["themes"]
    assert [(each.get("action"), each["channel"], each["state"], each.get("reason")) for each in view["contacts"]] == [
        (None, "unknown", "declined", "never"),
        ("home_insurance", "atm", "shown", None),
    ]
    assert view["consent"] == {"version": 4, "purposes": {"marketing": {"atm": True}}}


async def test_attributes_kept_for_audit_are_not_shown() -> None:
    """They prove fairness; they guide nobody at a counter."""
    async with running() as house:
        a_record(house)
        answer = await house.client.get("/v1/customers/C0000001")
    assert "gender" not in answer.json()["profile"]


async def test_customer_who_objects_to_profiling_shows_no_inferred_need() -> None:
    """What may not be used is not displayed either."""
    async with running() as house:
        a_record(house, consent=encode_consent(Consent(version=5, profiling_objection=True)))
        answer = await house.client.get("/v1/customers/C0000001")
    assert (answer.json()["needs"], answer.json()["themes"]) == ([], [])


async def test_customer_without_any_profile_is_shown_as_such() -> None:
    """A customer of whom no system has told us anything yet."""
    async with running() as house:
        house.state.keep(ADA, Kept(StoredRecord(owner=b"C0000001")))
        answer = await house.client.get("/v1/customers/C0000001")
    assert (answer.status_code, answer.json()["profile"]) == (200, {})


@pytest.mark.parametrize("record", [StoredRecord(), StoredRecord(contacts=b"")])
async def test_somebody_who_is_no_customer_is_not_found(record: StoredRecord) -> None:
    """Visitors have records too, and are nobody's customer."""
    async with running() as house:
        house.state.keep(ADA, Kept(record))
        answer = await house.client.get("/v1/customers/C0000001")
    assert (answer.status_code, answer.json()["type"]) == (404, TYPE_PREFIX + "unknown_customer")


async def test_record_that_cannot_be_read_is_our_fault() -> None:
    """And says nothing of what stands in it."""
    async with running() as house:
        a_record(house, profile=b"\xff")
        answer = await house.client.get("/v1/customers/C0000001")
    assert (answer.status_code, answer.json()["type"]) == (500, TYPE_PREFIX + "internal")


async def test_store_that_is_away_is_said() -> None:
    """For reading as for writing."""
    async with running() as house:
        house.state.available = False
        answers = [
            await house.client.get("/v1/customers/C0000001"),
            await house.client.put("/v1/customers/C0000001/consent", json={"version": 1}),
        ]
    assert [answer.json()["type"] for answer in answers] == [TYPE_PREFIX + "store_unavailable"] * 2


async def test_consent_is_put_in_force_once_and_never_backwards() -> None:
    """Sources repeat themselves and overtake each other."""
    async with running() as house:

        async def put(version: int, *, atm: bool) -> tuple[int, str]:
            body = {"version": version, "purposes": {"marketing": {"atm": atm}}, "profiling_objection": False}
            answer = await house.client.put("/v1/customers/C0000001/consent", json=body)
            return answer.status_code, answer.json().get("type", answer.json()["status"])

        refused = (409, TYPE_PREFIX + "consent_version")
        assert await put(3, atm=True) == (200, "applied")
        assert await put(3, atm=True) == (200, "unchanged")
        assert await put(3, atm=False) == refused
        assert await put(2, atm=False) == refused
        assert await put(4, atm=False) == (200, "applied")
        view = await house.client.get("/v1/customers/C0000001")
    assert view.status_code == 404
    assert house.metrics.consents.values == {("applied",): 2, ("unchanged",): 1, ("stale",): 2}
