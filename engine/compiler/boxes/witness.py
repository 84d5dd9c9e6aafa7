"""Puts a box into words: one customer in it, with nothing said of what was not asked about."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from engine.compiler.boxes.axes import NEVER, Region
from engine.compiler.boxes.search import Box, ages
from engine.compiler.boxes.times import DAY_S
from engine.facts import FactSpec, FactType, show_number

_AGE = "age"
_SEGMENTS = "segments"


def witness(box: Box) -> str:
    """`a customer aged 30 in segment affluent with ..., without ...`: the plainest value of every axis of a box."""
    parts = ["a customer"]
    if _AGE in box and box[_AGE].domain.spans:
        parts.append(f"aged {_plainest(box[_AGE])}")
    there, not_there = _members(box)
    segments = [name.partition(".")[2] for name in there if name.startswith(f"{_SEGMENTS}.")]
    if segments:
        parts.append(f"in segment {listed(segments)}")
    happened, not_happened = _events(box)
    having = [*(f"`{name}`" for name in there if not name.startswith(f"{_SEGMENTS}.")), *happened, *_facts(box)]
    lacking = [f"`{name}`" for name in (*not_there, *not_happened)]
    told = " ".join([*parts, *([f"with {listed(having)}"] if having else [])])
    return f"{told}{',' if having else ''} without {listed(lacking)}" if lacking else told


def listed(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _members(box: Box) -> tuple[list[str], list[str]]:
    """The set members that are there, and those that are not or of which nothing is known."""
    members = {name: region.domain for name, region in box.items() if region.axis.kind == "member"}
    there = [name for name, domain in members.items() if domain.contains(1)]
    return there, [name for name in members if name not in there]


def _events(box: Box) -> tuple[list[str], list[str]]:
    """What happened and how long ago, and what never happened."""
    by_event: dict[str, list[Region]] = {}
    for region in box.values():
        if region.axis.kind == "event":
            by_event.setdefault(region.axis.shown, []).append(region)
    happened, never = [], []
    for event, regions in by_event.items():
        times = [age for age in ages(regions) or () if age != NEVER]
        if times:
            happened.append(f"`{event}` {listed([_ago(age) for age in times])}")
        else:
            never.append(event)
    return happened, never


def _ago(age_s: int) -> str:
    if age_s % DAY_S and age_s < 2 * DAY_S:
        return f"{-(-age_s // 3600)} hours ago"
    days = -(-age_s // DAY_S)
    return "just now" if not days else "a day ago" if days == 1 else f"{days:,} days ago"


def _facts(box: Box) -> Iterator[str]:
    for name, region in box.items():
        match region.axis.kind:
            case "fact" if name != _AGE or not region.domain.spans:
                yield f"`{name}` {_value(region)}" if region.domain.spans else f"`{name}` not known"
            case "period":
                yield f"`{region.axis.group}` {_period(region)}"
            case "need" if region.domain.contains(1):
                yield f"`{region.axis.shown}` still lasting"
            case "today":
                yield f"the day {date.fromordinal(_plainest_number(region))}"
            case _:
                continue


def _period(region: Region) -> str:
    if not region.domain.spans:
        return "not known"
    number = _plainest_number(region)
    days = number if region.axis.spec is not None and region.axis.spec.type is FactType.DATE else number // DAY_S
    return "today" if not days else f"in {days:,} days" if days > 0 else f"{-days:,} days ago"


def _plainest(region: Region) -> str:
    return str(_plainest_number(region))


def _plainest_number(region: Region) -> int:
    """The first bound that was asked for, else the value nearest to zero."""
    low, high = region.domain.spans[0]
    whole_low, whole_high = region.axis.universe.spans[0][0], region.axis.universe.spans[-1][1]
    if low > whole_low:
        return low
    return high if high < whole_high else min(max(low, 0), high)


def _value(region: Region) -> str:
    spec, number = region.axis.spec, _plainest_number(region)
    return str(number) if spec is None else _shown(spec, number)


def _shown(spec: FactSpec, number: int) -> str:
    match spec.type:
        case FactType.BOOLEAN:
            return "true" if number else "false"
        case FactType.CATEGORY:
            return spec.values[number]
        case FactType.DATE:
            return str(date.fromordinal(number))
        case FactType.INSTANT:
            return str(datetime.fromtimestamp(number, UTC))
        case FactType.TEXT:
            return "as asked"
        case FactType.SET:
            return "known"
        case _:
            return show_number(spec, number)
