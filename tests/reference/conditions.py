"""Judges conditions as SEMANTICS section 1 words them, straight from the file's text: True, False, or None: unknown."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from tests.reference.natural import Happening, Length, Tree, Value, day_away, instant_away

Truth = bool | None
NUMBERS = ("integer", "money", "decimal")
WORDS = {"at least": ">=", "at most": "<=", "over": ">", "under": "<"}


def all_of(truths: Iterable[Truth]) -> Truth:
    """AND: false wins, then unknown."""
    found = list(truths)
    return False if False in found else None if None in found else True


def any_of(truths: Iterable[Truth]) -> Truth:
    """OR: true wins, then unknown."""
    found = list(truths)
    return True if True in found else None if None in found else False


def none_of(truths: Iterable[Truth]) -> Truth:
    """The contrary of OR."""
    return contrary(any_of(truths))


def contrary(truth: Truth) -> Truth:
    """NOT: unknown stays unknown."""
    return None if truth is None else not truth


class Facts(Protocol):
    """Who tells what a fact is."""

    def kind(self, name: str) -> str:
        """Its declared type."""

    def value(self, name: str) -> Value:
        """Its value, None where it is missing."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that a condition may look at."""

    facts: Facts
    now: datetime
    zone: ZoneInfo
    events: tuple[Happening, ...]
    kept_since: datetime | None
    first_day: date | None
    """The customer's first day, where it is known."""
    fields: Mapping[str, Mapping[str, str]]
    """For each event the type of each of its fields."""

    @property
    def today(self) -> date:
        """The day in the bank's zone."""
        return self.now.astimezone(self.zone).date()


# --- blocks ----------------------------------------------------------------------------------------------------------


def admitting(form: Tree, scene: Scene) -> Truth:
    """`when` and `history` admit; each block of `unless` excludes."""
    assert isinstance(form, dict)
    parts = [block(form["when"], scene)] if "when" in form else []
    parts += [history(each, scene) for each in listed(form.get("history"))]
    parts += [contrary(block(each, scene)) for each in listed(form.get("unless"))]
    return all_of(parts)


def block(tree: Tree, scene: Scene) -> Truth:
    """Cells keyed by fact (AND), with `all`, `any`, `none` and `history`."""
    assert isinstance(tree, dict)
    parts: list[Truth] = []
    for key, value in tree.items():
        match key:
            case "all":
                parts.append(all_of(block(each, scene) for each in listed(value)))
            case "any":
                parts.append(any_of(block(each, scene) for each in listed(value)))
            case "none":
                parts.append(contrary(any_of(block(each, scene) for each in listed(value))))
            case "history":
                parts.append(all_of(history(each, scene) for each in listed(value)))
            case _:
                parts.append(keyed(key, value, scene))
    return all_of(parts)


def listed(tree: Tree) -> list[Tree]:
    """A list, empty where there is none."""
    if tree is None:
        return []
    assert isinstance(tree, list)
    return tree


# --- cells -----------------------------------------------------------------------------------------------------------


def keyed(fact: str, tree: Tree, scene: Scene) -> Truth:
    """One cell, a list (one of), or several under `all`, `any`, `none`."""
    if isinstance(tree, list):
        return any_of(cell(fact, str(each), scene) for each in tree)
    if isinstance(tree, dict):
        combine: Mapping[str, Callable[[Iterable[Truth]], Truth]] = {"all": all_of, "any": any_of, "none": none_of}
        return all_of(
            combine[word]([keyed(fact, each, scene) for each in listed(cells)]) for word, cells in tree.items()
        )
    assert tree is not None
    return cell(fact, tree, scene)


def cell(fact: str, text: str, scene: Scene) -> Truth:
    """A single cell as it is written."""
    kind, value = scene.facts.kind(fact), scene.facts.value(fact)
    if text in ("present", "missing"):
        return (value is not None) == (text == "present")
    if match := re.fullmatch(r"(?:not\s|!=)\s*(.+)", text):
        return contrary(cell(fact, match[1], scene))
    if match := re.fullmatch(r"all of\s*\[(.*)\]", text):
        return all_of(cell(fact, each.strip(), scene) for each in match[1].split(","))
    if match := re.fullmatch(r"\[(.*)\]", text):
        return any_of(cell(fact, each.strip(), scene) for each in match[1].split(","))
    if value is None:
        return None
    if match := re.fullmatch(r"(within|older than|in next) (\w+)", text):
        return in_period(value, match[1], Length.read(match[2]), scene)
    if match := re.fullmatch(r"(>=|<=|>|<|at least|at most|over|under)\s*(.+)", text):
        other = right_side(kind, match[2], scene)
        return None if other is None else compared(value, WORDS.get(match[1], match[1]), other)
    if ".." in text and kind in (*NUMBERS, "date", "instant"):
        low, high = (literal(kind, each) for each in text.split(".."))
        return compared(value, ">=", low) and compared(value, "<=", high)
    if isinstance(value, frozenset):
        return text in value
    return value == literal(kind, text)


def literal(kind: str, text: str) -> Value:
    """What a text means for a type."""
    match kind:
        case "integer" | "money" | "decimal":
            return Decimal(text.replace("_", ""))
        case "boolean":
            return {"true": True, "false": False}[text]
        case "date":
            return date.fromisoformat(text)
        case "instant":
            return datetime.fromisoformat(text)
        case _:
            return text


def right_side(kind: str, text: str, scene: Scene) -> Value:
    """`number`, or `number * fact + number`; unknown where the fact is missing."""
    if kind not in NUMBERS or re.fullmatch(r"-?[\d_.]+", text):
        return literal(kind, text)
    match = re.fullmatch(r"(?:([\d_.]+)\s*\*\s*)?([a-z][\w.]*)(?:\s*([+-])\s*([\d_.]+))?", text)
    assert match is not None, text
    other = scene.facts.value(match[2])
    if other is None:
        return None
    assert isinstance(other, int | Decimal)
    constant = Decimal((match[4] or "0").replace("_", ""))
    return Decimal((match[1] or "1").replace("_", "")) * other + (-constant if match[3] == "-" else constant)


def compared(left: Value, operator: str, right: Value) -> bool:
    """Two values of one type in order."""
    assert isinstance(left, int | Decimal | date | datetime)
    assert isinstance(right, int | Decimal | date | datetime)
    below, equal = left < right, left == right  # type: ignore[operator]  # both are of the fact's type
    return {"<": below, "<=": below or equal, ">": not below and not equal, ">=": not below}[operator]


def in_period(value: Value, word: str, length: Length, scene: Scene) -> bool:
    """`within` reaches back, `in next` forward, both ends inclusive; `older than` is what lies before `within`."""
    if isinstance(value, datetime):
        now, back = scene.now, instant_away(scene.now, -1, length, scene.zone)
        ahead = instant_away(scene.now, 1, length, scene.zone)
        return {"within": back <= value <= now, "older than": value < back, "in next": now <= value <= ahead}[word]
    assert isinstance(value, date)
    today = scene.today
    first, last = day_away(today, -1, length), day_away(today, 1, length)
    return {"within": first <= value <= today, "older than": value < first, "in next": today <= value <= last}[word]


# --- history ---------------------------------------------------------------------------------------------------------


def history(tree: Tree, scene: Scene) -> Truth:
    """`seen`, `not_seen`, `ever` or `last` of an event, in a window, since another event, or some distance ago."""
    assert isinstance(tree, dict)
    if "last" in tree:
        return last_ago(tree, scene)
    if "since" in tree:
        return seen_since(tree, scene)
    kind = next(key for key in ("seen", "not_seen", "ever") if key in tree)
    start = None if kind == "ever" else instant_away(scene.now, -1, Length.read(str(tree["in"])), scene.zone)
    seen = often_enough(tree, kind, start, scene)
    return contrary(seen) if kind == "not_seen" else seen


def often_enough(tree: dict[str, Tree], kind: str, start: datetime | None, scene: Scene) -> Truth:
    """Whether an event was seen as often as asked since an instant (None: ever)."""
    found = [at for at in instants(tree, kind, scene) if start is None or at >= start]
    if len(found) >= int(str(tree.get("at_least", "1"))):
        return True
    return False if kept_from(start, scene) else None


def last_ago(tree: dict[str, Tree], scene: Scene) -> Truth:
    """It happened, and the last time lies in the span."""
    near, far = (instant_away(scene.now, -1, Length.read(each), scene.zone) for each in str(tree["ago"]).split(".."))
    found = instants(tree, "last", scene)
    if found and max(found) > near:
        return False
    if found and max(found) >= far:
        return True
    return False if kept_from(far, scene) else None


def seen_since(tree: dict[str, Tree], scene: Scene) -> Truth:
    """`seen: a, since: b`: a came after the last b; `not_seen: a, since: b`: b came, and no a after it."""
    kind = "seen" if "seen" in tree else "not_seen"
    anchors = [each.at for each in scene.events if each.event == tree["since"]]
    if not anchors:
        return False if kept_from(None, scene) else None
    if any(at >= max(anchors) for at in instants(tree, kind, scene)):
        return kind == "seen"
    return kind == "not_seen" if kept_from(max(anchors), scene) else None


def kept_from(start: datetime | None, scene: Scene) -> bool:
    """Whether the kept history has everything since an instant, or since the customer's first day."""
    kept = scene.kept_since
    if kept is None or (start is not None and kept <= start):
        return True
    return scene.first_day is not None and kept.astimezone(scene.zone).date() <= scene.first_day


def instants(tree: dict[str, Tree], kind: str, scene: Scene) -> list[datetime]:
    """When the event happened, as far as `where` is true of it."""
    name = str(tree[kind])
    found = [each for each in scene.events if each.event == name]
    if "where" in tree:
        found = [each for each in found if block(tree["where"], of_event(each, scene)) is True]
    return [each.at for each in found]


def of_event(happening: Happening, scene: Scene) -> Scene:
    """The scene that an event's filter sees: its fields alone."""
    return Scene(
        facts=Fields(scene.fields[happening.event], happening.fields),
        now=scene.now,
        zone=scene.zone,
        events=(),
        kept_since=None,
        first_day=None,
        fields={},
    )


@dataclass(frozen=True)
class Fields:
    """The fields of one event, as facts."""

    kinds: Mapping[str, str]
    values: Mapping[str, Value]

    def kind(self, name: str) -> str:
        return self.kinds[name]

    def value(self, name: str) -> Value:
        return self.values.get(name)
