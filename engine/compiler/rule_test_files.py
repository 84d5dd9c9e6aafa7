"""Reads the `tests:` blocks of rule files into questions with their expected answers (SEMANTICS, section 4).

A test is read against the finished plan, so a mistake in a test never keeps a bundle from serving; it is reported
where it stands.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Final

from engine.channels import Channel
from engine.compiler.bundle import Bundle
from engine.compiler.context import TestSource
from engine.compiler.form import Form
from engine.compiler.given import Given, read_given
from engine.compiler.grammar.rule_tests import OTHER_CODES
from engine.compiler.happened import read_contacts, read_events
from engine.compiler.parse import Entry, Node, Scalar
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import Sequence as SequenceNode
from engine.compiler.problem_list import Problems, suggestion
from engine.compiler.times import exists, read_day, read_instant
from engine.contacts import Contact
from engine.decision import PlacementRequest, Request, Snapshot
from engine.errors import Diagnostic, Span
from engine.ids import ActionId, ChannelId, MomentId, PlacementId, RuleId
from engine.plan import Plan, RuleHead
from engine.reasons import Reason

PERSONA: Final = "typical"
USUAL_PROPENSITY: Final = 0.05
_USUAL_DAY: Final = date(2026, 1, 5)
_NOON: Final = time(12)
_MOST_ALIKE: Final = 20
_CUSTOMER: Final = "rule test"
_SETTINGS: Final = ("persona", "against", "now", "propensity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a test expects of the answer; actions by position."""

    offered: tuple[int, ...]
    withheld: tuple[int, ...]
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTest:
    """A question with everything that the decision reads, and the expected answer."""

    request: Request
    snapshot: Snapshot
    now: datetime
    propensities: tuple[float, ...]
    """One per action of the plan."""
    expected: Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTest:
    """One test as it stands in a rule file; `test` is None where problems keep it from being run."""

    rule: RuleId
    name: str
    span: Span
    problems: tuple[Diagnostic, ...]
    test: RuleTest | None


def read_tests(bundle: Bundle, source: TestSource) -> Iterator[ReadTest]:
    """The tests of one rule file, in file order."""
    if not isinstance(source.node, SequenceNode):
        problem = Diagnostic(source.node.span, "`tests` must be a list such as `- name: ...`")
        yield ReadTest(rule=source.head.rule, name="", span=source.node.span, problems=(problem,), test=None)
        return
    node_by_name: dict[str, Node] = {}
    for node in source.node.items:
        node_by_name.setdefault(_name(node, Problems()), node)
    for node in source.node.items:
        problems = Problems()
        name = _name(node, problems)
        if name and node_by_name[name] is not node:
            problems.error(node.span, f"the test `{name}` stands here twice", "give it another name")
        if (endless := _likeness(name, node_by_name)) is not None:
            problems.add(endless)
            yield ReadTest(rule=source.head.rule, name=name, span=node.span, problems=problems.sorted(), test=None)
            continue
        test = _Reader(bundle, source, _draft(node, node_by_name, problems, (name,)), problems).test()
        found = problems.sorted()
        yield ReadTest(rule=source.head.rule, name=name, span=node.span, problems=found, test=None if found else test)


# --- one test after another: `like` ----------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class _Draft:
    """What a test says together with the tests that it is like."""

    span: Span
    given: list[Entry] = field(default_factory=list)
    """Later entries win over earlier ones."""
    ask: dict[str, Entry] = field(default_factory=dict)
    ask_span: Span | None = None
    events: list[Node] = field(default_factory=list)
    contacts: list[Node] = field(default_factory=list)
    settings: dict[str, Node] = field(default_factory=dict)
    expect: Node | None = None


def _name(node: Node, problems: Problems) -> str:
    form = Form(node, problems, "a test")
    name = form.text("name")
    if not name and isinstance(node, MappingNode):
        problems.error(node.span, "a test needs a `name`")
    return name


def _likeness(name: str, node_by_name: Mapping[str, Node]) -> Diagnostic | None:
    """What is wrong if following `like` from a test leads back to it, or through too many; None where it ends."""
    seen: dict[str, Span] = {}
    current = name
    while current in node_by_name and current not in seen:
        node = node_by_name[current]
        like = node.get("like") if isinstance(node, MappingNode) else None
        if not isinstance(like, Scalar):
            return None
        seen[current] = like.span
        current = like.text
        if len(seen) > _MOST_ALIKE:
            message = f"the test `{name}` is like more than {_MOST_ALIKE} others in a row"
            return Diagnostic(seen[name], message, "let it say what it gives and asks")
    if current != name or name not in seen:
        return None
    message = f"the test `{name}` is like itself, by way of others"
    return Diagnostic(seen[name], message, "let one of them say what it gives and asks")


def _draft(node: Node, others: Mapping[str, Node], problems: Problems, followed: tuple[str, ...]) -> _Draft:
    """`like` takes over `given` and `ask` key by key and all `events`; `expect` is always the test's own.

    `followed` are the names from the test itself to this one, none of which can be followed again.
    """
    form = Form(node, problems, "a test")
    like, draft = form.scalar("like"), _Draft(span=node.span)
    if like is not None and like.text in others and like.text not in followed:
        draft = _draft(others[like.text], others, Problems(), (*followed, like.text))
        draft.span = node.span
    elif like is not None:
        hint = (
            suggestion(like.text, [each for each in others if each not in followed])
            or "it must be another test of the same file"
        )
        problems.error(like.span, f"there is no test `{like.text}` to be like", hint)
    draft.given += _entries(form, "given")
    draft.ask.update((entry.key.text, entry) for entry in _entries(form, "ask"))
    draft.ask_span = form.span_of("ask") if form.has("ask") else draft.ask_span
    draft.events += form.items("events")
    draft.contacts += form.items("contacts")
    draft.settings.update((key, setting) for key in _SETTINGS if (setting := form.node_at(key)) is not None)
    draft.expect = form.node_at("expect")
    form.text("name")
    form.finish()
    return draft


def _near(name: str, others: Mapping[str, Node], followed: tuple[str, ...]) -> str:
    """The nearest name, looked for where the test itself says it; what others say is told with them."""
    return suggestion(name, [each for each in others if each not in followed]) if len(followed) == 1 else ""


def _entries(form: Form, key: str) -> list[Entry]:
    return [Entry(name, node) for name, node in form.entries(key)]


# --- the question and the answer -------------------------------------------------------------------------------------


class _Reader:
    """Resolves a draft against the plan."""

    def __init__(self, bundle: Bundle, source: TestSource, draft: _Draft, problems: Problems) -> None:
        self._plan = bundle.plan
        self._personas = bundle.personas
        self._source = source
        self._draft = draft
        self._problems = problems
        settings = tuple(Entry(Scalar(key, False, node.span), node) for key, node in draft.settings.items())
        self._settings = Form(MappingNode(settings, draft.span), problems, "a test")

    def test(self) -> RuleTest | None:
        """The test, None where its channel is not known."""
        plan, problems = self._plan, self._problems
        now = self._now()
        given = read_given(plan, [*self._persona(), *self._draft.given], now, problems)
        ask = Form(
            MappingNode(tuple(self._draft.ask.values()), self._draft.ask_span or self._draft.span), problems, "`ask`"
        )
        channel = self._channel(ask)
        if channel is None:
            return None
        only = self._candidates()
        request = self._request(ask, channel, given, only)
        snapshot = Snapshot(
            known=True,
            profile=given.profile,
            events=read_events(plan, self._draft.events, now, problems),
            needs=given.needs,
            contacts=self._contacts(channel, now),
            consent=given.consent,
        )
        return RuleTest(
            request=request,
            snapshot=snapshot,
            now=now,
            propensities=self._propensities(),
            expected=self._expected(request.only),
        )

    def _persona(self) -> Sequence[Entry]:
        name = self._settings.scalar("persona")
        persona = self._personas.get(PERSONA if name is None else name.text)
        if persona is None and name is not None:
            self._problems.unknown(name.span, "persona", name.text, self._personas)
        return persona.entries if isinstance(persona, MappingNode) else ()

    def _now(self) -> datetime:
        """`now`, or noon on the rule's first day, or noon on the usual day if the rule counts then."""
        zone = self._plan.zone
        node = self._settings.scalar("now")
        if node is None:
            return datetime.combine(_usual_day(self._source.head), _NOON, zone)
        day, written = read_day(node.text), read_instant(node.text)
        if day is not None:
            return datetime.combine(day, _NOON, zone)
        if written is None:
            wrong = "must be such as 2026-01-31 or 2026-01-31T18:30"
            if not exists(node.text):
                wrong = "is a date that does not exist"
            self._problems.error(node.span, f"`now` {wrong}")
            return datetime.combine(_USUAL_DAY, _NOON, zone)
        return written if written.tzinfo is not None else written.replace(tzinfo=zone)

    def _channel(self, ask: Form) -> Channel | None:
        name = ask.scalar("channel", required=True)
        if name is None:
            return None
        channel = self._plan.channel_by_id.get(ChannelId(name.text))
        if channel is None:
            self._problems.unknown(name.span, "channel", name.text, [str(each) for each in self._plan.channel_by_id])
        return channel

    def _request(self, ask: Form, channel: Channel, given: Given, only: frozenset[int] | None) -> Request:
        moment = self._moment(ask, channel)
        placements = self._placements(ask, channel)
        request = Request(
            customer=_CUSTOMER,
            channel=channel,
            moment=None if moment is None else self._plan.moments.index(moment),
            bank_initiated=moment is not None and channel.initiated_by_bank[moment],
            placements=tuple(sorted(placements, key=lambda each: each.placement.precedence)),
            context=given.context,
            locale=ask.text("locale", self._plan.locale),
            only=only,
        )
        ask.finish()
        return request

    def _moment(self, ask: Form, channel: Channel) -> MomentId | None:
        node = ask.scalar("moment")
        if node is None:
            return None
        found = next((moment for moment in channel.initiated_by_bank if moment == node.text), None)
        if found is None:
            self._problems.unknown(node.span, f"moment of `{channel.id}`", node.text, list(channel.initiated_by_bank))
        return found

    def _placements(self, ask: Form, channel: Channel) -> list[PlacementRequest]:
        words = (*ask.words("placement"), *ask.words("placements"))
        for word in words:
            if word.text not in channel.placements:
                self._problems.unknown(word.span, f"placement of `{channel.id}`", word.text, list(channel.placements))
        names = [PlacementId(word.text) for word in words] or list(channel.placements)
        asked = [channel.placements[name] for name in dict.fromkeys(names) if name in channel.placements]
        return [PlacementRequest(placement=placement, count=placement.items) for placement in asked]

    def _contacts(self, channel: Channel, now: datetime) -> tuple[Contact, ...]:
        return read_contacts(self._plan, self._draft.contacts, channel, now, self._problems)

    def _candidates(self) -> frozenset[int] | None:
        return None if self._settings.choice("against") == "all" else self._source.actions

    def _propensities(self) -> tuple[float, ...]:
        found = [USUAL_PROPENSITY] * len(self._plan.actions)
        node = self._settings.node_at("propensity")
        if isinstance(node, MappingNode):
            for entry in node.entries:
                position = self._plan.position_by_action.get(ActionId(entry.key.text))
                if position is None:
                    self._unknown_action(entry.key)
                else:
                    found[position] = self._propensity(entry.value)
        elif node is not None:
            found = [self._propensity(node)] * len(found)
        return tuple(found)

    def _propensity(self, node: Node) -> float:
        number = node.number if isinstance(node, Scalar) else None
        if number is None or not 0 <= number <= 1:
            self._problems.error(node.span, "`propensity` must be a number in 0..1, or such numbers by action")
            return USUAL_PROPENSITY
        return float(number)

    # --- expect ------------------------------------------------------------------------------------------------------

    def _expected(self, only: frozenset[int] | None) -> Expected:
        if self._draft.expect is None:
            self._problems.error(self._draft.span, "a test needs `expect`", "such as `expect: {offer: home_insurance}`")
            return Expected(offered=(), withheld=(), because=())
        form = Form(self._draft.expect, self._problems, "`expect`")
        expected = Expected(
            offered=self._actions(form, "offer", only),
            withheld=self._actions(form, "not_offer", only),
            because=self._reasons(form),
        )
        if isinstance(self._draft.expect, MappingNode) and not (form.has("offer") or form.has("not_offer")):
            self._problems.error(form.span, "`expect` needs `offer` or `not_offer`")
        form.finish()
        return expected

    def _actions(self, form: Form, key: str, only: frozenset[int] | None) -> tuple[int, ...]:
        found = []
        for word in form.words(key):
            position = self._plan.position_by_action.get(ActionId(word.text))
            if position is None:
                self._unknown_action(word)
            elif only is not None and position not in only:
                hint = "only actions that the file names are candidates; write `against: all` to have every action"
                self._problems.error(word.span, f"`{word.text}` is no candidate in this file's tests", hint)
            else:
                found.append(position)
        return tuple(found)

    def _unknown_action(self, word: Scalar) -> None:
        self._problems.unknown(word.span, "action", word.text, [str(each) for each in self._plan.position_by_action])

    def _reasons(self, form: Form) -> tuple[str, ...]:
        known = _reason_words(self._plan)
        for word in form.words("because"):
            if word.text not in known:
                self._problems.unknown(word.span, "stage, rule, fact or event", word.text, sorted(known))
        return tuple(word.text for word in form.words("because"))


def _usual_day(head: RuleHead) -> date:
    validity = head.validity
    if validity.first_day > 0:
        return date.fromordinal(validity.first_day)
    return date.fromordinal(min(_USUAL_DAY.toordinal(), validity.last_day))


def _reason_words(plan: Plan) -> frozenset[str]:
    """Everything that `because` may name: stages, rules with and without their kind, caps, facts and events."""
    members = (
        f"{spec.name}.{value}" for spec in plan.profile_schema.columns if not spec.decimals for value in spec.values
    )
    heads = [each.head.rule for rules in (plan.guards, plan.triggers, plan.themes, plan.levers) for each in rules]
    return frozenset(
        {
            *(reason.code for reason in Reason if reason is not Reason.OPEN),
            *OTHER_CODES,
            *map(str, heads),
            *(rule.partition("/")[2] for rule in heads),
            *(cap.id for cap in plan.contact.caps),
            *map(str, plan.fact_specs),
            *members,
            *map(str, plan.catalogue.events),
        }
    )
