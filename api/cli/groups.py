"""`nextbest groups`: who belongs to a group, from when to when; rules read it as `groups.<id>`."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from api.cli.console import DATA_DIR, FINDINGS, AsJson, DataDir, RulesDir, Usage, leave, plainly, put, put_json, say

if TYPE_CHECKING:
    from api.ports.merges import MergeStore

groups = typer.Typer(name="groups", help="Who belongs to a group, from when to when.", no_args_is_help=True)
RedisUrl = Annotated[
    str | None,
    typer.Option("--redis-url", help="The store, where it is not the embedded one.", envvar="NEXTBEST_REDIS_URL"),
]
SHOWN = 10
R = TypeVar("R")


@groups.command("load")
@plainly
def load(
    file: Annotated[
        Path,
        typer.Option(
            "--file", help="CSV of group, customer and, if known, start and end.", exists=True, dir_okay=False
        ),
    ],
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Put customers into groups; days are whole days, both included. Loading again changes nothing."""
    from datetime import UTC, datetime

    from api.bootstrap import compile_rules
    from api.grouping import MembersUnreadable, put_members, read_members

    plan = compile_rules(rules)
    try:
        members = read_members(file, plan, datetime.now(UTC).astimezone(plan.zone).date())
    except MembersUnreadable as error:
        raise Usage(str(error)) from error
    unknown = _run(lambda store: put_members(store, members, _now_ms), data_dir, redis_url)
    count = sum(len(each) for customer, each in members.items() if customer not in unknown)
    if as_json:
        put_json({"memberships": count, "unknown": unknown})
    else:
        put(f"{count:,} memberships are stored")
        for customer in unknown[:SHOWN]:
            say(f"nextbest: no customer has the id `{customer}`")
        if len(unknown) > SHOWN:
            say(f"... and {len(unknown) - SHOWN:,} more")
    if unknown:
        leave(FINDINGS)


@groups.command("end")
@plainly
def end(
    group: Annotated[str, typer.Argument(help="The group.")],
    customer: Annotated[list[str], typer.Argument(help="Who leaves it now.")],
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Take customers out of a group now; when they were in it stays known."""
    from api.grouping import end_members

    unknown = _run(lambda store: end_members(store, customer, group, _now_ms), data_dir, redis_url)
    if as_json:
        put_json({"ended": len(customer) - len(unknown), "unknown": unknown})
    else:
        put(f"{len(customer) - len(unknown):,} customers are not in `{group}` any more")
        for each in unknown[:SHOWN]:
            say(f"nextbest: no customer has the id `{each}`")
    if unknown:
        leave(FINDINGS)


@groups.command("infer")
@plainly
def infer(
    group: Annotated[str, typer.Argument(help="The group.")],
    need: Annotated[str, typer.Option("--need", help="The need, declared in a theme, that makes a member.")],
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a group hold whom a need holds of: who comes to belong begins now, who does not any more ends now.

    To be run every night, say. Whoever objects to profiling belongs to no such group.
    """
    import asyncio

    from api.adapters.embedded import running_url
    from api.adapters.record_reader import RecordReader
    from api.bootstrap import compile_rules
    from api.grouping import Members, end_members, put_members
    from api.population.sources import from_store
    from api.ties import Membership
    from engine.ids import FactName

    plan = compile_rules(rules)
    fact = FactName(f"needs.{need.removeprefix('needs.')}")
    if group not in plan.catalogue.groups:
        raise Usage(f"the catalogue has no group `{group}`; it has {', '.join(plan.catalogue.groups)}")
    if all(each.name != fact for each in plan.needs):
        raise Usage(f"no theme declares the need `{need}`")
    url = redis_url or running_url(data_dir)
    if url is None:
        raise Usage(f"no store runs on {data_dir}; start it with nextbest serve or nextbest demo")
    now_s = _now_ms() // 1_000
    members = Members(plan, RecordReader(plan.profile_schema, plan.event_layout), group, fact, now_s)
    asyncio.run(from_store(members, url))
    new = {customer: [Membership(group, now_s, None, fact)] for customer in members.joining}

    async def changed(store: "MergeStore") -> None:
        await put_members(store, new, _now_ms)
        await end_members(store, members.leaving, group, _now_ms, by=fact)

    _run(changed, data_dir, url)
    told = {
        "seen": members.seen,
        "joined": len(members.joining),
        "left": len(members.leaving),
        "unreadable": members.unreadable,
    }
    if as_json:
        put_json(told)
    else:
        put(f"of {members.seen:,} customers {told['joined']:,} joined `{group}` and {told['left']:,} left it")
        if members.unreadable:
            say(f"nextbest: {members.unreadable:,} records cannot be read, and stay as they are")


def _run(work: "Callable[[MergeStore], Awaitable[R]]", data_dir: Path, redis_url: str | None) -> R:
    import asyncio

    from api.adapters.cluster import nodes_at
    from api.adapters.embedded import running_url
    from api.adapters.flights import Timing
    from api.adapters.merge_store import RedisMergeStore
    from api.bootstrap import PATIENT_S

    url = redis_url or running_url(data_dir)
    if url is None:
        raise Usage(f"no store runs on {data_dir}; start it with nextbest serve or nextbest demo")

    async def connected() -> R:
        nodes = nodes_at(url, Timing(flight=PATIENT_S))
        await nodes.start()
        try:
            return await work(RedisMergeStore(nodes))
        finally:
            await nodes.close()

    return asyncio.run(connected())


def _now_ms() -> int:
    from time import time

    return int(time() * 1_000)
