"""Loading: a bank's files replace the profile and never undo what was done since."""

from api.adapters.records import encode_consent
from api.ports import ConsentWrite, Identity, LoadedRecord, StoredRecord
from engine.contacts import ContactState, pack, unpack
from engine.facts import Consent
from engine.ids import CustomerId
from tests.contract.worlds import ADA, GRACE, World, a_commit, a_contact, an_outcome, soon, soon_ms

HISTORY = pack([a_contact(at=1, state=ContactState.SHOWN)])
LOADED = LoadedRecord(CustomerId(ADA.record), b"profile", b"events", b"needs", HISTORY, b"\x80", 4)


async def test_a_loaded_customer_has_everything(world: World) -> None:
    """And is known as a customer."""
    await world.records.load([LOADED])
    assert await world.record() == StoredRecord(
        profile=b"profile",
        events=b"events",
        needs=b"needs",
        contacts=HISTORY,
        consent=b"\x80",
        consent_version=1,
        contacts_version=1,
        outcome_count=4,
        owner=ADA.record.encode(),
    )


async def test_what_a_file_does_not_say_stays_absent(world: World) -> None:
    """Absent is not empty."""
    await world.records.load([LoadedRecord(CustomerId(ADA.record), b"profile")])
    assert await world.record() == StoredRecord(profile=b"profile", owner=ADA.record.encode())


async def test_loading_again_replaces_the_profile_alone(world: World) -> None:
    """Contacts, outcomes and consent of the meantime stay."""
    await world.records.load([LOADED])
    await world.customers.commit(ADA, a_commit(await world.read(), a_contact()), deadline=soon())
    await world.outcomes.record_outcome(ADA, an_outcome(ContactState.CLICKED), deadline=soon())
    consent = encode_consent(Consent(version=2))
    await world.outcomes.set_consent(ADA, ConsentWrite(soon_ms(), consent, 2, b"entry"), deadline=soon())
    before = await world.record()
    await world.records.load([LOADED._replace(profile=b"newer")])
    assert await world.record() == before._replace(profile=b"newer")


async def test_loading_keeps_what_was_noted_before_the_customer_was_known(world: World) -> None:
    """Somebody may be met before the file that tells who it is."""
    await world.customers.commit(ADA, a_commit(await world.read(), a_contact()), deadline=soon())
    await world.records.load([LoadedRecord(CustomerId(ADA.record), b"profile")])
    record = await world.record()
    assert record.owner == ADA.record.encode()
    assert unpack(record.contacts or b"") == [a_contact()]


async def test_a_merged_record_is_not_loaded_again(world: World) -> None:
    """Its customer lives on under the other id."""
    await world.move(ADA, GRACE)
    await world.records.load([LOADED])
    assert (await world.read()).key == GRACE
    assert (await world.record()).profile is None


async def test_many_records_and_identities_are_loaded(world: World) -> None:
    """More than fit into one batch."""
    customers = [CustomerId(f"C{number:07}") for number in range(1_200)]
    await world.records.load([LoadedRecord(customer, customer.encode()) for customer in customers])
    await world.records.identify({Identity("card_token", f"tok_{each}"): [each] for each in customers})
    last = await world.customers.resolve([Identity("card_token", "tok_C0001199")], deadline=soon())
    assert last.customers == ("C0001199",)
    assert (await world.record()).profile == b"C0000001"


async def test_schemas_are_kept_for_other_readers(world: World) -> None:
    """Each once."""
    await world.records.put_schema(1, b"[1]")
    await world.records.put_schema(2, b"[2]")
    await world.records.put_schema(1, b"[1]")
    assert sorted(await world.records.schemas()) == [b"[1]", b"[2]"]


async def test_layouts_are_kept_with_the_instant_since_which_events_are_folded_under_them(world: World) -> None:
    """Noted once for as long as they are folded under it; anew when that begins again after another."""
    records = world.records
    await records.put_layout(1, b"[1]")
    await records.put_layout(2, b"[2]")
    assert sorted(await records.layouts()) == [(b"[1]", None), (b"[2]", None)]
    for layout, now_s in ((1, 10), (1, 20), (2, 30), (1, 40), (1, 50)):
        await records.begin_folding(layout, now_s)
    assert sorted(await records.layouts()) == [(b"[1]", 40), (b"[2]", 30)]


async def test_a_store_that_answers_is_available(world: World) -> None:
    """With the durability that it was found to have."""
    status = await world.health.status()
    assert (status.available, status.durability) == (True, "always")
