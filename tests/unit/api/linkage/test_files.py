"""Linkage files, source files, verdicts and truth: what they may say, and what is said of what is wrong."""

from pathlib import Path

import pytest

from api.adapters.memory import MemoryCustomerStore, MemoryState
from api.adapters.memory_events import MemoryRecordStore
from api.linkage.apply import Applied, apply
from api.linkage.clusters import Doubt
from api.linkage.evaluate import quality, read_truth
from api.linkage.records import read_records
from api.linkage.review import decide, pair_id, read_queue, read_verdicts, write_queue
from api.linkage.run import run
from api.linkage.scored import Pair, score
from api.linkage.spec import LinkageError, read_linkage
from api.ports import Identity

LINKAGE = """\
sources:
  core: {file: core.csv, id: no, columns: {tax: tax_number}}
  cards: {file: cards.csv, id: card, separator: ";"}
keys:
  - [tax]
"""
CORE = "no,tax_number,name\n1,T1,Ada\n2,,Grace\n"
CARDS = "card;tax\n9; t1 \n8;t3\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A linkage with its files."""
    for name, text in (("linkage.yaml", LINKAGE), ("core.csv", CORE), ("cards.csv", CARDS)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def refusal(folder: Path) -> str:
    with pytest.raises(LinkageError) as refused:
        read_records(read_linkage(folder / "linkage.yaml"))
    return str(refused.value)


def test_values_are_compared_without_case_and_spaces_and_nothing_is_missing(folder: Path) -> None:
    records = read_records(read_linkage(folder / "linkage.yaml"))
    assert records.rows() == [
        ("cards:8", "cards", "8", "t3"),
        ("cards:9", "cards", "9", "t1"),
        ("core:1", "core", "1", "t1"),
        ("core:2", "core", "2", None),
    ]


def test_a_run_writes_who_each_record_is(folder: Path) -> None:
    report = run(read_linkage(folder / "linkage.yaml"), folder / "links")
    assert (report.records, report.customers, report.waiting, report.merges) == (4, 3, 0, 0)
    assert (folder / "links" / "links.csv").read_text(encoding="utf-8").splitlines() == [
        "source,id,customer,how,probability",
        "cards,8,cards:8,alone,1.000000",
        "cards,9,1,key,1.000000",
        "core,1,1,key,1.000000",
        "core,2,2,alone,1.000000",
    ]


def test_customers_of_the_first_source_who_are_one_are_told_as_merges(folder: Path) -> None:
    (folder / "core.csv").write_text("no,tax_number\n1,T1\n2,T1\n", encoding="utf-8")
    assert run(read_linkage(folder / "linkage.yaml"), folder / "links").merges == 1
    assert (folder / "links" / "merges.csv").read_text(encoding="utf-8") == "loser,winner,why\n2,1,linked by key\n"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("id: no", "id: number"), "`core`: {folder}/core.csv has no column `number`; it has no, tax_number, name"),
        (("file: core.csv", "file: gone.csv"), "`core`: {folder}/gone.csv cannot be read"),
        (("id: no", "id: tax_number"), "`core`: {folder}/core.csv has rows without `tax_number`"),
        (("- [tax]", "- [passport]"), "no source has anything under `passport`; name its column in `columns`"),
        (("- [tax]", "- [id]"), "a field cannot be called `id`; give it another name in `columns`"),
        (("keys:", "kees:"), "Object contains unknown field `kees`"),
        (("keys:\n  - [tax]", ""), "there is nothing to link by; add `keys`, or `compare` and `block_on`"),
        (("keys:", "compare: {tax: exact}\nkeys:"), "`compare` and `block_on` go together"),
        (("keys:", "accept_at: 0.4\nkeys:"), "`review_from` is above `accept_at`"),
        (("keys:", "accept_at: 1.5\nkeys:"), "$.accept_at"),
        (("keys:", "keys: [\n"), "{folder}/linkage.yaml: "),
    ],
)
def test_what_is_wrong_is_said_with_its_place(folder: Path, wrong: tuple[str, str], said: str) -> None:
    path = folder / "linkage.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(*wrong), encoding="utf-8")
    assert said.replace("{folder}", str(folder)) in refusal(folder)


def test_an_id_that_stands_twice_is_refused(folder: Path) -> None:
    (folder / "core.csv").write_text("no,tax_number\n1,T1\n1,T2\n", encoding="utf-8")
    assert "has `no` 1 twice" in refusal(folder)


def test_too_few_records_are_not_scored(folder: Path) -> None:
    path = folder / "linkage.yaml"
    path.write_text(LINKAGE + "compare: {tax: exact}\nblock_on: [[tax]]\n", encoding="utf-8")
    linkage = read_linkage(path)
    with pytest.raises(LinkageError, match="4 records are too few to score; link them by `keys`"):
        score(linkage, read_records(linkage))


@pytest.fixture
def queue(folder: Path) -> Path:
    """A review queue of two pairs."""
    linkage = read_linkage(folder / "linkage.yaml")
    doubts = [Doubt(Pair("cards:8", "core:2", 0.8), "score"), Doubt(Pair("cards:9", "core:2", 0.7), "score")]
    write_queue(folder, doubts, read_records(linkage), linkage.fields)
    return folder


def test_the_queue_says_what_both_records_say(queue: Path) -> None:
    first, second = read_queue(queue)
    assert (first.left, first.right, first.probability, first.fields) == ("cards:8", "core:2", 0.8, {"tax": ("t3", "")})
    assert second.pair_id == pair_id("cards:9", "core:2")


def test_a_verdict_is_kept_and_asked_for_no_more(queue: Path) -> None:
    first, second = read_queue(queue)
    decide(queue, [first.pair_id], same=False, by="clerk", at="2026-11-22")
    assert read_queue(queue) == [second]
    assert read_verdicts(queue) == {("cards:8", "core:2"): False}


def test_a_verdict_on_what_is_not_asked_notes_none(queue: Path) -> None:
    first, _ = read_queue(queue)
    with pytest.raises(LinkageError, match="`0000` does not wait for a verdict"):
        decide(queue, [first.pair_id, "0000"], same=True, by="clerk", at="2026-11-22")
    assert read_verdicts(queue) == {}


def test_there_is_no_queue_before_a_run(tmp_path: Path) -> None:
    with pytest.raises(LinkageError, match="run `nextbest link run` first"):
        read_queue(tmp_path)


def test_precision_and_recall_count_pairs(queue: Path) -> None:
    """Three linked pairs, one of them right; three true pairs; of two questions one is right."""
    links = [("core", "1", "A"), ("cards", "9", "A"), ("cards", "8", "A"), ("core", "2", "B"), ("web", "1", "B")]
    truth = {"core:1": "ada", "cards:9": "ada", "cards:8": "grace", "core:2": "grace"}
    found = quality(links, read_queue(queue), truth)
    assert (found.linked, found.true, found.right) == (3, 2, 1)
    assert found.precision == pytest.approx(1 / 3)
    assert found.recall == 0.5
    assert found.f1 == pytest.approx(0.4)
    assert (found.waiting, found.waiting_right) == (2, 1)


def test_truth_with_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("source,id\n", encoding="utf-8")
    with pytest.raises(LinkageError, match="the columns are to be source, id, person"):
        read_truth(path)


async def test_links_become_identities_and_are_taken_back(folder: Path) -> None:
    """A card that a later run does not link leads to nobody, as before."""
    state = MemoryState()
    customers, store = MemoryCustomerStore(state), MemoryRecordStore(state)
    links = folder / "links"

    async def meant(source: str, own: str) -> tuple[str, ...]:
        return (await customers.resolve([Identity(source, own)], deadline=0)).customers

    run(read_linkage(folder / "linkage.yaml"), links)
    assert await apply(links, store) == Applied(stored=3, taken_back=0)
    assert (await meant("cards", "9"), await meant("cards", "8"), await meant("core", "2")) == (("1",), (), ("2",))
    (folder / "cards.csv").write_text("card;tax\n9;t7\n8;t3\n", encoding="utf-8")
    run(read_linkage(folder / "linkage.yaml"), links)
    assert await apply(links, store) == Applied(stored=2, taken_back=1)
    assert await meant("cards", "9") == ()
