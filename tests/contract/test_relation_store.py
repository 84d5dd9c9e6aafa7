"""The contract of relations: kept by kind and whom they lead to, each beside its own customer."""

from datetime import date

from api.ports.relations import Relation
from tests.contract.worlds import ADA, GRACE, World, soon


async def test_relations_are_those_of_one_customer_in_order(world: World) -> None:
    spouse = Relation(ADA.record, "spouse", GRACE.record, date(2020, 2, 1), date(2024, 6, 30))
    director = Relation(ADA.record, "director", "company_9")
    back = Relation(GRACE.record, "spouse", ADA.record)
    await world.relations.relate([spouse, director, back], deadline=soon())
    assert await world.relations.relations_of(ADA, deadline=soon()) == [director, spouse]
    assert await world.relations.relations_of(GRACE, deadline=soon()) == [back]


async def test_a_relation_that_is_stored_again_is_replaced(world: World) -> None:
    await world.relations.relate([Relation(ADA.record, "spouse", GRACE.record)], deadline=soon())
    ended = Relation(ADA.record, "spouse", GRACE.record, None, date(2025, 1, 1))
    await world.relations.relate([ended], deadline=soon())
    assert await world.relations.relations_of(ADA, deadline=soon()) == [ended]


async def test_somebody_without_relations_has_none(world: World) -> None:
    assert await world.relations.relations_of(ADA, deadline=soon()) == []


async def test_everybody_who_has_relations_is_named(world: World) -> None:
    assert {each async for batch in world.relations.everybody(within_s=5.0) for each in batch} == set()
    related = [
        Relation(ADA.record, "spouse", GRACE.record),
        Relation("cards:K1", "director", ""),
        Relation(ADA.record, "a", "b"),
    ]
    await world.relations.relate(related, deadline=soon())
    named = {each async for batch in world.relations.everybody(within_s=5.0) for each in batch}
    assert named == {ADA.record, "cards:K1"}
