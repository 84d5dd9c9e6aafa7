"""`nextbest link`: which records of source systems are one customer, and what people decide where that is in doubt."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import DATA_DIR, AsJson, DataDir, Usage, plainly, put, put_json

if TYPE_CHECKING:
    from api.linkage.review import Question

link = typer.Typer(name="link", help="Link the records of source systems to one customer each.", no_args_is_help=True)
review = typer.Typer(name="review", help="Pairs of records that people have to look at.", no_args_is_help=True)
link.add_typer(review)
By = Annotated[str | None, typer.Option("--by", help="Who decides; default: whoever runs the command.")]
Pairs = Annotated[list[str], typer.Argument(help="Pairs, by the ids that `list` shows.")]


@link.command("run")
@plainly
def run(
    linkage: Annotated[
        Path, typer.Option("--linkage", help="What the sources are and how they are linked.", dir_okay=False)
    ] = Path("linkage.yaml"),
    data_dir: DataDir = DATA_DIR,
    *,
    as_json: AsJson = False,
) -> None:
    """Link records by declared keys, then by scores, keeping to what people decided; the same input gives the same.

    Writes links.csv (who each record is), merges.csv (for `nextbest customers merge --file`) and the review queue.
    """
    from api.linkage.run import run as run_linkage
    from api.linkage.spec import read_linkage

    folder = _folder(data_dir)
    report = run_linkage(read_linkage(linkage), folder)
    if as_json:
        put_json(
            {
                "records": report.records,
                "customers": report.customers,
                "by": report.by_how,
                "waiting": report.waiting,
                "refused": report.refused,
                "merges": report.merges,
                "folder": str(folder),
            }
        )
        return
    put(f"{report.records:,} records are {report.customers:,} customers")
    put("  " + ", ".join(f"{count:,} {how}" for how, count in report.by_how.items()))
    put(f"{report.waiting:,} pairs wait for a person: nextbest link review list")
    if report.refused:
        put(f"{report.refused:,} links by key or verdict were not made: verdicts or `unique` keep the records apart")
    if report.merges:
        put(f"{report.merges:,} customers are another one: nextbest customers merge --file {folder / 'merges.csv'}")
    put(f"written to {folder}")


@review.command("list")
@plainly
def list_waiting(
    data_dir: DataDir = DATA_DIR,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at most.")] = 20,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the pairs that wait for a verdict, likeliest first, with what the two records say."""
    from api.linkage.review import read_queue

    waiting = read_queue(_folder(data_dir))
    if as_json:
        put_json({"waiting": len(waiting), "pairs": [each._asdict() for each in waiting[:limit]]})
        return
    for each in waiting[:limit]:
        for line in _told(each):
            put(line)
    put(f"{len(waiting):,} pairs wait for a verdict")


@review.command("accept")
@plainly
def accept(pairs: Pairs, by: By = None, data_dir: DataDir = DATA_DIR, *, as_json: AsJson = False) -> None:
    """Say that the two records of each pair are one person's; the next run links them."""
    _decide(pairs, by, data_dir, same=True, as_json=as_json)


@review.command("reject")
@plainly
def reject(pairs: Pairs, by: By = None, data_dir: DataDir = DATA_DIR, *, as_json: AsJson = False) -> None:
    """Say that the two records of each pair are two persons'; no run ever puts them together."""
    _decide(pairs, by, data_dir, same=False, as_json=as_json)


@link.command("apply")
@plainly
def apply(
    data_dir: DataDir = DATA_DIR,
    redis_url: Annotated[
        str | None,
        typer.Option("--redis-url", help="The store, where it is not the embedded one.", envvar="NEXTBEST_REDIS_URL"),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make each linked record's own id an identity of its customer, under its source's name; safe while serving.

    Whoever the last run does not link any more is taken back. Customers who are one are merged by `nextbest customers`.
    """
    import asyncio

    from api.adapters.cluster import nodes_at
    from api.adapters.embedded import running_url
    from api.adapters.flights import Timing
    from api.adapters.record_store import RedisRecordStore
    from api.bootstrap import PATIENT_S
    from api.linkage.apply import Applied
    from api.linkage.apply import apply as apply_links

    url = redis_url or running_url(data_dir)
    if url is None:
        raise Usage(f"no store runs on {data_dir}; start it with nextbest serve or nextbest demo")

    async def applied() -> Applied:
        nodes = nodes_at(url, Timing(flight=PATIENT_S))
        await nodes.start()
        try:
            return await apply_links(_folder(data_dir), RedisRecordStore(nodes))
        finally:
            await nodes.close()

    done = asyncio.run(applied())
    if as_json:
        put_json({"stored": done.stored, "taken_back": done.taken_back})
    else:
        put(f"{done.stored:,} identities lead to their customers, {done.taken_back:,} of before lead to nobody")


@link.command("evaluate")
@plainly
def evaluate(
    truth: Annotated[Path, typer.Option("--truth", help="CSV of source, id, person.", exists=True, dir_okay=False)],
    data_dir: DataDir = DATA_DIR,
    *,
    as_json: AsJson = False,
) -> None:
    """Judge the last run against who the records really are: precision and recall over pairs of records."""
    from api.linkage.evaluate import quality, read_truth
    from api.linkage.review import read_queue
    from api.linkage.run import links_in

    folder = _folder(data_dir)
    found = quality(links_in(folder), read_queue(folder), read_truth(truth))
    if as_json:
        put_json(
            {
                "precision": found.precision,
                "recall": found.recall,
                "f1": found.f1,
                "linked_pairs": found.linked,
                "true_pairs": found.true,
                "waiting": found.waiting,
                "waiting_right": found.waiting_right,
            }
        )
        return
    put(f"precision {found.precision:.4f}: {found.right:,} of {found.linked:,} linked pairs are one person's")
    put(f"recall    {found.recall:.4f}: of {found.true:,} pairs that are")
    put(f"in review {found.waiting:,} pairs, {found.waiting_right:,} of them one person's")


def _folder(data_dir: Path) -> Path:
    return data_dir / "links"


def _decide(pairs: Sequence[str], by: str | None, data_dir: Path, *, same: bool, as_json: bool) -> None:
    from datetime import UTC, datetime

    from api.linkage.review import decide

    if not pairs:
        raise Usage("name at least one pair")
    at = datetime.now(UTC).isoformat(timespec="seconds")
    decided = decide(_folder(data_dir), pairs, same=same, by=by or getpass.getuser(), at=at)
    if as_json:
        put_json({"decided": [each.pair_id for each in decided], "verdict": "same" if same else "different"})
        return
    for each in decided:
        put(f"{each.left} and {each.right} are {'one person' if same else 'two persons'}")
    put("nextbest link run puts it into effect")


def _told(question: "Question") -> list[str]:
    why = "" if question.reason == "score" else "  (sure enough, but something keeps them apart)"
    lines = [f"{question.pair_id}  {question.probability:.3f}  {question.left}  {question.right}{why}"]
    for field, (left, right) in question.fields.items():
        if left or right:
            lines.append(f"    {field}: {left or '-'}{_other(left, right)}")
    return lines


def _other(left: str, right: str) -> str:
    return "" if left == right else f" | {right or '-'}"
