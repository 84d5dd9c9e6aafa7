"""`nextbest why-never`: at which condition an action's way ends, counted over a whole population."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from api.cli.console import AsJson, RulesDir, Usage, plainly, progress, put, put_json, say

if TYPE_CHECKING:
    from api.population.funnel import Course, Step
    from api.population.sources import Viewer
    from engine.decision import Request
    from engine.plan import Plan

DEMONSTRATION: Final = "demonstration"


@plainly
def why_never(
    action: Annotated[str, typer.Argument(help="The action's id.")],
    rules: RulesDir = Path("rules"),
    population: Annotated[
        str,
        typer.Option("--population", help=f"A bank's files: a folder, its customers' file, or `{DEMONSTRATION}`."),
    ] = DEMONSTRATION,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="What the files mean.", exists=True, dir_okay=False)
    ] = None,
    redis_url: Annotated[
        str | None, typer.Option("--redis-url", help="The customers of this store instead.", show_default=False)
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", help="The customers of the store on this folder instead.", file_okay=False),
    ] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="Ask on this channel alone.")] = None,
    moment: Annotated[str | None, typer.Option("--moment", help="Ask at this moment alone.")] = None,
    customers: Annotated[
        int | None, typer.Option("--customers", help="See so many at most.", min=1, show_default="all, or 2,000 made")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Count over a population where an action's way ends: stage, condition, file and line, first failures only.

    Every customer is asked at noon today, on every channel and at every moment; unknown is counted apart. Every
    propensity is 0.05, so that what is said is said of the rules, not of a model.
    """
    from api.adapters.record_reader import RecordReader
    from api.bootstrap import compile_rules
    from api.population.funnel import Funnel
    from api.population.sources import Viewer

    plan = compile_rules(rules)
    position = _position(plan, action)
    asked = _questions(plan, channel, moment)
    now = datetime.combine(datetime.now(plan.zone).date(), time(12), plan.zone)
    funnel = Funnel(plan, position, asked, now)
    with progress(quiet=as_json) as told:

        def see(customer: str, snapshot: Any) -> None:
            funnel.see(customer, snapshot)
            told("customers", viewer.seen)

        viewer = Viewer(RecordReader(plan.profile_schema, plan.event_layout), see, customers)
        show_population(plan, viewer, rules, population, mapping, redis_url or _running(data_dir), customers, now)
    if viewer.unreadable:
        say(f"nextbest: {viewer.unreadable:,} records cannot be read, and were passed over")
    if not viewer.seen:
        raise Usage("there is no customer in this population")
    if as_json:
        put_json({**_as_data(action, viewer, asked, funnel.courses, plan), "unknown_to_all": funnel.unknown_to_all})
        return
    for line in _lines(action, viewer, asked, funnel.courses, plan):
        put(line)
    if funnel.unknown_to_all:
        facts = ", ".join(f"`{each}`" for each in funnel.unknown_to_all)
        put(f"nobody in this population has {facts}: every condition on them is unknown, and admits nobody")


def _position(plan: "Plan", action: str) -> int:
    from engine.compiler.problem_list import suggestion
    from engine.ids import ActionId

    position = plan.position_by_action.get(ActionId(action))
    if position is None:
        hint = suggestion(action, [str(each) for each in plan.position_by_action])
        raise Usage(f"there is no action `{action}`{f'; {hint}' if hint else ''}")
    return position


def _questions(plan: "Plan", channel: str | None, moment: str | None) -> "Sequence[Request]":
    from api.population.funnel import questions_of

    channels = [each for each in plan.channels if channel in (None, each.id)]
    if not channels:
        raise Usage(f"there is no channel `{channel}`; there are {', '.join(each.id for each in plan.channels)}")
    asked = questions_of(plan, channels, moment)
    if not asked:
        raise Usage(f"there is no moment `{moment}`; there are {', '.join(plan.moments)}")
    return asked


def _running(data_dir: Path | None) -> str | None:
    from api.adapters.embedded import running_url

    if data_dir is None:
        return None
    url = running_url(data_dir)
    if url is None:
        raise Usage(f"no store runs on {data_dir}; start it with nextbest serve or nextbest demo")
    return url


def show_population(
    plan: "Plan",
    viewer: "Viewer",
    rules: Path,
    population: str,
    mapping: Path | None,
    url: str | None,
    customers: int | None,
    now: datetime,
) -> None:
    """Show the customers of a store, of a bank's files, or of the demonstration bank."""
    import asyncio

    from api.loading.mapping_file import read_mapping
    from api.loading.run import BANK_FILES
    from api.population.sources import from_bank, from_store

    if url is not None:
        asyncio.run(from_store(viewer, url))
        return
    described = mapping or BANK_FILES
    with TemporaryDirectory(prefix="nextbest-") as scratch:
        bank = Path(population)
        if population == DEMONSTRATION:
            _make_bank(rules, Path(scratch), customers or 2_000, now)
            bank = Path(scratch) / "bank"
        if not bank.exists():
            raise Usage(f"there are no files at {bank}")
        read = read_mapping(str(described), described.read_bytes())
        from_bank(plan, viewer, mapping=read, bank=bank, staging=Path(scratch) / "staging", now=now)


def _make_bank(rules: Path, where: Path, customers: int, now: datetime) -> None:
    """The demonstration bank's files, made by its own process."""
    command = [sys.executable, "-m", "demobank", "--rules", str(rules), "--data-dir", str(where), "--json"]
    made = subprocess.run(
        [*command, "--customers", str(customers), "--as-of", now.date().isoformat()], capture_output=True, check=False
    )
    if made.returncode:
        said = made.stderr.decode(errors="replace").strip().splitlines()
        raise Usage(f"the demonstration bank cannot be made: {said[-1] if said else made.returncode}")


# --- what is printed -------------------------------------------------------------------------------------------------


def _label(question: "Request", plan: "Plan") -> str:
    moment = "" if question.moment is None else f" {plan.moments[question.moment]}"
    return f"{question.channel.id}{moment}"


def _whole(courses: "Sequence[Course]") -> "Course":
    from api.population.funnel import Course

    whole = Course()
    for course in courses:
        whole.add(course)
    return whole


def _lines(
    action: str, viewer: "Viewer", asked: "Sequence[Request]", courses: "Sequence[Course]", plan: "Plan"
) -> Iterator[str]:
    whole = _whole(courses)
    yield f"{action}: {viewer.seen:,} customers, {len(asked)} question{'s' if len(asked) > 1 else ''} each"
    yield ""
    yield f"{'channel and moment':<34}{'asked':>10}{'ranked':>10}{'share':>8}{'chosen':>10}"
    for question, course in zip(asked, courses, strict=True):
        yield (
            f"{_label(question, plan):<34}{course.asked:>10,}{course.ranked:>10,}"
            f"{_share(course.ranked, course.asked):>8}{course.first:>10,}"
        )
    yield ""
    yield f"{'ends here first':>15}{'unknown':>10}{'go on':>11}  at"
    left = whole.asked
    for step in sorted(whole.ended, key=lambda each: each.at):
        left -= whole.ended[step]
        yield f"{whole.ended[step]:>15,}{whole.unknown[step]:>10,}{left:>11,}  {_told(step)}"
        if step.reason.code == "no_reason_now":
            yield from _missed(whole)
    yield ""
    yield f"comes to the ranking {whole.ranked:,} times of {whole.asked:,} ({_share(whole.ranked, whole.asked)})"
    yield f"chosen {whole.first:,} times, were every propensity the same"


def _missed(whole: "Course") -> Iterator[str]:
    """Under the heading of what gave no reason; one customer may be under several."""
    for step, count in sorted(whole.missed.items(), key=lambda pair: (-pair[1], pair[0].at)):
        yield f"{'':>25}{count:>11,}    {_told(step).removeprefix('no_reason_now  ')}"


def _told(step: "Step") -> str:
    cell = f"`{step.cell}`" if step.cell else ""
    parts = (step.reason.code, step.title or step.rule, cell or step.detail, step.place)
    return "  ".join(part for part in parts if part)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _as_data(
    action: str, viewer: "Viewer", asked: "Sequence[Request]", courses: "Sequence[Course]", plan: "Plan"
) -> Mapping[str, Any]:
    return {
        "action": action,
        "ruleset": plan.hash,
        "customers": viewer.seen,
        "unreadable": viewer.unreadable,
        "total": _course(_whole(courses)),
        "questions": [
            {
                "channel": question.channel.id,
                "moment": None if question.moment is None else plan.moments[question.moment],
                **_course(course),
            }
            for question, course in zip(asked, courses, strict=True)
        ],
    }


def _course(course: "Course") -> dict[str, Any]:
    left, steps = course.asked, []
    for step in sorted(course.ended, key=lambda each: each.at):
        left -= course.ended[step]
        ends = {"ends": course.ended[step], "unknown": course.unknown[step], "go_on": left}
        steps.append({**_step(step), **ends})
    return {
        "asked": course.asked,
        "steps": steps,
        "no_reason": [{**_step(step), "times": count} for step, count in course.missed.most_common()],
        "ranked": course.ranked,
        "chosen": course.first,
    }


def _step(step: "Step") -> dict[str, Any]:
    named = {"rule": step.rule, "title": step.title, "place": step.place, "cell": step.cell, "detail": step.detail}
    return {"stage": step.reason.code, **{key: value for key, value in named.items() if value}}
