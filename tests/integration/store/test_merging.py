"""`nextbest customers` on a running store: two customers become one, and two again."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from api.adapters.cluster import nodes_at
from api.adapters.customer_store import RedisCustomerStore
from api.adapters.embedded import EmbeddedServer
from api.adapters.record_store import RedisRecordStore
from api.adapters.records import encode_consent
from api.adapters.relation_store import RedisRelationStore
from api.cli import app
from api.ports import Identity, LoadedRecord, key_of
from api.ports.relations import Relation
from api.ties import Related, decode_ties
from engine.facts import Consent
from engine.ids import CustomerId

RULES = Path(__file__).parents[3] / "docs" / "reference" / "bank"
ADA, GRACE = CustomerId("C1"), CustomerId("C2")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A store that knows Ada, Grace and a card of Grace's."""
    server = EmbeddedServer(tmp_path)
    server.start()
    try:
        asyncio.run(fill(server.url))
        yield server.url
    finally:
        server.stop()


async def fill(url: str) -> None:
    nodes = nodes_at(url)
    await nodes.start()
    records = RedisRecordStore(nodes)
    for customer, allows in ((ADA, True), (GRACE, False)):
        consent = encode_consent(Consent(version=1, allowed_by_purpose={"marketing": {"web": allows}}))
        await records.load([LoadedRecord(customer=customer, profile=b"", consent=consent)])
    await records.identify({Identity("card_token", "tok_2"): [GRACE]})
    await nodes.close()


def asked_as(url: str, identity: Identity) -> str:
    """For whom a decision is made that names somebody so."""

    async def resolved() -> str:
        nodes = nodes_at(url)
        await nodes.start()
        store, deadline = RedisCustomerStore(nodes), asyncio.get_running_loop().time() + 5
        found = await store.resolve([identity], deadline=deadline)
        key = (await store.gather(key_of(found.customers[0]), None, deadline=deadline)).key
        await nodes.close()
        return key.record

    return asyncio.run(resolved())


def run(url: str, *words: str) -> Result:
    return CliRunner().invoke(app, ["customers", *words, "--rules", str(RULES), "--redis-url", url])


def told(url: str, *words: str) -> dict[str, Any]:
    result = run(url, *words, "--json")
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_two_customers_become_one_and_two_again(url: str) -> None:
    card = Identity("card_token", "tok_2")
    (merged,) = told(url, "merge", "card_token:tok_2", ADA, "--why", "one passport", "--by", "clerk")["merges"]
    assert (merged["loser"], merged["winner"], merged["state"]) == (GRACE, ADA, "merged")
    assert asked_as(url, card) == ADA
    (separated,) = told(url, "unmerge", "card_token:tok_2")["merges"]
    assert separated["state"] == "separated"
    assert asked_as(url, card) == GRACE
    shown = run(url, "history", GRACE)
    assert "`C2` into `C1`: separated" in shown.stdout
    assert ": one passport" in shown.stdout


def test_a_file_of_pairs_is_merged_and_what_is_refused_is_told(url: str, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("loser,winner,why\nC2,C1,same passport\nC9,C1,\n", encoding="utf-8")
    result = run(url, "merge", "--file", str(pairs))
    assert result.exit_code == 1
    assert "`C2` is merged into `C1`" in result.stdout
    assert "no customer has the id `C9`" in result.stderr


def test_nothing_is_left_to_resume_after_a_merge(url: str) -> None:
    told(url, "merge", GRACE, ADA)
    assert told(url, "merge", "--resume") == {"merges": [], "refused": []}


def test_a_question_that_names_nobody_is_a_sentence(url: str) -> None:
    result = run(url, "merge", ADA)
    assert result.exit_code == 2
    assert "name two customers, or a file of pairs with --file, or --resume" in result.stderr


def test_relations_are_stored_from_a_file_and_rules_see_them_both_ways(url: str, tmp_path: Path) -> None:
    related = tmp_path / "relations.csv"
    related.write_text("of,kind,to,start,end\nC1,spouse,C2,2020-01-01,\nC9,spouse,,,\n", encoding="utf-8")
    assert told(url, "relate", "--file", str(related)) == {"relations": 2, "unknown": ["C9"]}

    async def found() -> tuple[list[Relation], list[Sequence[Related]]]:
        nodes = nodes_at(url)
        await nodes.start()
        deadline = asyncio.get_running_loop().time() + 5
        relations = list(await RedisRelationStore(nodes).relations_of(key_of(ADA), deadline=deadline))
        store = RedisCustomerStore(nodes)
        records = [(await store.gather(key_of(each), None, deadline=deadline)).record for each in (ADA, GRACE)]
        await nodes.close()
        return relations, [decode_ties(record.ties).r for record in records]

    relations, ties = asyncio.run(found())
    assert relations == [Relation("C1", "spouse", "C2", date(2020, 1, 1))]
    assert ties == [(Related("spouse", 0, None, 1, None),)] * 2
    assert told(url, "relate", "--again") == {"told": 3, "unknown": []}


def test_a_kind_that_the_catalogue_does_not_declare_is_refused(url: str, tmp_path: Path) -> None:
    related = tmp_path / "relations.csv"
    related.write_text("of,kind,to\nC1,cousin,C2\n", encoding="utf-8")
    result = run(url, "relate", "--file", str(related))
    assert (result.exit_code, "the catalogue's relations have no `cousin`" in result.stderr) == (2, True)
    neither = run(url, "relate")
    assert (neither.exit_code, "name a file of relations with --file, or say --again" in neither.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("of,to\n", "relations.csv:1: the columns are to be of, kind, to"),
        ("of,kind,to,start\nC1,spouse,C2,1.1.2020\n", "relations.csv:2: a day looks like 2026-11-21"),
        ("of,kind,to\nC1,,C2\n", "relations.csv:2: `of` and `kind` are needed"),
        ("of,kind,to\nC1,spouse,C1\n", "relations.csv:2: nobody is related to themselves"),
    ],
)
def test_relations_that_cannot_be_read_are_told_with_their_line(url: str, tmp_path: Path, text: str, said: str) -> None:
    related = tmp_path / "relations.csv"
    related.write_text(text, encoding="utf-8")
    result = run(url, "relate", "--file", str(related))
    assert (result.exit_code, said in result.stderr) == (2, True)
