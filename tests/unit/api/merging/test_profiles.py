"""The profile of a customer whose record is made of several: joined as the catalogue declares, and given back whole."""

from collections.abc import Mapping

import pytest

from api.adapters.memory import Kept, MemoryState
from api.adapters.memory_merges import MemoryMergeStore
from api.adapters.memory_relations import MemoryRelationStore
from api.adapters.record_reader import RecordReader
from api.adapters.records import encode_consent, encode_profile
from api.merging.profiles import Part, join_profiles, origin_of
from api.merging.saga import Merging
from api.ports import StoredRecord, key_of
from api.ports.merges import MergeChange, MergeRead
from api.settling import Settling
from engine.facts import EMPTY_CONSENT, Natural
from tests.builders import CATALOGUE, a_plan, problems_of

ADA, GRACE, MARY, VISITOR = "C1", "C2", "C3", "web_visitor:v1"
DECLARED = {
    "catalogue.yaml": CATALOGUE.replace("{title: Flagged, type: boolean}", "{type: boolean, when_merged: largest}")
    .replace("{title: Customer since, type: date}", "{type: date, when_merged: smallest}")
    .replace("{title: Nickname, type: text}", "{type: text, when_merged: freshest}")
    .replace("segments:", "merge_order: [core, acquired]\nsegments:")
}
PLAN = a_plan(DECLARED)
SCHEMA = PLAN.profile_schema
Values = Mapping[str, Natural]


def joined(*parts: tuple[Values, int, str]) -> dict[str, object]:
    """What profiles make, each of a day and a source."""
    made = [Part(SCHEMA.encode(values), day, source) for values, day, source in parts]
    return SCHEMA.decode(join_profiles(SCHEMA, PLAN.catalogue.merge_order, made))


def test_the_record_that_stayed_counts_first_and_an_empty_value_never() -> None:
    assert joined(({"age": 40}, 0, ""), ({"age": 41, "tenure": 7}, 0, "")) == {"age": 40, "tenure": 7}


def test_a_source_that_is_declared_first_counts_before_the_record_that_stayed() -> None:
    """And a source that nobody declared comes last."""
    assert joined(({"age": 40}, 0, "acquired"), ({"age": 41}, 0, "core")) == {"age": 41}
    assert joined(({"age": 40}, 0, "somewhere"), ({"age": 41}, 0, "acquired")) == {"age": 41}


def test_the_freshest_value_is_that_of_the_latest_day_which_has_one() -> None:
    stale, fresh, empty = ({"nickname": "Al"}, 10, "core"), ({"nickname": "Jo"}, 20, ""), ({"age": 1}, 30, "")
    assert joined(stale, fresh, empty) == {"nickname": "Jo", "age": 1}
    assert joined(stale, (fresh[0], 10, "")) == {"nickname": "Al"}


def test_the_larger_and_the_smaller_value_count_where_that_is_declared() -> None:
    """A flag of either stands, and a customer is one since the earlier day."""
    ours: Values = {"flagged": False, "customer.since": "2020-05-01"}
    theirs: Values = {"flagged": True, "customer.since": "2011-01-01"}
    told = {name: str(value) for name, value in joined((ours, 0, ""), (theirs, 0, "")).items()}
    assert told == {"flagged": "True", "customer.since": "2011-01-01"}


def test_products_and_groups_are_those_of_all_and_a_segment_is_one() -> None:
    ours: Values = {"holds": ["isa"], "groups": [], "segments": ["mass"]}
    theirs: Values = {"holds": ["loan"], "groups": ["staff"], "segments": ["affluent"]}
    assert joined((ours, 0, ""), (theirs, 0, ""), ({}, 0, "")) == {
        "holds": ("isa", "loan"),
        "groups": ("staff",),
        "segments": ("mass",),
    }


def test_what_has_no_order_cannot_be_the_largest() -> None:
    catalogue = CATALOGUE.replace("{title: Nickname, type: text}", "{type: text, when_merged: largest}")
    (problem,) = [each for each in problems_of({"catalogue.yaml": catalogue}) if "nickname" in each]
    assert "is a text and has no order, so none of its values is the largest" in problem


# --- on a store ------------------------------------------------------------------------------------------------------


class Bank:
    """Customers in memory, and what merges them."""

    def __init__(self, store: type[MemoryMergeStore] = MemoryMergeStore) -> None:
        self.state = MemoryState()
        self.store = store(self.state)
        self.reader = RecordReader(SCHEMA, PLAN.event_layout)
        self.settling = Settling(PLAN, self.store, MemoryRelationStore(self.state), self.reader.read)
        self.merging = Merging(self.store, layout=PLAN.event_layout, read=self.reader.read, settle=self.settling.settle)

    def load(self, customer: str, values: Values, day: int = 0) -> bytes:
        """What a load does: the record's own profile is the new one, wherever it stands."""
        key, profile = key_of(customer), encode_profile(SCHEMA, SCHEMA.encode(values))
        kept = self.state.kept(key)
        if key in self.store.own_profiles:
            self.store.own_profiles[key] = profile
        else:
            kept.record = kept.record._replace(profile=profile)
        kept.record = kept.record._replace(owner=customer.encode(), consent=encode_consent(EMPTY_CONSENT))
        self.state.keep(key, Kept(kept.record))
        self.store.origins[key] = origin_of(day, "core")
        return profile

    def bytes_of(self, customer: str) -> bytes | None:
        return self.state.kept(key_of(customer)).record.profile

    def profile(self, customer: str = ADA) -> dict[str, object]:
        found = self.reader.read(self.state.kept(key_of(customer)).record).profile
        return {} if found is None else SCHEMA.decode(found)


async def test_a_merged_customer_has_the_values_of_both_and_each_gets_their_own_back() -> None:
    bank = Bank()
    ours, theirs = bank.load(ADA, {"age": 40, "flagged": False}), bank.load(GRACE, {"age": 41, "flagged": True})
    await bank.merging.merge(GRACE, ADA)
    assert bank.profile() == {"age": 40, "flagged": True}
    await bank.merging.unmerge(GRACE)
    assert (bank.bytes_of(ADA), bank.bytes_of(GRACE)) == (ours, theirs)
    assert bank.store.own_profiles == {}


async def test_of_three_who_are_one_any_may_be_separated_first() -> None:
    bank = Bank()
    bank.load(ADA, {"age": 40})
    bank.load(GRACE, {"tenure": 7})
    bank.load(MARY, {"tenure": 9, "holds": ["isa"]})
    await bank.merging.merge(GRACE, ADA)
    await bank.merging.merge(MARY, ADA)
    assert bank.profile() == {"age": 40, "tenure": 7, "holds": ("isa",)}
    await bank.merging.unmerge(GRACE)
    assert bank.profile() == {"age": 40, "tenure": 9, "holds": ("isa",)}
    await bank.merging.unmerge(MARY)
    assert bank.profile() == {"age": 40}


async def test_a_chain_of_merges_is_joined_and_undone_link_by_link() -> None:
    bank = Bank()
    own = [bank.load(ADA, {"age": 40}), bank.load(GRACE, {"tenure": 7}), bank.load(MARY, {"holds": ["isa"]})]
    await bank.merging.merge(MARY, GRACE)
    await bank.merging.merge(GRACE, ADA)
    assert bank.profile() == {"age": 40, "tenure": 7, "holds": ("isa",)}
    await bank.merging.unmerge(GRACE)
    assert bank.profile(GRACE) == {"tenure": 7, "holds": ("isa",)}
    await bank.merging.unmerge(MARY)
    assert [bank.bytes_of(each) for each in (ADA, GRACE, MARY)] == own


async def test_a_visitor_brings_no_profile_and_takes_none_away() -> None:
    bank = Bank()
    own = bank.load(ADA, {"age": 40})
    bank.state.keep(key_of(VISITOR), Kept(StoredRecord(events=None)))
    await bank.merging.merge(VISITOR, ADA)
    assert bank.bytes_of(ADA) == own
    assert bank.store.own_profiles == {}


async def test_a_customer_whom_no_load_has_told_of_has_what_the_other_brings() -> None:
    """And nothing again afterwards."""
    bank = Bank()
    bank.state.keep(key_of(ADA), Kept(StoredRecord(owner=ADA.encode())))
    bank.load(GRACE, {"age": 41})
    await bank.merging.merge(GRACE, ADA)
    assert bank.profile() == {"age": 41}
    await bank.merging.unmerge(GRACE)
    assert bank.bytes_of(ADA) is None


@pytest.mark.parametrize("loaded", [ADA, GRACE])
async def test_a_load_of_either_reaches_the_joined_profile(loaded: str) -> None:
    """And the record's own, for when they are separated."""
    bank = Bank()
    bank.load(ADA, {"age": 40})
    bank.load(GRACE, {"nickname": "Jo"}, day=1)
    await bank.merging.merge(GRACE, ADA)
    new = bank.load(loaded, {"nickname": "Al"}, day=2)
    await bank.settling.settle_load([loaded])
    assert bank.profile()["nickname"] == "Al"
    await bank.merging.unmerge(GRACE)
    assert bank.bytes_of(loaded) == new


class Rushed(MemoryMergeStore):
    """A store in which the loser is loaded between the reading and the writing of a profile, once."""

    meanwhile: bytes | None = None

    async def change(self, seen: MergeRead, change: MergeChange, *, deadline: float) -> bool:
        if self.meanwhile is not None and "po" in change.fields:
            kept, self.meanwhile = self.meanwhile, None
            loser = self._state.kept(key_of(GRACE))
            loser.record = loser.record._replace(profile=kept)
        return await super().change(seen, change, deadline=deadline)


async def test_a_load_that_comes_meanwhile_is_not_lost() -> None:
    bank = Bank(Rushed)
    bank.load(ADA, {"age": 40})
    bank.load(GRACE, {"tenure": 1})
    assert isinstance(bank.store, Rushed)
    bank.store.meanwhile = encode_profile(SCHEMA, SCHEMA.encode({"tenure": 2}))
    await bank.merging.merge(GRACE, ADA)
    assert bank.profile() == {"age": 40, "tenure": 2}


async def test_settling_again_changes_nothing() -> None:
    bank = Bank()
    bank.load(ADA, {"age": 40})
    bank.load(GRACE, {"tenure": 1})
    await bank.merging.merge(GRACE, ADA)
    before = bank.bytes_of(ADA)
    await bank.settling.settle([ADA, GRACE])
    assert bank.bytes_of(ADA) == before
