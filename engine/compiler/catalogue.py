"""Reads `bank.yaml`, `catalogue.yaml` and `channels.yaml`: the names, types and places that rules may use."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.compiler.cell_hints import hint_for
from engine.compiler.form import Form, check_name
from engine.compiler.grammar.bank import KEYS_OF_EVENTS, OF_FACTS, OPERATIONS, POSITIVES
from engine.compiler.grammar.words import FACT
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import Node, Scalar, read_number
from engine.compiler.parse import Sequence as SequenceNode
from engine.compiler.problem_list import Problems
from engine.compiler.running_facts import read_running
from engine.compiler.times import read_duration
from engine.contacts import MAX_VALID_MINUTES
from engine.errors import Code, FactError
from engine.events import EventSpec
from engine.facts import GROUPS, HOLDS, NUMERIC, SEGMENTS, FactSpec, FactType, ProfileSchema, hold
from engine.ids import ChannelId, EventName, FactName, MomentId, PlacementId
from engine.need_events import NEED_EVENTS
from engine.plan import Calculated, Catalogue, Channel, Placement

_FACT_NAME: Final = re.compile(FACT)
_RESERVED: Final = ("holds", "groups", "segments", "needs", "consent", "context", "request", "now", "placement")
_MINOR_DIGITS: Final[Mapping[str, int]] = {"JPY": 0, "KRW": 0, "ISK": 0, "KWD": 3, "BHD": 3}
_MAX_SET: Final = 52
"""Members of a set: its mask must stay exact as a float."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """Who the bank is."""

    id: str
    name: str
    currency: str
    minor_digits: int
    zone: ZoneInfo
    locale: str


def read_bank(form: Form) -> Bank:
    """`bank.yaml`."""
    currency = form.text("currency", "GBP", required=True)
    if not re.fullmatch(r"[A-Z]{3}", currency):
        form.problems.error(form.span_of("currency"), "`currency` must be a three-letter code such as GBP")
    bank = Bank(
        id=form.name("bank"),
        name=form.text("name", required=True),
        currency=currency,
        minor_digits=_MINOR_DIGITS.get(currency, 2),
        zone=_zone(form),
        locale=form.text("locale", "en-GB"),
    )
    form.finish()
    return bank


def _zone(form: Form) -> ZoneInfo:
    name = form.text("time_zone", "UTC", required=True)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        form.problems.error(form.span_of("time_zone"), f"unknown time zone `{name}`", "such as `Europe/London`")
        return ZoneInfo("UTC")


# --- facts -----------------------------------------------------------------------------------------------------------


class CatalogueReader:
    """Reads the catalogue; amounts of money are scaled by the bank's currency."""

    def __init__(self, form: Form, bank: Bank) -> None:
        self._form = form
        self._bank = bank
        self._problems = form.problems

    def read(self) -> tuple[Catalogue, ProfileSchema]:
        """The catalogue, and the layout of stored profiles that follows from it."""
        attributes = self._specs("attributes", "an attribute")
        events = self._events()
        calculated = self._calculated(attributes, events)
        products, titles = self._products()
        groups, segments = self._names("groups"), self._names("segments")
        catalogue = Catalogue(
            facts={**attributes, **{name: spec for name, (spec, _) in calculated.items()}},
            calculated={name: computed for name, (_, computed) in calculated.items()},
            context={
                FactName(f"context.{k}"): self._in_context(v) for k, v in self._specs("context", "a fact").items()
            },
            events=events,
            products=products,
            groups=groups,
            segments=segments,
            purposes=self._names("purposes"),
            positives=self._positives(),
            titles=titles,
        )
        self._form.finish()
        sets = ((HOLDS, products), (GROUPS, groups), (SEGMENTS, segments))
        columns = (
            *attributes.values(),
            *(FactSpec(name=name, type=FactType.SET, values=values) for name, values in sets),
        )
        return catalogue, ProfileSchema(columns)

    def _positives(self) -> dict[str, str]:
        found = {}
        for channel, outcome in self._form.entries("positives"):
            if isinstance(outcome, Scalar) and outcome.text in POSITIVES:
                found[channel.text] = outcome.text
            else:
                self._problems.error(outcome.span, f"a positive answer must be one of {', '.join(POSITIVES)}")
        return found

    @staticmethod
    def _in_context(spec: FactSpec) -> FactSpec:
        return replace(spec, name=FactName(f"context.{spec.name}"))

    def _names(self, key: str) -> tuple[str, ...]:
        words = self._form.words(key)
        for word in words:
            check_name(word, f"one of the {key}", self._problems)
        names = self._once(words, key)
        if len(names) > _MAX_SET:
            self._problems.error(self._form.span_of(key), f"`{key}` has more than {_MAX_SET} values")
        return names

    def _once(self, words: Sequence[Scalar], what: str) -> tuple[str, ...]:
        """The words, of which none may stand there twice."""
        names: dict[str, None] = {}
        for word in words:
            if word.text in names:
                self._problems.error(word.span, f"`{word.text}` stands in {what} twice", "remove one")
            names[word.text] = None
        return tuple(names)

    def _specs(self, key: str, what: str) -> dict[FactName, FactSpec]:
        specs = {}
        for name, node in self._form.entries(key):
            self._check_name(name, what)
            spec = self._spec(FactName(name.text), Form(node, self._problems, f"{what} of the catalogue"))
            if spec is not None:
                specs[spec.name] = spec
        return specs

    def _check_name(self, name: Scalar, what: str) -> None:
        if not _FACT_NAME.fullmatch(name.text) or name.text.split(".")[0] in _RESERVED:
            self._problems.error(name.span, f"`{name.text}` cannot name {what}", "lower-case words joined by dots")

    def _spec(self, name: FactName, form: Form) -> FactSpec | None:
        kind = FactType(form.choice("type"))
        if not form.has("type"):
            self._problems.error(form.span, f"`{name}` needs a `type`")
        decimals = {FactType.MONEY: self._bank.minor_digits, FactType.DECIMAL: form.integer("decimals") or 0}
        spec = FactSpec(
            name=name,
            type=kind,
            title=form.text("title", name),
            decimals=decimals.get(kind, 0),
            values=self._once(form.words("values"), "`values`"),
            unit=form.text("unit"),
            private=form.truth("private"),
            model=form.truth("model"),
            protected=form.choice("protected") == "audit_only",
        )
        for described in ("source", "retention", "justified", "personal"):
            form.text(described)
        if kind in (FactType.CATEGORY, FactType.SET) and not 0 < len(spec.values) <= _MAX_SET:
            self._problems.error(form.span, f"`{name}` needs `values`, at most {_MAX_SET}")
        spec = self._with_range(spec, form)
        default = form.scalar("default")
        if default is not None:
            spec = replace(spec, default=self.held(spec, default))
        form.finish()
        return spec

    def _with_range(self, spec: FactSpec, form: Form) -> FactSpec:
        node = form.scalar("range")
        if node is None:
            return spec
        low, high = (read_number(part.strip()) for part in (node.text + "..").split("..")[:2])
        if spec.type not in NUMERIC or low is None or high is None or low > high:
            self._problems.error(node.span, "`range` must be such as `0..120`, for a number")
            return spec
        return replace(spec, low=int(low.scaleb(spec.decimals)), high=int(high.scaleb(spec.decimals)))

    def held(self, spec: FactSpec, node: Scalar) -> int | bool | str | None:
        """A literal in held form; None and an error where it does not fit."""
        if spec.type is FactType.BOOLEAN and node.truth is None:
            self._problems.error(node.span, f"`{spec.name}` must be true or false", hint_for(spec.type, node.text))
            return None
        value = (
            node.truth
            if spec.type is FactType.BOOLEAN
            else node.text.replace("_", "")
            if spec.type in NUMERIC
            else node.text
        )
        try:
            return cast(int | bool | str | None, hold(spec, value))
        except FactError as error:
            self._problems.error(node.span, str(error))
            return None

    def _calculated(
        self, attributes: Mapping[FactName, FactSpec], events: Mapping[EventName, EventSpec]
    ) -> dict[FactName, tuple[FactSpec, Calculated]]:
        found: dict[FactName, tuple[FactSpec, Calculated]] = {}
        known = dict(attributes)
        for name, node in self._form.entries("calculated"):
            form = Form(node, self._problems, "a calculated fact")
            operation = next((each for each in OPERATIONS if form.has(each)), None)
            if operation is None:
                self._problems.error(form.span, f"`{name.text}` needs one of {', '.join(OPERATIONS)}")
                continue
            if operation in OF_FACTS:
                made = self._of_facts(form, FactName(name.text), operation, known)
            else:
                made = self._of_events(form, FactName(name.text), operation, events)
            self._check_name(name, "a calculated fact")
            if name.text in attributes:
                self._problems.error(name.span, f"`{name.text}` is an attribute already")
            if made is not None:
                found[FactName(name.text)] = made
                known[FactName(name.text)] = made[0]
        return found

    def _of_facts(
        self, form: Form, name: FactName, operation: str, known: Mapping[FactName, FactSpec]
    ) -> tuple[FactSpec, Calculated] | None:
        operands = self._operands(form, operation, known)
        spec = self._spec(name, form)
        if spec is None or operands is None:
            return None
        # What is made of something private tells something private.
        spec = replace(spec, private=spec.private or any(known[each].private for each in operands if each in known))
        self._check_result(form, operation, spec, known.get(operands[0], spec))
        return spec, Calculated(operation=operation, operands=operands)

    def _of_events(
        self, form: Form, name: FactName, operation: str, events: Mapping[EventName, EventSpec]
    ) -> tuple[FactSpec, Calculated] | None:
        for key in KEYS_OF_EVENTS[operation]:
            form.node_at(key)
        spec = self._spec(name, form)
        if spec is None:
            return None
        made = read_running(form, operation, spec, events, self._bank.zone)
        if made is None or made.running is None:
            return None
        # What is told of private events, or their private fields, tells something private.
        event = events[made.running.event]
        field = None if made.running.field is None else event.fields[made.running.field]
        return replace(spec, private=spec.private or event.private or (field is not None and field.private)), made

    def _check_result(self, form: Form, operation: str, spec: FactSpec, operand: FactSpec) -> None:
        """What is calculated is held like its operands, months as a whole number, a ratio as a decimal."""
        kind = {"ratio": FactType.DECIMAL, "months_between": FactType.INTEGER}.get(operation, operand.type)
        if spec.type is not kind:
            self._problems.error(form.span_of("type"), f"the {operation} `{spec.name}` must have the type {kind}")
        elif operation != "ratio" and spec.decimals != operand.decimals:
            message = f"the {operation} `{spec.name}` must have {operand.decimals} decimals, as `{operand.name}` has"
            self._problems.error(form.span, message)

    def _operands(self, form: Form, operation: str, known: Mapping[FactName, FactSpec]) -> tuple[FactName, ...] | None:
        words = form.words(operation)
        names = [word for word in words if not (operation == "months_between" and word.text == "today")]
        for word in names:
            if FactName(word.text) not in known:
                self._problems.unknown(word.span, "fact", word.text, known)
                return None
        if not words or (operation != "sum" and len(words) != 2):
            self._problems.error(
                form.span_of(operation), f"`{operation}` needs {'some' if operation == 'sum' else 'two'} facts"
            )
            return None
        kinds = {(known[FactName(word.text)].type, known[FactName(word.text)].decimals) for word in names}
        dates = operation == "months_between"
        if len(kinds) > 1 or any(
            (kind is FactType.DATE) != dates or (kind not in NUMERIC and not dates) for kind, _ in kinds
        ):
            need = "dates" if dates else "numbers of one type"
            self._problems.error(form.span_of(operation), f"`{operation}` needs {need}")
            return None
        return tuple(FactName(word.text) for word in words)

    def _products(self) -> tuple[tuple[str, ...], dict[str, str]]:
        titles = {}
        for name, node in self._form.entries("products"):
            form = Form(node, self._problems, "a product")
            check_name(name, "a product", self._problems)
            titles[name.text] = form.text("title", name.text)
            form.text("group")
            form.finish()
        if len(titles) > _MAX_SET:
            self._problems.error(self._form.span_of("products"), f"there are more than {_MAX_SET} products")
        return tuple(titles), titles

    def _field(self, key: Scalar, node: Node) -> FactSpec | None:
        """A field of an event; one that lists most products has to list all, or events of the others are refused."""
        form = Form(node, self._problems, "a field")
        spec = self._spec(FactName(key.text), form)
        products = [name.text for name, _ in self._form.entries("products")]
        missing = [each for each in products if spec is not None and each not in spec.values]
        if missing and len(missing) * 2 < len(products):
            names = ", ".join(f"`{each}`" for each in missing[:5])
            message = f"`{key.text}` lists most products, and not {names}"
            hint = "add it, or events of that product are refused"
            self._problems.warning(form.key_span("values"), message, hint, code=Code.INCOMPLETE_VALUES)
        return spec

    def _events(self) -> dict[EventName, EventSpec]:
        events = {}
        for name, node in self._form.entries("events"):
            form = Form(node, self._problems, "an event of the catalogue")
            check_name(name, "an event", self._problems)
            if name.text in NEED_EVENTS:
                self._problems.error(name.span, f"`{name.text}` is what nextbest itself reports of needs", "rename it")
            keep = form.duration("keep")
            fields = [self._field(key, value) for key, value in form.entries("fields")]
            events[EventName(name.text)] = EventSpec(
                name=EventName(name.text),
                title=form.text("title", name.text),
                source=form.text("source"),
                fields=tuple(field for field in fields if field is not None),
                keep_days=keep.longest_days if keep is not None else None,
                private=form.truth("private"),
            )
            form.finish()
        return events


# --- channels --------------------------------------------------------------------------------------------------------


def read_channels(form: Form, bank: Bank, groups: Callable[[], frozenset[str]]) -> tuple[Channel, ...]:
    """`channels.yaml`. `groups` names the groups that actions belong to, for `accepts`."""
    channels = tuple(
        _channel(ChannelId(key.text), position, Form(node, form.problems, "a channel"), bank, groups)
        for position, (key, node) in enumerate(form.entries("channels"))
    )
    for key, _ in form.entries("channels"):
        check_name(key, "a channel", form.problems)
    if not channels and not isinstance(form.node_at("channels"), Scalar | SequenceNode):
        form.problems.error(form.span, "there are no channels")
    form.finish()
    return channels


def _channel(name: ChannelId, position: int, form: Form, bank: Bank, groups: Callable[[], frozenset[str]]) -> Channel:
    cost = form.number("cost") or Decimal(0)
    staff = form.truth("staff")
    for inside in ("moments", "placements"):
        for word, _ in form.entries(inside):
            check_name(word, f"a {inside.removesuffix('s')}", form.problems)
    channel = Channel(
        id=name,
        position=position,
        staff=staff,
        privacy=form.choice("privacy", default="staff" if staff else "public"),
        cost_minor=int(cost.scaleb(bank.minor_digits)),
        budget_ms=form.integer("budget_ms") or 50,
        initiated_by_bank={MomentId(key.text): _by_bank(node, form.problems) for key, node in form.entries("moments")},
        max_per_group=form.integer("max_per_group"),
        placements={
            PlacementId(key.text): _placement(PlacementId(key.text), Form(node, form.problems, "a placement"), groups)
            for key, node in form.entries("placements")
        },
    )
    form.finish()
    _check_precedences(channel, form)
    return channel


def _check_precedences(channel: Channel, form: Form) -> None:
    """Which placement fills first decides who gets the best offer, so no two may have one precedence."""
    first_by_precedence: dict[int, PlacementId] = {}
    for placement in channel.placements.values():
        first = first_by_precedence.setdefault(placement.precedence, placement.id)
        if first != placement.id:
            message = f"`{first}` and `{placement.id}` of `{channel.id}` have the same precedence"
            form.problems.error(form.key_span("placements"), message, "give each placement a `precedence` of its own")


def _by_bank(node: Node, problems: Problems) -> bool:
    form = Form(node, problems, "a moment")
    by_bank = form.choice("initiated_by") == "bank"
    form.finish()
    return by_bank


def _placement(name: PlacementId, form: Form, groups: Callable[[], frozenset[str]]) -> Placement:
    accepts = form.form("accepts", "accepts")
    fallback = plain(form.node_at("fallback"))
    if not isinstance(fallback, dict) or not fallback.get("id"):
        form.problems.error(form.span_of("fallback"), f"the placement `{name}` needs a `fallback` with an `id`")
        fallback = {"id": f"{name}_default"}
    placement = Placement(
        id=name,
        precedence=form.integer("precedence") or 1,
        items=form.integer("items") or 1,
        accepts=frozenset(accepts.known_words("groups", "group", groups())) if form.has("accepts") else None,
        max_per_group=form.integer("max_per_group"),
        valid_minutes=_minutes(form, "valid_for", 10),
        prefetch_valid_minutes=_minutes(form, "prefetch_valid_for", 60),
        fallback=fallback,
    )
    accepts.finish()
    form.finish()
    return placement


def _minutes(form: Form, key: str, default: int) -> int:
    duration = form.duration(key)
    if duration is None:
        return default
    minutes = {"min": 1, "h": 60, "d": 1440, "mo": 0, "y": 0}[duration.unit] * duration.amount
    if not 0 < minutes <= MAX_VALID_MINUTES:
        form.problems.error(form.span_of(key), f"`{key}` must lie in 1min..{MAX_VALID_MINUTES // 60}h")
        return default
    return minutes


def plain(node: Node | None) -> object:
    """Free content as plain Python values; everything single is text."""
    match node:
        case None:
            return None
        case Scalar(text=text):
            return text
        case SequenceNode(items=items):
            return [plain(item) for item in items]
        case MappingNode(entries=entries):
            return {entry.key.text: plain(entry.value) for entry in entries}


def seconds(form: Form, key: str, node: Scalar) -> int:
    """A duration in seconds, months and years as 31 and 366 days; 0 and an error where it is none."""
    duration = read_duration(node.text)
    if duration is None:
        form.problems.error(node.span, f"`{key}` must be a duration such as `30d`")
        return 0
    if duration.unit == "min":
        return 60 * duration.amount
    return 3600 * duration.amount if duration.unit == "h" else 86_400 * duration.longest_days
