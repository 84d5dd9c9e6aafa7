"""/v1/customers/{id}: what staff may see, and what the customer allows."""

import time
from datetime import date
from typing import Any

import msgspec
import pytest

from api.adapters.memory import Kept
from api.adapters.record_reader import RecordReader
from api.adapters.records import encode_consent, encode_events, encode_needs, encode_profile
from api.merging.saga import Merging
from api.ports import StoredRecord, key_of
from api.ports.relations import Relation
from api.problems import TYPE_PREFIX
from api.schemas import DecisionResponse, OptionBody, PropositionBody, ReasonBody, TimingsBody
from api.ties import Membership, encode_memberships
from engine.contacts import Contact, ContactState, DeclineReason, hash32, pack
from engine.facts import Consent
from engine.ids import FactName
from tests.unit.api.shells import Running, running, starter_plan

ADA, GRACE = key_of("C0000001"), key_of("C0000002")
LONG_AGO_S = 1_790_000_000


def an_option(action: str, priority: float, theme: str | None = None) -> OptionBody:
    """An option as staff see it."""
    reasons = (ReasonBody(code="theme", title="A home of your own"),) if theme else ()
    return OptionBody(
        rank=1,
        action=action,
        treatment_id=action,
        treatment={},
        leads_to=None,
        valid_until="2026-11-22T11:00:00Z",
        tracking_token="",
        priority=priority,
        theme=theme,
        reasons=reasons,
        say="Have you thought of it?",
    )


AN_ANSWER = msgspec.json.encode(
    DecisionResponse(
        decision_id="d",
        decided_at="2026-11-22T10:00:00Z",
        propositions=(
            PropositionBody("advice", (an_option("savings_account", 1.5),), None),
            PropositionBody("card", (an_option("home_insurance", 2.5, theme="home_buying"),), None),
        ),
        ruleset="r",
        model="m",
        degraded=("score",),
        timings_us=TimingsBody(0, 0, 0, 0),
    )
)


def a_record(house: Running, **fields: Any) -> None:
    """Store a customer who saves for a home and was offered two things; staff would offer two more."""
    house.service.explained = AN_ANSWER
    plan = starter_plan()
    profile = plan.profile_schema.encode(
        {
            "age": 31,
            "gender": "female",
            "income.monthly": 2_800.5,
            "spend.monthly": 2_000,
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
    assert view["calculated"] == {"income.left_over": 800.5}
    assert view["profile"]["holds"] == ["current_account"]
    assert {"saving_for_deposit", "home_ownership"} <= {need["need"] for need in view["needs"]}
    assert "young_family" not in {need["need"] for need in view["needs"]}
    assert "A home of your own" in {theme["title"] for theme in view["themes"]}
    assert [(each.get("action"), each["channel"], each["state"], each.get("reason")) for each in view["contacts"]] == [
        (None, "unknown", "declined", "never"),
        ("home_insurance", "atm", "shown", None),
    ]
    assert view["consent"] == {"version": 4, "purposes": {"marketing": {"atm": True}}}


async def test_needs_and_themes_say_why() -> None:
    """With the rule's place and what was found; a need that another need makes names it."""
    async with running() as house:
        a_record(house)
        view = (await house.client.get("/v1/customers/C0000001")).json()
    needs = {need["need"]: need["why"] for need in view["needs"]}
    (saving, *_) = needs["saving_for_deposit"]
    assert saving["rule"] == "needs.saving_for_deposit"
    assert saving["place"].startswith("rules/thematic/home_buying.yaml:")
    assert (saving["cell"], saving["facts"]) == ("savings.trend_90d: > 0.15", {"savings.trend_90d": "0.3000"})
    assert {"needs.saving_for_deposit"} <= {name for part in needs["home_ownership"] for name in part["facts"]}
    (theme,) = (each for each in view["themes"] if each["theme"] == "home_buying")
    assert [part["facts"] for part in theme["why"]] == [{"needs.home_ownership": "yes"}]
    assert "home_insurance" in theme["journey"]


async def test_a_need_that_only_lasts_has_no_part_that_holds_now() -> None:
    """It held once, and is active for as long as its rule says."""
    async with running() as house:
        a_record(house, needs=encode_needs({FactName("needs.often_abroad"): int(time.time()) - 3_600}))
        view = (await house.client.get("/v1/customers/C0000001")).json()
    (lasting,) = (need for need in view["needs"] if need["need"] == "often_abroad")
    assert lasting["why"] == []


async def test_what_happened_is_told_latest_first() -> None:
    """As far as rules ask about it."""
    plan = starter_plan()
    layout = plan.event_layout
    state = layout.empty(1)
    first, second = layout.filters[0], layout.filters[1]
    state[layout.offsets[0]], state[layout.offsets[1]] = LONG_AGO_S, LONG_AGO_S + 5
    async with running() as house:
        a_record(house, events=encode_events((layout, state)))
        view = (await house.client.get("/v1/customers/C0000001")).json()
    assert [(each["event"], each["where"], each["times"]) for each in view["states"]] == [
        (second.event, second.text, 1),
        (first.event, first.text, 1),
    ]


async def test_opportunities_stand_best_first_with_what_was_missing() -> None:
    """Over all placements of a channel for staff."""
    async with running() as house:
        a_record(house)
        view = (await house.client.get("/v1/customers/C0000001?channel=phone")).json()
        refused = await house.client.get("/v1/customers/C0000001?channel=atm")
    assert [(each["rank"], each["action"], each["reasons"]) for each in view["opportunities"]] == [
        (1, "home_insurance", ["A home of your own"]),
        (2, "savings_account", []),
    ]
    assert view["degraded"] == ["score"]
    assert (refused.status_code, refused.json()["type"]) == (422, TYPE_PREFIX + "unknown_channel")


async def test_groups_are_shown_with_their_times() -> None:
    """Those of a file without any; those that are over and those to come as well."""
    profile = starter_plan().profile_schema.encode({"groups": ["student_union"]})
    over = Membership("staff", LONG_AGO_S, LONG_AGO_S + 60, "needs.insider")
    ended = encode_memberships([over, Membership("student_union", LONG_AGO_S, LONG_AGO_S + 60)])
    async with running() as house:
        a_record(house, profile=encode_profile(starter_plan().profile_schema, profile), ties=ended)
        view = (await house.client.get("/v1/customers/C0000001")).json()
    assert [(each["group"], "start" in each, "end" in each, each.get("by")) for each in view["groups"]] == [
        ("student_union", False, False, None),
        ("staff", True, True, "needs.insider"),
        ("student_union", True, True, "fixed"),
    ]


async def test_relations_and_merged_records_are_those_of_all_that_became_one() -> None:
    """A relation to a record that is the customer's own now is none any more."""
    async with running() as house:
        a_record(house)
        house.state.keep(GRACE, Kept(StoredRecord(owner=b"C0000002")))
        related = [
            Relation("C0000001", "spouse", "C0000009", date(2020, 1, 1)),
            Relation("C0000002", "director", "C0000008"),
            Relation("C0000002", "joint_holder", "C0000001"),
        ]
        await house.relations.relate(related, deadline=0)
        layout = starter_plan().event_layout
        reader = RecordReader(starter_plan().profile_schema, layout)
        merging = Merging(house.merges, layout=layout, read=reader.read)
        await merging.merge("C0000002", "C0000001", why="one passport")
        view = (await house.client.get("/v1/customers/C0000002")).json()
    assert view["customer_id"] == "C0000001"
    assert view["relations"] == [
        {"kind": "director", "to": "C0000008"},
        {"kind": "spouse", "to": "C0000009", "start": "2020-01-01"},
    ]
    (merged,) = view["merged"]
    assert (merged["record"], merged["why"]) == ("C0000002", "one passport")


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
        house.service.explained = AN_ANSWER
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
