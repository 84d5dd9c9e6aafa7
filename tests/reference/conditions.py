"""Judges conditions as SEMANTICS section 1 words them, straight from the file's text: True, False, or None: unknown."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from tests.reference.natural import Happening, Length, Path, Tree, Value, day_away, instant_away

Truth = bool | None
NUMBERS = ("integer", "money", "decimal")
WORDS = {"at least": ">=", "at most": "<=", "over": ">", "under": "<"}
SEEN: Counter[tuple[str, str]] = Counter()
"""How often each way to write a condition was true, false and unknown: what never comes up is not tested."""


@dataclass(frozen=True)
class Judged:
    """A condition with what it is, and what it is made of."""

    truth: Truth
    path: Path
    """Where it stands in its file; of a part that is made of others, any."""
    parts: tuple["Judged", ...] = ()
    contrary: bool = False
    """Whether it is the contrary of its only part."""


def all_of(truths: Iterable[Truth]) -> Truth:
    """AND: false wins, then unknown."""
    found = list(truths)
    return False if False in found else None if None in found else True


def any_of(truths: Iterable[Truth]) -> Truth:
    """OR: true wins, then unknown."""
    found = list(truths)
    return True if True in found else None if None in found else False


def contrary(truth: Truth) -> Truth:
    """NOT: unknown stays unknown."""
    return None if truth is None else not truth


def every(parts: Iterable[Judged]) -> Judged:
    """AND over judged parts."""
    found = tuple(parts)
    return Judged(all_of(each.truth for each in found), (), found)


def some(parts: Iterable[Judged]) -> Judged:
    """OR over judged parts."""
    found = tuple(parts)
    return Judged(any_of(each.truth for each in found), (), found)


def no(part: Judged) -> Judged:
    """NOT of a judged part."""
    return Judged(contrary(part.truth), part.path, (part,), contrary=True)


def none(parts: Iterable[Judged]) -> Judged:
    """Not one of the parts."""
    return no(some(parts))


def cause(judged: Judged) -> Judged | None:
    """The first cell in file order that makes a condition what it is: a false one false, an unknown one unknown."""
    if not judged.parts:
        return judged if judged.path else None
    for part in judged.parts:
        if judged.contrary or part.truth is judged.truth:
            return cause(part)
    return None


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
    kept_later: Mapping[str, datetime]
    first_day: date | None
    """The customer's first day, where it is known."""
    fields: Mapping[str, Mapping[str, str]]
    """For each event the type of each of its fields."""

    @property
    def today(self) -> date:
        """The day in the bank's zone."""
        return self.now.astimezone(self.zone).date()


# --- blocks ----------------------------------------------------------------------------------------------------------


def admitting(form: Tree, scene: Scene, path: Path = ()) -> Judged:
    """`when` and `history` admit; each block of `unless` excludes. In file order."""
    assert isinstance(form, dict)
    parts: list[Judged] = []
    for key, value in form.items():
        here = (*path, key)
        match key:
            case "when":
                parts.append(block(value, scene, here))
            case "history":
                parts += [history(each, scene, at) for at, each in listed_at(value, here)]
            case "unless":
                parts += [no(block(each, scene, at)) for at, each in listed_at(value, here)]
            case _:
                continue
    return every(parts)


def block(tree: Tree, scene: Scene, path: Path = ()) -> Judged:
    """Cells keyed by fact (AND), with `all`, `any`, `none` or `unless`, and `history`."""
    assert isinstance(tree, dict)
    parts: list[Judged] = []
    for key, value in tree.items():
        here = (*path, key)
        if key in COMBINED:
            parts.append(COMBINED[key](block(each, scene, at) for at, each in listed_at(value, here)))
        elif key == "history":
            parts.append(every(history(each, scene, at) for at, each in listed_at(value, here)))
        else:
            parts.append(keyed(key, value, scene, here))
    return every(parts)


COMBINED: Mapping[str, Callable[[Iterable[Judged]], Judged]] = {"all": every, "any": some, "none": none, "unless": none}


def listed(tree: Tree) -> list[Tree]:
    """A list, empty where there is none."""
    if tree is None:
        return []
    assert isinstance(tree, list)
    return tree


def listed_at(tree: Tree, path: Path) -> list[tuple[Path, Tree]]:
    """The items of a list with where they stand."""
    return [((*path, number), each) for number, each in enumerate(listed(tree))]


# --- cells -----------------------------------------------------------------------------------------------------------


def keyed(fact: str, tree: Tree, scene: Scene, path: Path) -> Judged:
    """One cell, a list (one of), or several under `all`, `any`, `none`."""
    if isinstance(tree, list):
        truth = any_of(cell(fact, str(each), scene) for each in tree)
        SEEN["list", str(truth)] += 1
        return Judged(truth, path)
    if isinstance(tree, dict):
        return every(
            COMBINED[word](keyed(fact, each, scene, at) for at, each in listed_at(cells, (*path, word)))
            for word, cells in tree.items()
        )
    assert tree is not None
    truth = cell(fact, tree, scene)
    SEEN[way_of(tree, scene.facts.kind(fact)), str(truth)] += 1
    return Judged(truth, path)


def way_of(text: str, kind: str) -> str:
    """How a cell is written."""
    for way, pattern in WAYS:
        if re.fullmatch(pattern, text):
            return f"{way} of {'a date' if kind in ('date', 'instant') else 'numbers' if kind in NUMBERS else kind}"
    return f"value of {kind}"


WAYS = (
    ("present", "present"),
    ("missing", "missing"),
    ("not list", r"not \[.*"),
    ("not", "not .*"),
    ("!=", "!= .*"),
    ("all", r"all of \[.*"),
    ("one", r"\[.*"),
    ("within", "within .*"),
    ("older than", "older than .*"),
    ("in next", "in next .*"),
    ("range over facts", r".*[a-z].*\.\..*[a-z].*"),
    ("range", r".*\.\..*"),
    ("against minus a fact", r"\D+-(?:[\d.]+ \* )?[a-z].*"),
    ("against a line over a fact", r"\D+[\d.]+ \* .*|\D+[a-z]\S* [+-] .*"),
    ("against a fact", r"(?:[<>=]+|at least|at most|over|under) [a-z].*"),
    ("comparison", r"(?:[<>=]+|at least|at most|over|under) .*"),
)


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
        low, high = (right_side(kind, each, scene) for each in text.split(".."))
        above = None if low is None else compared(value, ">=", low)
        return all_of([above, None if high is None else compared(value, "<=", high)])
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
    """A value, or `number * fact + number`; unknown where the fact is missing."""
    match = re.fullmatch(r"(-)?(?:([\d_.]+)\s*\*\s*)?([a-z][\w.]*)(?:\s*([+-])\s*([\d_.]+))?", text)
    if match is None:
        return literal(kind, text)
    other = scene.facts.value(match[3])
    if other is None or kind not in NUMBERS:
        return other
    assert isinstance(other, int | Decimal)
    factor = Decimal((match[2] or "1").replace("_", "")) * (-1 if match[1] else 1)
    constant = Decimal((match[5] or "0").replace("_", ""))
    return factor * other + (-constant if match[4] == "-" else constant)


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


def history(tree: Tree, scene: Scene, path: Path) -> Judged:
    """A condition on what happened."""
    assert isinstance(tree, dict)
    truth = happened(tree, scene)
    kind = " ".join(key for key in ("seen", "not_seen", "ever", "last", "since", "at_least", "where") if key in tree)
    SEEN[kind, str(truth)] += 1
    return Judged(truth, path)


def happened(tree: dict[str, Tree], scene: Scene) -> Truth:
    """`seen`, `not_seen`, `ever` or `last` of an event, in a window, since another event, or some distance ago."""
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
    return False if kept_from(start, str(tree[kind]), scene) else None


def last_ago(tree: dict[str, Tree], scene: Scene) -> Truth:
    """It happened, and the last time lies in the span."""
    near, far = (instant_away(scene.now, -1, Length.read(each), scene.zone) for each in str(tree["ago"]).split(".."))
    found = instants(tree, "last", scene)
    if found and max(found) > near:
        return False
    if found and max(found) >= far:
        return True
    return False if kept_from(far, str(tree["last"]), scene) else None


def seen_since(tree: dict[str, Tree], scene: Scene) -> Truth:
    """`seen: a, since: b`: a came after the last b; `not_seen: a, since: b`: b came, and no a after it."""
    kind = "seen" if "seen" in tree else "not_seen"
    anchors = [each.at for each in scene.events if each.event == tree["since"]]
    if not anchors:
        return False if kept_from(None, str(tree["since"]), scene) else None
    if any(at >= max(anchors) for at in instants(tree, kind, scene)):
        return kind == "seen"
    return kind == "not_seen" if kept_from(max(anchors), str(tree[kind]), scene) else None


def kept_from(start: datetime | None, event: str, scene: Scene) -> bool:
    """Whether the kept history of an event has everything since an instant, or since the customer's first day."""
    own, kept = scene.kept_later.get(event), scene.kept_since
    if own is not None and (start is None or own > start):
        return False
    if kept is None or (start is not None and kept <= start):
        return True
    return scene.first_day is not None and kept.astimezone(scene.zone).date() <= scene.first_day


def instants(tree: dict[str, Tree], kind: str, scene: Scene) -> list[datetime]:
    """When the event happened, as far as `where` is true of it."""
    name = str(tree[kind])
    found = [each for each in scene.events if each.event == name]
    if "where" in tree:
        found = [each for each in found if block(tree["where"], of_event(each, scene)).truth is True]
    return [each.at for each in found]


def of_event(happening: Happening, scene: Scene) -> Scene:
    """The scene that an event's filter sees: its fields alone."""
    return Scene(
        facts=Fields(scene.fields[happening.event], happening.fields),
        now=scene.now,
        zone=scene.zone,
        events=(),
        kept_since=None,
        kept_later={},
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
