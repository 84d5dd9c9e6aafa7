"""Reads the `given` of rule tests, and the personas that they start from: facts, consent, needs and context."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.clock import before
from engine.compiler.parse import Entry, Node, Scalar
from engine.compiler.parse import Sequence as SequenceNode
from engine.compiler.problem_list import Problems
from engine.compiler.times import read_duration
from engine.errors import FactError
from engine.facts import EMPTY_CONSENT, NUMERIC, Consent, FactSpec, FactType, Held, Natural, hold, is_missing
from engine.ids import FactName
from engine.plan import Plan

_MISSING: Final = "missing"
_ELSEWHERE: Final = {
    "request.channel": "say it under `ask`, as `channel`",
    "request.moment": "say it under `ask`, as `moment`",
    "now.hour": "set the test's `now`",
    "now.weekday": "set the test's `now`",
    "now.day_of_month": "set the test's `now`",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a test says of its customer."""

    profile: tuple[Held, ...]
    context: Mapping[FactName, Held]
    needs: Mapping[FactName, int]
    """When lasting needs last held, in seconds since the epoch."""
    consent: Consent


def read_given(plan: Plan, entries: Iterable[Entry], now: datetime, problems: Problems) -> Given:
    """Facts in natural values, set members such as `holds.isa: true`, and `missing` for no value; later entries win."""
    reader = _GivenReader(plan, now, problems)
    for entry in entries:
        reader.read(entry)
    return reader.given()


def natural(spec: FactSpec, node: Node) -> Natural:
    """A value as it stands in a file, ready to be held."""
    if isinstance(node, SequenceNode):
        return [item.text for item in node.items if isinstance(item, Scalar)]
    if not isinstance(node, Scalar):
        return [""]
    if spec.type is FactType.BOOLEAN and node.truth is not None:
        return node.truth
    return node.text.replace("_", "") if spec.type in NUMERIC else node.text


def held_or_problem(spec: FactSpec, node: Node, problems: Problems) -> Held:
    """A value in held form; missing, and an error, where it does not fit."""
    if spec.type is FactType.SET and isinstance(node, SequenceNode) and not _known_values(spec, node, problems):
        return spec.missing
    try:
        return hold(spec, natural(spec, node))
    except FactError as error:
        problems.error(node.span, str(error))
        return spec.missing


def _known_values(spec: FactSpec, node: SequenceNode, problems: Problems) -> bool:
    wrong = [item for item in node.items if not isinstance(item, Scalar) or item.text not in spec.values]
    for item in wrong:
        name = item.text if isinstance(item, Scalar) else "..."
        problems.unknown(item.span, f"value of `{spec.name}`", name, spec.values)
    return not wrong


class _GivenReader:
    """Collects what entry after entry says."""

    def __init__(self, plan: Plan, now: datetime, problems: Problems) -> None:
        self._plan = plan
        self._now = now
        self._problems = problems
        self._profile = plan.profile_schema.empty()
        self._context: dict[FactName, Held] = {}
        self._needs: dict[FactName, int] = {}
        self._allowed: dict[str, Mapping[str, bool]] = {}
        self._objection: bool | None = None

    def given(self) -> Given:
        """Everything read so far."""
        consent = EMPTY_CONSENT
        if self._allowed or self._objection is not None:
            consent = Consent(version=1, allowed_by_purpose=self._allowed, profiling_objection=self._objection)
        return Given(profile=tuple(self._profile), context=self._context, needs=self._needs, consent=consent)

    def read(self, entry: Entry) -> None:
        """One fact."""
        plan, name = self._plan, FactName(entry.key.text)
        family, of = name.partition(".")[0], FactName(name.rpartition(".")[0])
        readers: Mapping[str, Callable[[FactName, Entry], None]] = {
            "consent": self._read_consent,
            "context": self._read_context,
            "needs": self._read_need,
        }
        if name in plan.profile_schema.position_by_name:
            self._read_attribute(name, entry)
        elif of in plan.profile_schema.position_by_name:
            self._read_member(of, entry)
        elif family in readers:
            readers[family](name, entry)
        elif name in plan.catalogue.calculated:
            calculated = plan.catalogue.calculated[name]
            made_of = ", ".join(calculated.operands)
            if calculated.running is not None:
                made_of = f"`events` of {calculated.running.event}"
            self._problems.error(entry.key.span, f"`{name}` is calculated", f"give what it is made of: {made_of}")
        elif name in _ELSEWHERE:
            self._problems.error(entry.key.span, f"`{name}` is not a fact of the customer", _ELSEWHERE[name])
        else:
            self._unknown(entry)

    def _unknown(self, entry: Entry) -> None:
        known = [*map(str, self._plan.fact_specs), *self._members()]
        self._problems.unknown(entry.key.span, "fact", entry.key.text, known)

    def _members(self) -> Iterable[str]:
        sets = (spec for spec in self._plan.profile_schema.columns if spec.type is FactType.SET)
        return (f"{spec.name}.{value}" for spec in sets for value in spec.values)

    def _read_attribute(self, name: FactName, entry: Entry) -> None:
        position = self._plan.profile_schema.position_by_name[name]
        spec = self._plan.profile_schema.columns[position]
        self._profile[position] = spec.missing if _says_missing(entry) else self._held(spec, entry)

    def _held(self, spec: FactSpec, entry: Entry) -> Held:
        return held_or_problem(spec, entry.value, self._problems)

    def _read_member(self, name: FactName, entry: Entry) -> None:
        position = self._plan.profile_schema.position_by_name[name]
        spec = self._plan.profile_schema.columns[position]
        member = entry.key.text.rpartition(".")[2]
        if member not in spec.values:
            self._unknown(entry)
            return
        truth = self._truth(entry)
        if truth is not None:
            before_this, bit = self._profile[position], 1 << spec.values.index(member)
            mask = before_this if isinstance(before_this, int) else 0
            self._profile[position] = mask | bit if truth else mask & ~bit

    def _truth(self, entry: Entry) -> bool | None:
        truth = entry.value.truth if isinstance(entry.value, Scalar) else None
        if truth is None:
            self._problems.error(entry.value.span, f"`{entry.key.text}` must be true or false")
        return truth

    def _read_consent(self, name: FactName, entry: Entry) -> None:
        purpose = name.partition(".")[2]
        if purpose == "profiling_objection":
            self._objection = None if _says_missing(entry) else self._truth(entry)
        elif purpose not in self._plan.catalogue.purposes:
            self._unknown(entry)
        elif _says_missing(entry):
            self._allowed.pop(purpose, None)
        else:
            self._allowed[purpose] = self._channels_allowed(entry)

    def _channels_allowed(self, entry: Entry) -> Mapping[str, bool]:
        """True or false for every channel, or a list of those that are allowed."""
        channels = [str(channel.id) for channel in self._plan.channels]
        if not isinstance(entry.value, SequenceNode):
            return dict.fromkeys(channels, bool(self._truth(entry)))
        named = [item for item in entry.value.items if isinstance(item, Scalar)]
        for item in named:
            if item.text not in channels:
                self._problems.unknown(item.span, "channel", item.text, channels)
        return {channel: channel in {item.text for item in named} for channel in channels}

    def _read_context(self, name: FactName, entry: Entry) -> None:
        spec = self._plan.catalogue.context.get(name)
        if spec is None:
            self._unknown(entry)
        elif _says_missing(entry):
            self._context.pop(name, None)
        elif not is_missing(held := self._held(spec, entry)):
            self._context[name] = held

    def _read_need(self, name: FactName, entry: Entry) -> None:
        """A lasting need that held some time ago, as in `needs.home_ownership: -20d`; others follow from facts."""
        need = next((each for each in self._plan.needs if each.name == name), None)
        if need is None:
            self._unknown(entry)
            return
        text = entry.value.text if isinstance(entry.value, Scalar) else ""
        ago = read_duration(text.removeprefix("-")) if text.startswith("-") else None
        if need.lasts is None or ago is None:
            hint = "write when it last held, such as -20d" if need.lasts is not None else "give what it follows from"
            self._problems.error(entry.value.span, f"`{name}` is inferred, so it cannot be set", hint)
            return
        self._needs[name] = int(before(self._now.astimezone(self._plan.zone), ago).timestamp())


def _says_missing(entry: Entry) -> bool:
    return isinstance(entry.value, Scalar) and not entry.value.quoted and entry.value.text == _MISSING
