"""Relations as facts in rules: counted while they run, unknown where nobody said, joined when customers are merged."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from time import time

import pytest

from api.adapters.memory_merges import MemoryMergeStore
from api.adapters.memory_relations import MemoryRelationStore
from api.adapters.records import encode_consent, encode_profile
from api.merging.saga import Merging
from api.ports import StoreUnavailable, key_of
from api.ports.merges import MergeChange, MergeRead
from api.ports.relations import Relation
from api.relating import MAX_SPANS, Relating
from api.serving import Serving
from api.settling import Settling
from api.ties import Membership, decode_memberships, encode_memberships, joined, parted
from engine.facts import Consent, Natural
from tests.builders import CATALOGUE, ZONE, a_plan, an_action
from tests.unit.api.budgeted import PATIENT, BudgetedHouse, serving_of

ADA, GRACE, MARY, ACME = "C0000001", "C0000002", "C0000003", "C0000004"
RELATIONS = {"catalogue.yaml": CATALOGUE + "relations:\n  spouse: {title: Spouse, mutual: true}\n  director: {}\n"}
TODAY = datetime.now(ZONE).date()
YESTERDAY, TOMORROW = TODAY - timedelta(days=2), TODAY + timedelta(days=2)


class Bank(BudgetedHouse):
    """A bank whose rules read relations."""

    def __init__(self, rule: str = "eligible: {when: {relations.spouse.count: 1}}") -> None:
        super().__init__(a_plan(PATIENT, RELATIONS, an_action("loan", rule)))
        self.merges = MemoryMergeStore(self.state)
        self.relations = MemoryRelationStore(self.state)
        self.serving: Serving = serving_of(self.plan)
        for customer in (ADA, GRACE, MARY):
            self.know(customer)

    def settling(self) -> Settling:
        return Settling(self.plan, self.merges, self.relations, self.serving.reader.read)

    def relating(self) -> Relating:
        return self.settling().relating

    def merging(self) -> Merging:
        reader = self.serving.reader
        layout = self.plan.event_layout
        return Merging(self.merges, layout=layout, read=reader.read, settle=self.settling().settle)

    def has(self, customer: str, *products: str, objects: bool = False) -> None:
        """Give a customer a profile and a consent, as a load would."""
        schema, kept = self.plan.profile_schema, self.state.kept(key_of(customer))
        named: dict[str, Natural] = {"holds": products, "groups": [], "segments": []}
        consent = Consent(version=1, profiling_objection=objects)
        kept.record = kept.record._replace(
            profile=encode_profile(schema, schema.encode(named)), consent=encode_consent(consent)
        )

    def facts(self, customer: str = ADA) -> Mapping[str, object]:
        """What rules read of relations now; what is unknown is not there."""
        stored = self.state.kept(key_of(customer)).record
        present = self.serving.reader.present(stored, int(time())) if stored.ties is not None else stored
        profile = self.serving.reader.read(present).profile
        assert profile is not None
        known = self.plan.profile_schema.decode(profile)
        return {name: value for name, value in known.items() if name.startswith("relations.")}


async def test_rules_count_relations_and_see_what_related_customers_hold() -> None:
    bank = Bank()
    bank.has(GRACE, "isa", "cover")
    await bank.relating().relate([Relation(ADA, "spouse", GRACE)])
    assert bank.facts() == {"relations.spouse.count": 1, "relations.spouse.holds": ("isa", "cover")}
    assert await bank.offered(ADA) == ["loan"]


async def test_a_mutual_relation_holds_the_other_way_round_and_another_does_not() -> None:
    bank = Bank()
    await bank.relating().relate([Relation(ADA, "spouse", GRACE), Relation(ADA, "director", MARY)])
    assert bank.facts(GRACE) == {"relations.spouse.count": 1, "relations.spouse.holds": ()}
    assert bank.facts(MARY) == {}


async def test_where_nobody_said_anything_everything_is_unknown() -> None:
    bank = Bank("eligible: {when: {relations.spouse.count: 0}}")
    assert bank.facts() == {}
    assert await bank.offered(ADA) == []


async def test_that_there_is_nobody_can_be_said() -> None:
    bank = Bank("eligible: {when: {relations.spouse.count: 0, relations.spouse.holds: not isa}}")
    assert await bank.relating().relate([Relation(ADA, "spouse", "")]) == []
    assert bank.facts() == {"relations.spouse.count": 0, "relations.spouse.holds": ()}
    assert await bank.offered(ADA) == ["loan"]


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [(None, None, 1), (YESTERDAY, TOMORROW, 1), (TODAY, TODAY, 1), (TOMORROW, None, 0), (None, YESTERDAY, 0)],
    ids=["open", "running", "today", "to come", "over"],
)
async def test_relations_count_while_they_run(start: date | None, end: date | None, count: int) -> None:
    bank = Bank()
    await bank.relating().relate([Relation(ADA, "director", ACME, start, end)])
    assert bank.facts()["relations.director.count"] == count


async def test_one_that_ends_is_gone_and_one_that_came_is_there() -> None:
    bank = Bank()
    await bank.relating().relate([Relation(ADA, "spouse", GRACE), Relation(ADA, "spouse", MARY)])
    await bank.relating().relate([Relation(ADA, "spouse", GRACE, None, YESTERDAY)])
    assert [bank.facts(each)["relations.spouse.count"] for each in (ADA, GRACE, MARY)] == [1, 0, 1]


async def test_who_is_no_customer_holds_nothing_with_the_bank() -> None:
    bank = Bank()
    await bank.relating().relate([Relation(ADA, "director", "company_9")])
    assert bank.facts() == {"relations.director.count": 1, "relations.director.holds": ()}


async def test_what_somebody_holds_who_objects_to_profiling_is_unknown() -> None:
    """As is what all of them hold, of whom one objects."""
    bank = Bank()
    bank.has(GRACE, "isa", objects=True)
    bank.has(MARY, "cover")
    await bank.relating().relate([Relation(ADA, "director", GRACE), Relation(ADA, "director", MARY)])
    assert bank.facts() == {"relations.director.count": 2}


async def test_what_nobody_knows_of_one_is_unknown_of_all() -> None:
    """A profile that no load has told."""
    bank = Bank()
    kept = bank.state.kept(key_of(GRACE))
    kept.record = kept.record._replace(profile=None)
    await bank.relating().relate([Relation(ADA, "director", GRACE)])
    assert bank.facts() == {"relations.director.count": 1}


async def test_a_load_is_seen_once_everybody_is_told() -> None:
    bank = Bank()
    await bank.relating().relate([Relation(ADA, "director", GRACE)])
    bank.has(GRACE, "loan")
    assert await bank.relating().tell_everybody() == 1
    assert bank.facts()["relations.director.holds"] == ("loan",)


async def test_merged_customers_have_the_relations_of_both_and_none_to_themselves() -> None:
    bank = Bank()
    await bank.relating().relate([Relation(ADA, "spouse", MARY), Relation(GRACE, "spouse", MARY)])
    await bank.relating().relate([Relation(GRACE, "director", ADA), Relation(GRACE, "director", ACME)])
    await bank.merging().merge(GRACE, ADA)
    assert (bank.facts()["relations.spouse.count"], bank.facts()["relations.director.count"]) == (1, 1)
    await bank.merging().unmerge(GRACE)
    assert "relations.director.count" not in bank.facts(ADA)
    assert bank.facts(GRACE)["relations.director.count"] == 2


async def test_two_who_turn_out_to_be_one_count_once() -> None:
    bank = Bank()
    await bank.relating().relate([Relation(ADA, "director", MARY), Relation(ADA, "director", GRACE)])
    await bank.merging().merge(GRACE, MARY)
    await bank.relating().tell([ADA])
    assert bank.facts()["relations.director.count"] == 1


async def test_a_kind_that_the_catalogue_does_not_declare_is_stored_and_not_read() -> None:
    bank = Bank()
    await bank.relating().relate([Relation(ADA, "cousin", GRACE)])
    assert bank.facts() == {}
    assert bank.relating().unknown_kind("cousin")


async def test_a_kind_that_changes_too_often_is_unknown() -> None:
    bank = Bank()
    spans = [TOMORROW + timedelta(days=each) for each in range(MAX_SPANS + 1)]
    related = [Relation(ADA, "director", f"company_{at}", day) for at, day in enumerate(spans)]
    await bank.relating().relate(related[:MAX_SPANS])
    assert bank.facts()["relations.director.count"] == 0
    await bank.relating().relate(related)
    assert bank.facts() == {}


async def test_groups_and_relations_leave_each_other_alone() -> None:
    bank = Bank()
    kept = bank.state.kept(key_of(ADA))
    kept.record = kept.record._replace(ties=encode_memberships([Membership("staff", 1)]))
    await bank.relating().relate([Relation(ADA, "director", GRACE)])
    ties = bank.state.kept(key_of(ADA)).record.ties
    assert decode_memberships(ties) == (Membership("staff", 1),)
    brought = encode_memberships([Membership("union", 5)])
    both = joined(ties, brought)
    assert decode_memberships(both) == (Membership("staff", 1), Membership("union", 5))
    assert parted(both, brought, ties) == ties


async def test_whoever_is_no_customer_is_told() -> None:
    assert await Bank().relating().relate([Relation("C9", "director", ADA)]) == ["C9"]


class Rushed(MemoryMergeStore):
    """A store in which a relation is added between the reading and the writing of a record, once."""

    meanwhile: Relation | None = None
    relations: MemoryRelationStore

    async def change(self, seen: MergeRead, change: MergeChange, *, deadline: float) -> bool:
        if self.meanwhile is not None:
            added, self.meanwhile = self.meanwhile, None
            await self.relations.relate([added], deadline=deadline)
        return await super().change(seen, change, deadline=deadline)


async def test_a_relation_that_comes_meanwhile_is_not_lost() -> None:
    bank = Bank()
    bank.merges = store = Rushed(bank.state)
    store.relations, store.meanwhile = bank.relations, Relation(ADA, "director", MARY)
    await bank.relating().relate([Relation(ADA, "director", GRACE)])
    assert bank.facts()["relations.director.count"] == 2


async def test_a_store_that_is_away_is_told() -> None:
    bank = Bank()
    bank.state.available = False
    with pytest.raises(StoreUnavailable):
        await bank.relating().relate([Relation(ADA, "director", GRACE)])
