"""`nextbest customers`: merge two records that are one person's, separate them again, and see what was done."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

import getpass
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from api.cli.console import DATA_DIR, FINDINGS, AsJson, DataDir, RulesDir, Usage, leave, plainly, put, put_json, say

if TYPE_CHECKING:
    from api.merging.desk import MergeDesk
    from api.merging.entries import Merge
    from api.ports.relations import Relation
    from api.relating import Relating

customers = typer.Typer(
    name="customers", help="Merge customers, separate them again, and see what was done.", no_args_is_help=True
)
RedisUrl = Annotated[
    str | None,
    typer.Option("--redis-url", help="The store, where it is not the embedded one.", envvar="NEXTBEST_REDIS_URL"),
]
By = Annotated[str | None, typer.Option("--by", help="Who decided it; default: whoever runs the command.")]
Why = Annotated[str, typer.Option("--why", help="Why, for the history.")]
SHOWN = 10
R = TypeVar("R")
Work = Callable[["MergeDesk", "Relating"], Awaitable[R]]


@customers.command("merge")
@plainly
def merge(
    loser: Annotated[str | None, typer.Argument(help="The record that ends: an id, or `scheme:value`.")] = None,
    winner: Annotated[str | None, typer.Argument(help="The customer who stays.")] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="CSV of pairs, with columns loser, winner, why.", exists=True, dir_okay=False),
    ] = None,
    by: By = None,
    why: Why = "",
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    *,
    resume: Annotated[bool, typer.Option("--resume", help="Finish what was cut off.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make one customer of two: consent is the stricter of both, contacts and caps are shared, identities lead to one.

    Safe while serving, at any time, and again: what was cut off goes on. `unmerge` reverses it.
    """
    named = loser is not None or winner is not None
    if [named, file is not None, resume].count(True) != 1 or (named and not (loser and winner)):
        raise Usage("name two customers, or a file of pairs with --file, or --resume")
    pairs = _pairs(file) if file else [(loser or "", winner or "", why)]

    async def work(desk: "MergeDesk", _: "Relating") -> "tuple[list[Merge], list[str]]":
        from api.merging.sides import Refused

        if resume:
            return await desk.resume(), []
        done, refused = [], []
        for one, other, reason in pairs:
            try:
                done.append(await desk.merge(one, other, by=by or getpass.getuser(), why=reason or why))
            except Refused as refusal:
                refused.append(str(refusal))
        return done, refused

    done, refused = _run(work, rules, data_dir, redis_url)
    _tell(done, refused, as_json=as_json)


@customers.command("unmerge")
@plainly
def unmerge(
    loser: Annotated[str, typer.Argument(help="The record that was merged into another.")],
    by: By = None,
    why: Why = "",
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make two customers of one again. What happened while they were one stays with both; consent never widens."""

    async def work(desk: "MergeDesk", _: "Relating") -> "tuple[list[Merge], list[str]]":
        from api.merging.sides import Refused

        try:
            return [await desk.unmerge(loser, by=by or getpass.getuser(), why=why)], []
        except Refused as refusal:
            return [], [str(refusal)]

    done, refused = _run(work, rules, data_dir, redis_url)
    _tell(done, refused, as_json=as_json)


@customers.command("history")
@plainly
def history(
    customer: Annotated[str, typer.Argument(help="A customer's id, or `scheme:value`.")],
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Every merge and separation that a record took part in, oldest first, with who, when and why."""

    async def work(desk: "MergeDesk", _: "Relating") -> "Sequence[Merge]":
        from api.merging.sides import Refused

        try:
            return await desk.history(customer)
        except Refused as refusal:
            raise Usage(str(refusal)) from refusal

    found = _run(work, rules, data_dir, redis_url)
    if as_json:
        put_json({"merges": [_as_data(each) for each in found]})
    elif not found:
        put(f"`{customer}` took part in no merge")
    else:
        for each in found:
            for line in _told(each):
                put(line)


@customers.command("relate")
@plainly
def relate(
    file: Annotated[
        Path | None,
        typer.Option("--file", help="CSV with columns of, kind, to and, if known, start, end.", exists=True),
    ] = None,
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    *,
    again: Annotated[
        bool, typer.Option("--again", help="Let rules see what all related customers hold and allow now.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Store relations between customers and others; rules read those whose kind the catalogue declares.

    Stored again, a relation replaces the one of the same kind to the same; an `end` says that it is over. An empty `to`
    says that the customer has no other of this kind. `nextbest load` does what `--again` does.
    """
    if (file is None) is not again:
        raise Usage("name a file of relations with --file, or say --again")
    related = _relations(file) if file is not None else []

    async def work(_: "MergeDesk", relating: "Relating") -> "tuple[int, list[str]]":
        unknown_kinds = sorted({each.kind for each in related if relating.unknown_kind(each.kind)})
        if unknown_kinds:
            raise Usage(f"the catalogue's relations have no {', '.join(f'`{kind}`' for kind in unknown_kinds)}")
        if again:
            return await relating.tell_everybody(), []
        return len(related), await relating.relate(related)

    count, unknown = _run(work, rules, data_dir, redis_url)
    if as_json:
        put_json({"told" if again else "relations": count, "unknown": unknown})
        return
    put(f"{count:,} {'customers with relations are told anew' if again else 'relations are stored'}")
    for customer in unknown[:SHOWN]:
        say(f"nextbest: no customer has the id `{customer}`: rules see its relations once there is one")
    if len(unknown) > SHOWN:
        say(f"... and {len(unknown) - SHOWN:,} more")


def _relations(file: Path) -> "list[Relation]":
    import csv
    from datetime import date

    from api.ports.relations import Relation

    found = []
    with file.open(encoding="utf-8", newline="") as opened:
        rows = csv.DictReader(opened)
        if not {"of", "kind", "to"} <= set(rows.fieldnames or ()):
            raise Usage(f"{file}:1: the columns are to be of, kind, to and, if known, start and end")
        for row in rows:
            try:
                start, end = (date.fromisoformat(row[name]) if row.get(name) else None for name in ("start", "end"))
            except ValueError as error:
                raise Usage(f"{file}:{rows.line_num}: a day looks like 2026-11-21") from error
            if not (row["of"] and row["kind"]):
                raise Usage(f"{file}:{rows.line_num}: `of` and `kind` are needed")
            if row["of"] == row["to"]:
                raise Usage(f"{file}:{rows.line_num}: nobody is related to themselves")
            found.append(Relation(row["of"], row["kind"], row["to"], start, end))
    return found


def _run(work: "Work[R]", rules: Path, data_dir: Path, redis_url: str | None) -> R:
    import asyncio

    from api.adapters.cluster import nodes_at
    from api.adapters.customer_store import RedisCustomerStore
    from api.adapters.embedded import running_url
    from api.adapters.flights import Timing
    from api.adapters.merge_store import RedisMergeStore
    from api.adapters.record_reader import RecordReader
    from api.adapters.record_store import RedisRecordStore
    from api.adapters.relation_store import RedisRelationStore
    from api.bootstrap import PATIENT_S, compile_rules
    from api.known import learn_schemas
    from api.merging.desk import MergeDesk
    from api.merging.saga import Merging
    from api.settling import Settling

    plan = compile_rules(rules)
    url = redis_url or running_url(data_dir)
    if url is None:
        raise Usage(f"no store runs on {data_dir}; start it with nextbest serve or nextbest demo")

    async def connected() -> R:
        nodes = nodes_at(url, Timing(flight=PATIENT_S))
        await nodes.start()
        try:
            reader = RecordReader(plan.profile_schema, plan.event_layout)
            await learn_schemas(reader, RedisRecordStore(nodes))
            merges = RedisMergeStore(nodes)
            settling = Settling(plan, merges, RedisRelationStore(nodes), reader.read)
            merging = Merging(merges, layout=plan.event_layout, read=reader.read, settle=settling.settle)
            return await work(MergeDesk(merging, RedisCustomerStore(nodes)), settling.relating)
        finally:
            await nodes.close()

    return asyncio.run(connected())


def _pairs(file: Path) -> list[tuple[str, str, str]]:
    import csv

    with file.open(encoding="utf-8", newline="") as opened:
        rows = csv.DictReader(opened)
        if not {"loser", "winner"} <= set(rows.fieldnames or ()):
            raise Usage(f"{file}:1: the columns are to be loser, winner and, if you like, why")
        return [(row["loser"], row["winner"], row.get("why") or "") for row in rows]


def _tell(done: "Sequence[Merge]", refused: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        put_json({"merges": [_as_data(each) for each in done], "refused": list(refused)})
    else:
        for each in done:
            verb = "is merged into" if each.state == "merged" else "is separated from"
            put(f"`{each.loser}` {verb} `{each.winner}` ({each.merge_id})")
        if not done and not refused:
            put("nothing was cut off")
        for sentence in refused:
            say(f"nextbest: {sentence}")
    if refused:
        leave(FINDINGS)


def _as_data(merge: "Merge") -> dict[str, object]:
    return {
        "merge_id": merge.merge_id,
        "loser": merge.loser,
        "winner": merge.winner,
        "state": merge.state.value,
        "steps": [{"state": state.value, "at": _instant(at_ms)} for state, at_ms in merge.steps],
        "by": merge.by,
        "why": merge.why,
    }


def _told(merge: "Merge") -> list[str]:
    because = "".join([f", by {merge.by}" if merge.by else "", f": {merge.why}" if merge.why else ""])
    lines = [f"{merge.merge_id}  `{merge.loser}` into `{merge.winner}`: {merge.state.value}{because}"]
    return lines + [f"  {_instant(at_ms)}  {state.value}" for state, at_ms in merge.steps]


def _instant(at_ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="seconds")
