"""Builds small banks, customers, questions and answers for tests; whatever a test leaves out has a plain default.

`a_bundle` joins rule files, `a_customer` is what was read of somebody, `a_question` what is asked.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from engine import Bundle, Decision, Plan, Request, RuleErrors, Snapshot, compile_bundle, decide
from engine.budgets import NO_LIMITS, Left
from engine.contacts import Contact, ContactState, DeclineReason, hash32, validity_code
from engine.decision import PlacementRequest
from engine.events import Event
from engine.facts import Consent, Held, Natural, hold
from engine.ids import ActionId, ChannelId, EventName, FactName, MomentId, PlacementId
from engine.ports import Outlook, Scorer, ScorerFailed, ScoringContext
from engine.quotes import Quoted
from engine.reasons import Reason

ZONE: Final = ZoneInfo("Europe/London")
NOW: Final = datetime(2026, 1, 5, 12, tzinfo=ZONE)
"""A Monday at noon."""
KEY: Final = b"exploration key of the tests"
FULLY_KEPT: Final = 0
"""Since when an event history is kept that is complete from the customer's first day on."""

BANK: Final = "bank: minster\nname: Minster Bank\ncurrency: GBP\ntime_zone: Europe/London\nlocale: en-GB\n"
CATALOGUE: Final = """\
attributes:
  age: {title: Age, type: integer, unit: years, range: 0..120}
  tenure: {title: Tenure, type: integer, unit: years}
  income: {title: Income, type: money, private: true}
  rent: {title: Rent, type: money}
  trend: {title: Trend, type: decimal, decimals: 4}
  work: {title: Work, type: category, values: [employed, student, retired]}
  verified: {title: Verified, type: boolean}
  nickname: {title: Nickname, type: text}
  renews_on: {title: Renews on, type: date}
  seen_at: {title: Last seen, type: instant}
  flagged: {title: Flagged, type: boolean}
  customer.since: {title: Customer since, type: date}
calculated:
  left_over: {title: Left over, type: money, difference: [income, rent]}
  outgoings: {title: Outgoings, type: money, sum: [rent, left_over]}
  rent_share: {title: Rent as a share of income, type: decimal, decimals: 4, ratio: [rent, income]}
  months_left: {title: Months left, type: integer, months_between: [today, renews_on]}
products:
  current_account: {title: Current account}
  isa: {title: ISA}
  loan: {title: Loan}
  cover: {title: Cover}
events:
  salary: {title: Salary, keep: 400d, fields: {amount: {type: money}, kind: {type: category, values: [base, bonus]}}}
  quote: {title: Quote, keep: 400d}
  policy: {title: Policy, keep: 400d}
  complaint: {title: Complaint}
context:
  cash: {title: Cash asked for, type: money}
groups: [staff]
segments: [mass, affluent]
purposes: [marketing]
positives: {atm: click, web: click, phone: accept, branch: accept}
"""
CHANNELS: Final = """\
channels:
  atm:
    cost: 0.40
    privacy: public
    most_characters: {headline: 40, body: 90}
    moments: {card_inserted: {initiated_by: customer}}
    placements:
      idle: {precedence: 1, valid_for: 10min, prefetch_valid_for: 24h, fallback: {id: atm_idle, headline: Hello}}
  web:
    cost: 0.01
    privacy: personal
    moments: {session_started: {initiated_by: customer}, page_viewed: {initiated_by: customer}}
    placements:
      hero: {precedence: 1, items: 1, valid_for: 30min, fallback: {id: web_hero, headline: Hello}}
      footer: {precedence: 2, items: 2, valid_for: 30min, fallback: {id: web_footer, headline: Hello}}
  branch:
    staff: true
    cost: 1.20
    moments: {at_counter: {initiated_by: customer}}
    placements:
      card: {precedence: 1, items: 3, valid_for: 30min, max_per_group: 1, fallback: {id: branch_card, inquire: Hello}}
  phone:
    staff: true
    cost: 0.30
    moments: {call_started: {initiated_by: customer}, outbound: {initiated_by: bank}}
    placements:
      card: {precedence: 1, items: 2, valid_for: 30min, fallback: {id: phone_card, inquire: Hello}}
"""
GUARDS: Final = """\
guards:
  - {guard: consent, title: No consent, stops: {tiers: [offer]}, when: {consent.marketing: not true}}
"""
ALL_PLACES: Final = ("atm.*", "web.*", "branch.*", "phone.*")


# --- rule files ------------------------------------------------------------------------------------------------------


def rule_files(*parts: Mapping[str, str]) -> dict[str, bytes]:
    """The files of Minster Bank with some added or replaced; without an action among them there is an `isa`."""
    files = {"bank.yaml": BANK, "catalogue.yaml": CATALOGUE, "channels.yaml": CHANNELS, "policy/guards.yaml": GUARDS}
    for part in parts:
        files.update(part)
    if not any(name.startswith("actions/") for name in files):
        files.update(an_action("isa"))
    return {name: text.encode() for name, text in files.items()}


def a_bundle(*parts: Mapping[str, str]) -> Bundle:
    """Rule files compiled; a bank that was compiled before is not compiled again."""
    return _compiled(tuple(sorted(rule_files(*parts).items())))


def a_plan(*parts: Mapping[str, str]) -> Plan:
    """The plan of `a_bundle`."""
    return a_bundle(*parts).plan


@lru_cache(maxsize=512)
def _compiled(files: tuple[tuple[str, bytes], ...]) -> Bundle:
    return compile_bundle(dict(files))


def problems_of(*parts: Mapping[str, str]) -> list[str]:
    """What the compiler says of rule files, warnings included, as people read it."""
    try:
        return [str(each) for each in compile_bundle(rule_files(*parts)).plan.warnings]
    except RuleErrors as error:
        return [str(each) for each in error.diagnostics]


def an_action(
    name: str, lines: str = "", *, group: str = "savings", places: Sequence[str] = ALL_PLACES, **keys: object
) -> dict[str, str]:
    """`actions/<name>.yaml`; `keys` become lines, `lines` follow as they are. It has a treatment for every place."""
    text = [f"action: {name}", "version: 1", f"group: {group}"]
    text += [f"{key}: {value}" for key, value in {"value": "100.00", **keys}.items()]
    text += [lines] if lines else []
    if "treatments:" not in lines:
        text += ["treatments:", *(f'  {place}: {{headline: "{name}"}}' for place in places)]
    return {f"actions/{name}.yaml": "\n".join([*text, ""])}


def a_trigger(name: str, lines: str, **keys: object) -> dict[str, str]:
    """`customized/<name>.yaml`."""
    text = [f"trigger: {name}", "version: 1", *(f"{key}: {value}" for key, value in keys.items()), lines, ""]
    return {f"customized/{name}.yaml": "\n".join(text)}


def a_theme(name: str, lines: str, **keys: object) -> dict[str, str]:
    """`thematic/<name>.yaml`."""
    text = [f"theme: {name}", "version: 1", *(f"{key}: {value}" for key, value in keys.items()), lines, ""]
    return {f"thematic/{name}.yaml": "\n".join(text)}


def the_guards(*lines: str, defaults: str = "{}") -> dict[str, str]:
    """`policy/guards.yaml` with the consent guard and others, one flow mapping a line."""
    text = [f"defaults: {defaults}", GUARDS.rstrip(), *(f"  - {line}" for line in lines), ""]
    return {"policy/guards.yaml": "\n".join(text)}


def the_contact_policy(text: str) -> dict[str, str]:
    """`policy/contact.yaml`."""
    return {"policy/contact.yaml": text}


def the_arbitration(text: str) -> dict[str, str]:
    """`policy/arbitration.yaml`."""
    return {"policy/arbitration.yaml": text}


# --- customers -------------------------------------------------------------------------------------------------------

CONSENTING: Final = Consent(
    version=1, allowed_by_purpose={"marketing": dict.fromkeys(("atm", "web", "branch", "phone"), True)}
)


def a_customer(
    plan: Plan,
    facts: Mapping[str, Natural] | None = None,
    *,
    events: Sequence[Event] = (),
    contacts: Sequence[Contact] = (),
    consent: Consent = CONSENTING,
    kept_since: int = FULLY_KEPT,
    needs: Mapping[str, datetime] | None = None,
    outcome_count: int = 0,
    quoted: Mapping[str, Quoted] | None = None,
    **more_facts: Natural,
) -> Snapshot:
    """What was read of a customer who consents and of whom all sets are loaded, with the facts given."""
    named: dict[str, Natural] = {"holds": [], "groups": [], "segments": [], **(facts or {}), **more_facts}
    return Snapshot(
        known=True,
        profile=plan.profile_schema.encode(named),
        events=folded(plan, events, kept_since),
        needs={FactName(name): int(at.timestamp()) for name, at in (needs or {}).items()},
        contacts=sorted(contacts),
        consent=consent,
        outcome_count=outcome_count,
        quoted={
            plan.actions[plan.position_by_action[ActionId(name)]].hash: each for name, each in (quoted or {}).items()
        },
    )


def folded(plan: Plan, events: Sequence[Event], kept_since: int = FULLY_KEPT) -> list[int]:
    """The event state after some events."""
    state = plan.event_layout.empty(kept_since)
    for event in events:
        state = plan.event_layout.fold(state, event)
    return state


def an_event(plan: Plan, name: str, ago: timedelta = timedelta(), *, now: datetime = NOW, **fields: Natural) -> Event:
    """Something that happened some time before `now`."""
    spec = plan.catalogue.events[EventName(name)]
    return Event(name=spec.name, at=int(now.timestamp() - ago.total_seconds()), fields=spec.hold(fields))


def a_contact(
    plan: Plan,
    action: str,
    ago: timedelta = timedelta(days=1),
    *,
    state: ContactState = ContactState.SHOWN,
    reason: DeclineReason = DeclineReason.NONE,
    channel: str = "web",
    session: str | None = None,
    minutes: int = 10,
    now: datetime = NOW,
) -> Contact:
    """An offer that reached the customer some time before `now`, in a session of its own unless one is named."""
    at = int(now.timestamp() - ago.total_seconds())
    return Contact(
        at=at,
        action_hash=plan.actions[plan.position_by_action[ActionId(action)]].hash,
        session_hash=hash32(session or f"{action} {at} {channel}"),
        channel=plan.channel_by_id[ChannelId(channel)].position,
        state=state,
        reason=reason,
        validity=validity_code(minutes),
    )


# --- questions and answers -------------------------------------------------------------------------------------------


def a_question(
    plan: Plan,
    place: str = "web.hero",
    *more_places: str,
    moment: str | None = None,
    count: int | None = None,
    customer: str = "C0000001",
    locale: str = "en-GB",
    context: Mapping[str, Natural] | None = None,
    session: str | None = None,
    only: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    prefetch: bool = False,
    retry: int = 0,
) -> Request:
    """A request for placements of one channel, named `channel.placement`, `count` items each."""
    channel = plan.channel_by_id[ChannelId(place.partition(".")[0])]
    placements = [channel.placements[PlacementId(each.partition(".")[2])] for each in (place, *more_places)]
    return Request(
        customer=customer,
        channel=channel,
        moment=None if moment is None else plan.moments.index(MomentId(moment)),
        bank_initiated=moment is not None and channel.initiated_by_bank[MomentId(moment)],
        placements=tuple(
            PlacementRequest(placement=each, count=each.items if count is None else count)
            for each in sorted(placements, key=lambda each: each.precedence)
        ),
        context=_context(plan, context or {}),
        locale=locale,
        session_id=session,
        only=None if only is None else _positions(plan, only),
        exclude=_positions(plan, exclude),
        prefetch=prefetch,
        retry=retry,
    )


def _context(plan: Plan, context: Mapping[str, Natural]) -> dict[FactName, Held]:
    named = {FactName(f"context.{name}"): value for name, value in context.items()}
    return {name: hold(plan.catalogue.context[name], value) for name, value in named.items()}


def _positions(plan: Plan, actions: Sequence[str]) -> frozenset[int]:
    return frozenset(plan.position_by_action[ActionId(each)] for each in actions)


class SteadyScorer:
    """Gives every action the propensity that it is told, 0.05 unless told otherwise."""

    def __init__(self, plan: Plan, propensities: Mapping[str, float] | None = None, *, positives: int = 0) -> None:
        told = propensities or {}
        self.version = "steady"
        self._propensities = [told.get(action.id, 0.05) for action in plan.actions]
        self._positives = [positives] * len(plan.actions)

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        return [self._propensities[action] for action in candidates]

    def positives(self, channel: int) -> Sequence[int]:
        return self._positives

    def outlook(self) -> Outlook:
        return Outlook([1.0] * len(self._positives))


class BrokenScorer(SteadyScorer):
    """Fails whenever it is asked."""

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        raise ScorerFailed


def decided(
    plan: Plan,
    question: Request | None = None,
    customer: Snapshot | None = None,
    *,
    now: datetime = NOW,
    scorer: Scorer | None = None,
    baseline: Scorer | None = None,
    key: bytes = KEY,
    budget_left: Left = NO_LIMITS,
) -> Decision:
    """The decision for a consenting customer on the web, unless told otherwise."""
    return decide(
        plan=plan,
        request=question or a_question(plan),
        snapshot=customer or a_customer(plan),
        scorer=scorer or SteadyScorer(plan),
        baseline=baseline or SteadyScorer(plan),
        now=now,
        exploration_key=key,
        budget_left=budget_left,
    )


def shown(plan: Plan, decision: Decision) -> dict[str, list[str]]:
    """The actions in each placement, in order."""
    return {
        str(each.placement.id): [str(plan.actions[option.candidate.action].id) for option in each.options]
        for each in decision.filled
    }


def offered(plan: Plan, decision: Decision) -> list[str]:
    """All actions shown, placement by placement."""
    return [action for actions in shown(plan, decision).values() for action in actions]


def reason_for(plan: Plan, decision: Decision, action: str) -> str:
    """The code of an action's end."""
    return Reason(decision.codes[plan.position_by_action[ActionId(action)]]).code


def reasons(plan: Plan, decision: Decision) -> dict[str, str]:
    """The code of every action's end."""
    return {str(action.id): Reason(decision.codes[action.position]).code for action in plan.actions}


def ranked(plan: Plan, decision: Decision) -> list[str]:
    """The ranking, best first."""
    return [str(plan.actions[each.action].id) for each in decision.ranking]
