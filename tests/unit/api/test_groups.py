"""Groups with a start and an end: facts in rules while they run, recorded with the decision, shared when merged."""

import time
from datetime import date
from pathlib import Path

import pytest

from api import replay
from api.adapters.memory_merges import MemoryMergeStore
from api.adapters.record_reader import RecordReader
from api.adapters.records import encode_consent, encode_profile
from api.decision_record import decode as decode_record
from api.grouping import Members, MembersUnreadable, end_members, put_members, read_members
from api.ports import StoredRecord, Stream, key_of
from api.ties import Membership, decode_memberships, encode_memberships, joined, parted
from engine.facts import Consent
from engine.ids import FactName
from tests.builders import a_plan, a_theme, an_action
from tests.unit.api.budgeted import PATIENT, BudgetedHouse, serving_of
from tests.unit.api.shells import KEYS

ADA, GRACE = "C0000001", "C0000002"
STAFF_RATE = "eligible: {when: {groups.staff: true}}"
NOW_S = 1_800_000_000


def a_house() -> BudgetedHouse:
    """A bank whose loan is for staff alone, and where a big salary makes staff, say."""
    theme = a_theme(
        "insiders",
        "needs: [{need: insider, when: {flagged: true}}]\nactive: {needs.insider: true}\njourney: [loan]\nweight: 1.1",
    )
    return BudgetedHouse(a_plan(PATIENT, an_action("loan", STAFF_RATE), theme))


def a_store(house: BudgetedHouse) -> MemoryMergeStore:
    return MemoryMergeStore(house.state)


def now_ms() -> int:
    return int(time.time() * 1_000)


def held(house: BudgetedHouse, customer: str = ADA) -> tuple[Membership, ...]:
    return decode_memberships(house.state.kept(key_of(customer)).record.ties)


async def put(house: BudgetedHouse, *memberships: Membership, customer: str = ADA) -> list[str]:
    return await put_members(a_store(house), {customer: memberships}, now_ms)


@pytest.mark.parametrize(
    ("starts_in_s", "ends_in_s", "offered"),
    [(-60, None, ["loan"]), (-60, 60, ["loan"]), (60, None, []), (-60, -1, [])],
    ids=["open", "running", "to come", "over"],
)
async def test_rules_see_a_group_while_its_membership_runs(
    starts_in_s: int, ends_in_s: int | None, offered: list[str]
) -> None:
    house, now_s = a_house(), now_ms() // 1_000
    house.know(ADA)
    await put(house, Membership("staff", now_s + starts_in_s, None if ends_in_s is None else now_s + ends_in_s))
    assert await house.offered() == offered


async def test_who_leaves_is_out_at_once_and_when_they_were_in_stays_known() -> None:
    house, now_s = a_house(), now_ms() // 1_000
    house.know(ADA)
    await put(house, Membership("staff", now_s - 60), Membership("staff", now_s + 900))
    assert await end_members(a_store(house), [ADA], "staff", now_ms) == []
    assert await house.offered() == []
    ((group, start_s, end_s),) = [(each.group, each.start_s, each.end_s) for each in held(house)]
    assert (group, start_s) == ("staff", now_s - 60)
    assert end_s is not None
    assert end_s >= now_s


async def test_a_decision_is_made_again_with_the_groups_that_ran_then() -> None:
    house = a_house()
    house.know(ADA)
    await put(house, Membership("staff", now_ms() // 1_000 - 60))
    assert await house.offered() == ["loan"]
    await end_members(a_store(house), [ADA], "staff", now_ms)
    (entry,) = house.state.streams[Stream.DECISIONS, key_of(ADA).partition]
    serving = serving_of(house.plan)
    record = decode_record(entry.body)
    question, decision = replay.decide_again(serving, record, KEYS.exploration)
    assert replay.record_again(serving, record, question, decision) == entry.body


async def test_storing_a_membership_again_changes_nothing_and_a_new_end_replaces_the_old() -> None:
    house = a_house()
    house.know(ADA)
    await put(house, Membership("staff", 100))
    await put(house, Membership("staff", 100))
    await put(house, Membership("staff", 100, 200))
    assert held(house) == (Membership("staff", 100, 200),)


async def test_who_is_no_customer_is_told() -> None:
    house = a_house()
    assert await put(house, Membership("staff", 100), customer="C9") == ["C9"]


async def test_a_merged_customer_is_put_into_groups_as_who_they_are_now() -> None:
    house = a_house()
    house.know(ADA)
    house.state.keep(key_of(GRACE), house.state.kept(house.know(GRACE)))
    kept = house.state.kept(key_of(GRACE))
    kept.record = kept.record._replace(moved_to=ADA.encode())
    assert await put(house, Membership("staff", 100), customer=GRACE) == []
    assert held(house) == (Membership("staff", 100),)


def test_memberships_are_joined_and_taken_apart_again() -> None:
    ours = encode_memberships([Membership("staff", 1), Membership("staff", 9)])
    theirs = encode_memberships([Membership("staff", 1), Membership("union", 5)])
    both = joined(ours, theirs)
    assert decode_memberships(both) == (Membership("staff", 1), Membership("staff", 9), Membership("union", 5))
    assert parted(both, theirs, ours) == ours
    assert joined(None, None) is None


def test_groups_of_the_profile_stay_and_those_unknown_to_the_rules_are_left_out() -> None:
    plan = a_house().plan
    schema = plan.profile_schema
    profile = encode_profile(schema, schema.encode({"groups": ["staff"], "age": 40}))
    memberships = encode_memberships([Membership("gone", 1)])
    reader = RecordReader(schema, plan.event_layout)
    present = reader.present(StoredRecord(profile=profile, ties=memberships), NOW_S)
    assert present.profile == profile
    nobody = reader.present(StoredRecord(ties=encode_memberships([Membership("staff", 1)])), NOW_S)
    profile_now = reader.read(nobody).profile
    assert profile_now is not None
    assert schema.decode(profile_now) == {"groups": ("staff",)}


def a_file(folder: Path, text: str) -> Path:
    path = folder / "members.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_gives_whole_days_in_the_banks_zone(tmp_path: Path) -> None:
    """London is an hour ahead in June."""
    text = "group,customer,start,end\nstaff,C1,2026-06-01,2026-06-30\nstaff,C2,,\n"
    members = read_members(a_file(tmp_path, text), a_house().plan, date(2026, 1, 5))
    assert members == {
        "C1": [Membership("staff", 1_780_268_400, 1_782_860_400)],
        "C2": [Membership("staff", 1_767_571_200)],
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("customer\n", "members.csv:1: the columns are to be group, customer"),
        ("group,customer\nclub,C1\n", "members.csv:2: the catalogue has no group `club`; it has staff"),
        ("group,customer\nstaff,\n", "members.csv:2: `customer` is empty"),
        ("group,customer,start\nstaff,C1,1.6.2026\n", "members.csv:2: a day looks like 2026-11-21"),
        (
            "group,customer,start,end\nstaff,C1,2026-06-02,2026-06-01\n",
            "members.csv:2: it ends on 2026-06-01, before it begins on 2026-06-02",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(MembersUnreadable, match=said):
        read_members(a_file(tmp_path, text), a_house().plan, date(2026, 1, 5))


def looked_at(*, flagged: bool, memberships: bytes | None = None, objects: bool = False) -> tuple[list[str], list[str]]:
    """Who is to join staff and who is to leave it, of a bank with one customer."""
    plan = a_house().plan
    schema = plan.profile_schema
    members = Members(plan, RecordReader(schema, plan.event_layout), "staff", FactName("needs.insider"), NOW_S)
    consent = encode_consent(Consent(version=1, profiling_objection=objects))
    profile = encode_profile(schema, schema.encode({"flagged": flagged}))
    members.show(ADA, StoredRecord(profile=profile, consent=consent, ties=memberships, owner=ADA.encode()))
    return members.joining, members.leaving


INFERRED = encode_memberships([Membership("staff", 1, None, "needs.insider")])


def test_a_group_by_rule_holds_whom_its_need_holds_of() -> None:
    assert looked_at(flagged=True) == ([ADA], [])
    assert looked_at(flagged=True, memberships=INFERRED) == ([], [])
    assert looked_at(flagged=False, memberships=INFERRED) == ([], [ADA])
    assert looked_at(flagged=False) == ([], [])


def test_whom_somebody_put_in_stays_in_whatever_the_need_says() -> None:
    by_hand = encode_memberships([Membership("staff", 1)])
    assert looked_at(flagged=False, memberships=by_hand) == ([], [])


def test_whoever_objects_to_profiling_is_in_no_group_by_rule() -> None:
    assert looked_at(flagged=True, memberships=INFERRED, objects=True) == ([], [ADA])


async def test_only_the_rules_own_membership_ends_with_it() -> None:
    house = a_house()
    house.know(ADA)
    await put(house, Membership("staff", 1), Membership("staff", 1, None, "needs.insider"))
    await end_members(a_store(house), [ADA], "staff", now_ms, by="needs.insider")
    assert [(each.by, each.end_s is None) for each in held(house)] == [("fixed", True), ("needs.insider", False)]
