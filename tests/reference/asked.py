"""One customer who asks one bank: the rule files, what conditions see, and what became of each action so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from zoneinfo import ZoneInfo

from tests.reference.conditions import (
    Judged,
    Scene,
    admitting,
    cause,
    listed,
)
from tests.reference.contacts import ContactRules
from tests.reference.facts import RowOfFacts, tree_of
from tests.reference.natural import Length, Path, Person, Question, Tree, instant_away


@dataclass(frozen=True)
class Told:
    """A reason: its code, the rule, the part of its file that decided, and whether that part was unknown."""

    code: str
    rule: str
    place: tuple[str, Path] | None = None
    unknown: bool = False


@dataclass(frozen=True)
class File:
    """A rule file."""

    path: str
    tree: dict[str, Tree]


def files_of(kind: str, documents: Mapping[str, Tree]) -> list[File]:
    """All rule files of one kind, in file order."""
    folder = {"action": "actions", "theme": "thematic", "trigger": "customized"}[kind]
    return [File(path, tree_of(documents[path])) for path in sorted(documents) if path.startswith(f"{folder}/")]


class Asked:
    """What every stage knows; properties are worked out when they are first asked for."""

    def __init__(self, documents: Mapping[str, Tree], person: Person, question: Question, key: bytes) -> None:
        self.documents = documents
        self.person = person
        self.question = question
        self.zone = ZoneInfo(str(tree_of(documents["bank.yaml"])["time_zone"]))
        self.today = question.now.astimezone(self.zone).date()
        self.key = key
        self.action_files = files_of("action", documents)
        self.theme_files = files_of("theme", documents)
        self.triggers = files_of("trigger", documents)
        self.actions = {str(file.tree["action"]): self._of_today(file, "action").tree for file in self.action_files}
        self.guards = [tree_of(each) for each in listed(self._document("policy/guards.yaml").get("guards"))]
        self.channel = tree_of(documents["channels.yaml"], "channels", question.channel)
        self.reasons: dict[str, str] = {}
        self.because: dict[str, list[Told]] = {}
        self.journeys = self._journeys()
        self.contact = ContactRules(documents, self.actions, self.journeys, person, question, self.zone)

    def _of_today(self, file: File, kind: str) -> File:
        """Of the files of one id the one that counts today, else the first."""
        files = self.action_files if kind == "action" else self.theme_files
        same = [each for each in files if each.tree[kind] == file.tree[kind]]
        return next((each for each in same if self.valid(each.tree)), same[0])

    def _journeys(self) -> dict[str, list[str]]:
        """The steps of each theme, those of all its files together."""
        found: dict[str, list[str]] = {}
        for file in self.theme_files:
            steps = found.setdefault(str(file.tree["theme"]), [])
            steps += [str(step) for step in listed(file.tree["journey"]) if str(step) not in steps]
        return found

    def _document(self, path: str) -> dict[str, Tree]:
        return tree_of(self.documents.get(path))

    def scene(
        self, *, guarding: bool = False, needs: Mapping[str, bool] | None = None, placement: str | None = None
    ) -> Scene:
        """What conditions see; `placement` is for treatments."""
        person, question = self.person, self.question
        facts = RowOfFacts(
            catalogue=self.documents["catalogue.yaml"],
            guard_defaults=self._document("policy/guards.yaml").get("defaults"),
            person=person,
            question=question,
            today=self.today,
            hour=question.now.astimezone(self.zone).hour,
            needs=self.needs if needs is None else needs,
            guarding=guarding,
            placement=placement,
        )
        events = tree_of(self.documents["catalogue.yaml"], "events")
        since = person.facts.get("customer.since")
        return Scene(
            facts=facts,
            now=question.now,
            zone=self.zone,
            events=person.events,
            kept_since=person.kept_since,
            kept_later=person.kept_later,
            first_day=since if isinstance(since, date) else None,
            fields={
                name: {field: str(tree_of(spec)["type"]) for field, spec in tree_of(event, "fields").items()}
                for name, event in events.items()
            },
        )

    @cached_property
    def needs(self) -> dict[str, bool]:
        """Every need: its block holds now, or it held last within `lasts`; false when not inferred."""
        parts: dict[str, list[dict[str, Tree]]] = {}
        for theme in self.theme_files:
            for need in listed(theme.tree.get("needs")):
                parts.setdefault(f"needs.{tree_of(need)['need']}", []).append(tree_of(need))
        found = dict.fromkeys(parts, False)
        for _ in parts:  # a need reads others: as many rounds as there are needs settle every chain
            found = {name: any(self._needed(name, part, found) for part in each) for name, each in parts.items()}
        return found

    def _needed(self, name: str, need: dict[str, Tree], needs: Mapping[str, bool]) -> bool:
        if admitting(need, self.scene(needs=needs)).truth is True:
            return True
        held = self.person.last_held.get(name)
        if held is None or "lasts" not in need:
            return False
        return held >= instant_away(self.question.now, -1, Length.read(str(need["lasts"])), self.zone)

    def valid(self, rule: dict[str, Tree]) -> bool:
        """Whether a rule counts today."""
        window = tree_of(rule, "valid")
        first, last = (date.fromisoformat(str(window[key])) if key in window else None for key in ("from", "to"))
        return (first is None or first <= self.today) and (last is None or self.today <= last)

    # --- actions -----------------------------------------------------------------------------------------------------

    def _stop(self, action: str, reason: str | None, told: Told | None = None) -> None:
        if reason is None:
            return
        if self.reasons.setdefault(action, reason) == reason and told is not None:
            self.because.setdefault(action, []).append(told)

    def _told(self, code: str, rule: str, path: str, judged: Judged) -> Told | None:
        """The reason that a condition which is not true gives."""
        found = cause(judged)
        return None if found is None else Told(code, rule, (path, found.path), found.truth is None)

    def _open(self) -> list[str]:
        return [action for action in self.actions if action not in self.reasons]

    def _tier(self, action: str) -> str:
        return str(self.actions[action].get("tier", "offer"))

    def _group(self, action: str) -> str:
        return str(self.actions[action]["group"])

    def _names(self, form: dict[str, Tree], action: str) -> bool:
        return action in listed(form.get("actions")) or self._group(action) in listed(form.get("groups"))

    def _meant_now(self, trigger: dict[str, Tree], *, unknown: bool) -> bool:
        """Whether a trigger is for this moment; no `on` means every moment."""
        if "on" not in trigger:
            return True
        if self.question.moment is None:
            return unknown
        return self.question.moment in listed(tree_of(trigger, "on").get("moment"))
