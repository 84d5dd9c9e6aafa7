"""Record fields: what is written is read, by whichever plan, and a customer's record stays small."""

import random
from collections.abc import Mapping
from datetime import date

import pytest

from api.adapters import records
from api.adapters.record_reader import NEVER, SETTLE_S, RecordReader
from api.ports import StoredRecord
from api.quotes import decode_quotes, encode_quotes
from api.serving import RecordUnreadable
from engine.contacts import Contact, ContactState, pack
from engine.events import EventFilter, EventLayout
from engine.facts import EMPTY_CONSENT, Consent, FactSpec, FactType, Natural, ProfileSchema, is_missing
from engine.ids import CustomerId, EventName, FactName
from engine.quotes import Quoted
from tests.unit.api.shells import starter_plan

MOST_BYTES = 600
AGE = FactSpec(name=FactName("age"), type=FactType.INTEGER)
INCOME = FactSpec(name=FactName("income"), type=FactType.MONEY, decimals=2)
HOUSING = FactSpec(name=FactName("housing"), type=FactType.CATEGORY, values=("renting", "owned"))
SINCE = FactSpec(name=FactName("since"), type=FactType.DATE)
HOLDS = FactSpec(name=FactName("holds"), type=FactType.SET, values=("isa", "loan"))
SCHEMA = ProfileSchema((AGE, INCOME, HOUSING, SINCE, HOLDS))
SALARY = EventFilter(event=EventName("salary_paid"), text="salary_paid", depth=2)
QUOTE = EventFilter(event=EventName("quote"), text="quote", depth=1)
LAYOUT = EventLayout((SALARY, QUOTE))
OTHER_LAYOUT = EventLayout((SALARY,))


def _profile(**values: Natural) -> bytes:
    return records.encode_profile(SCHEMA, SCHEMA.encode(values))


def test_a_whole_record_is_read_back() -> None:
    """Every field as it was written."""
    consent = Consent(version=3, allowed_by_purpose={"marketing": {"web": True}}, profiling_objection=False)
    contact = Contact(1, 2, 3, 1, ContactState.SHOWN, 0, 10)
    snapshot = RecordReader(SCHEMA, LAYOUT).read(
        StoredRecord(
            profile=_profile(age=41, income="2500.50", housing="owned", since=date(2020, 1, 31), holds=["loan"]),
            events=records.encode_events((LAYOUT, [100, 5, 4, 0, 0, 0])),
            needs=records.encode_needs({FactName("needs.home"): 7}),
            contacts=pack([contact]),
            consent=records.encode_consent(consent),
            outcome_count=4,
            owner=b"C1",
        )
    )
    assert snapshot.profile == [41, 250_050, 1, date(2020, 1, 31).toordinal(), 2]
    assert snapshot.events == [100, 5, 4, 0, 0, 0]
    assert snapshot.needs == {"needs.home": 7}
    assert snapshot.contacts == [contact]
    assert (snapshot.consent, snapshot.outcome_count, snapshot.known) == (consent, 4, True)


def test_an_empty_record_is_nobody() -> None:
    """Nothing known, nothing allowed, nothing shown."""
    snapshot = RecordReader(SCHEMA, LAYOUT).read(StoredRecord())
    assert (snapshot.known, snapshot.profile, snapshot.events, snapshot.consent) == (False, None, None, EMPTY_CONSENT)


def test_missing_values_come_back_as_missing() -> None:
    """Numbers as NaN, others as None, so that no comparison with them is true."""
    profile = RecordReader(SCHEMA, LAYOUT).read(StoredRecord(profile=_profile())).profile
    assert profile is not None
    assert all(map(is_missing, profile))
    assert [type(value) for value in profile] == [type(value) for value in SCHEMA.empty()]


def test_a_profile_of_another_schema_is_read_once_that_is_known() -> None:
    """By name and type; what the plan does not know is left out, what the profile does not have is missing."""
    newer = ProfileSchema((INCOME, HOUSING, FactSpec(name=FactName("region"), type=FactType.TEXT), AGE))
    reader = RecordReader(newer, LAYOUT)
    stored = StoredRecord(profile=_profile(age=41, income=10, housing="renting"))
    with pytest.raises(RecordUnreadable) as unread:
        reader.read(stored)
    assert unread.value.missing == "record"
    assert reader.unknown == {SCHEMA.hash}
    reader.learn(records.decode_schema(records.encode_schema(SCHEMA)))
    assert reader.read(stored).profile == [1_000, 0, None, 41]
    assert not reader.unknown


def test_a_schema_survives_its_columns() -> None:
    """The same hash, so the same layout."""
    assert records.decode_schema(records.encode_schema(SCHEMA)).hash == SCHEMA.hash


def test_an_event_state_of_an_unknown_layout_is_no_state() -> None:
    """What it held is unknown until the layout is learned, and the reader says which it misses."""
    stored = StoredRecord(events=records.encode_events((OTHER_LAYOUT, [100, 5, 4, 0])))
    reader = RecordReader(SCHEMA, LAYOUT)
    assert reader.read(stored).events is None
    assert reader.unknown == {OTHER_LAYOUT.hash}


def test_an_event_state_of_another_layout_is_carried_over() -> None:
    """What both ask for goes on; the rest is unknown until it is known since when it is kept."""
    stored = StoredRecord(events=records.encode_events((OTHER_LAYOUT, [100, 5, 4, 0])))
    reader = RecordReader(SCHEMA, LAYOUT)
    reader.learn_layout(records.decode_layout(records.encode_layout(OTHER_LAYOUT)), 7)
    assert reader.read(stored).events == [100, 5, 4, 0, 0, NEVER]
    reader.learn_layout(LAYOUT, 1_000)
    assert reader.read(stored).events == [100, 5, 4, 0, 0, 1_000 + SETTLE_S]
    assert reader.unknown == set()


def test_a_reader_knows_what_the_one_before_knew() -> None:
    """So that no record is unreadable for a moment when rules change."""
    before = RecordReader(SCHEMA, OTHER_LAYOUT)
    reader = RecordReader(SCHEMA, LAYOUT)
    reader.adopt(before)
    stored = StoredRecord(events=records.encode_events((OTHER_LAYOUT, [100, 5, 4, 0])))
    assert reader.read(stored).events == [100, 5, 4, 0, 0, NEVER]


def test_a_record_folded_for_two_bundles_serves_both() -> None:
    """Each reads its own state."""
    stored = StoredRecord(events=records.encode_events((OTHER_LAYOUT, [100, 5, 4, 0]), (LAYOUT, [100, 5, 4, 3, 0, 0])))
    assert RecordReader(SCHEMA, LAYOUT).read(stored).events == [100, 5, 4, 3, 0, 0]
    assert RecordReader(SCHEMA, OTHER_LAYOUT).read(stored).events == [100, 5, 4, 0]


@pytest.mark.parametrize(
    ("broken", "missing"),
    [
        (StoredRecord(consent=b"\x93"), "consent"),
        (StoredRecord(consent=b"\x81\xa1p\x01"), "consent"),
        (StoredRecord(contacts=bytes(17)), "contacts"),
        (StoredRecord(profile=b"\xc0"), "record"),
        (StoredRecord(profile=records.encode_needs({})), "record"),
        (StoredRecord(profile=_profile()[:-1]), "record"),
        (StoredRecord(events=b"\x90"), "record"),
        (StoredRecord(events=records.encode_events((LAYOUT, [1]))), "record"),
        (StoredRecord(needs=b"\x81\xa1n\xa1x"), "record"),
    ],
)
def test_what_cannot_be_read_is_named(broken: StoredRecord, missing: str) -> None:
    """So that the answer can say what it had to do without."""
    with pytest.raises(RecordUnreadable) as unread:
        RecordReader(SCHEMA, LAYOUT).read(broken)
    assert unread.value.missing == missing


def test_equal_consents_have_equal_bytes() -> None:
    """In whatever order their channels were named."""
    one = Consent(version=1, allowed_by_purpose={"a": {"web": True, "atm": False}, "b": {}})
    two = Consent(version=1, allowed_by_purpose={"b": {}, "a": {"atm": False, "web": True}})
    assert records.encode_consent(one) == records.encode_consent(two)


def test_terms_and_identities_are_read_back() -> None:
    """As they were written."""
    quoted = {7: Quoted({"rate": 4.2}, 99)}
    assert decode_quotes(encode_quotes(quoted)) == quoted
    assert decode_quotes(None) == {}
    assert records.decode_customers(records.encode_customers([CustomerId("C1"), CustomerId("C2")])) == ("C1", "C2")


def test_profile_and_consent_of_forty_attributes_stay_within_their_bytes() -> None:
    """With values such as the demonstration bank has, 15 in 100 of them missing, over the whole starter catalogue."""
    plan = starter_plan()
    schema = plan.profile_schema
    assert len(schema.columns) >= 40
    chance = random.Random(7)
    channels = {str(channel.id): chance.random() < 0.8 for channel in plan.channels}
    consent = Consent(version=3, allowed_by_purpose={"marketing": channels}, profiling_objection=False)
    sizes = []
    for _ in range(200):
        values: dict[str, Natural] = {
            spec.name: _likely(spec, chance) for spec in schema.columns if chance.random() > 0.15
        }
        sizes.append(len(records.encode_profile(schema, schema.encode(values))) + len(records.encode_consent(consent)))
    assert max(sizes) <= MOST_BYTES, f"median {sorted(sizes)[100]}, largest {max(sizes)} bytes"


def _likely(spec: FactSpec, chance: random.Random) -> Natural:
    """A value such as a customer of the demonstration bank has."""
    makers: Mapping[FactType, Natural] = {
        FactType.BOOLEAN: chance.random() < 0.5,
        FactType.CATEGORY: chance.choice(spec.values) if spec.values else None,
        FactType.DATE: date.fromordinal(chance.randint(730_000, 739_000)),
        FactType.SET: [value for value in spec.values if chance.random() < 0.2],
        FactType.TEXT: "some text",
    }
    if spec.type in makers:
        return makers[spec.type]
    scale = 10**spec.decimals
    low = 0 if spec.low is None else spec.low / scale
    high = 1_000 if spec.high is None else spec.high / scale
    return round(
        min(high, max(low, chance.lognormvariate(6 if spec.type is FactType.MONEY else 1, 1.5))), spec.decimals
    )
