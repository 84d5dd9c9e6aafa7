"""What goes into one decision and what comes out of it, as values that nobody changes once they are made.

Constructors are written out, because what `dataclass` makes of them is not compiled, and every decision calls them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.actions import Treatment
from engine.budgets import BudgetDraw
from engine.channels import Channel, Placement
from engine.contacts import Contact
from engine.facts import EMPTY_CONSENT, Consent, Held
from engine.generated import Row
from engine.ids import FactName
from engine.quotes import Quoted

WHOLE: Final = 2**32
"""What the integer weights of a draw sum to."""
_NO_NEEDS: Final[Mapping[FactName, int]] = {}
_NOTHING_QUOTED: Final[Mapping[int, Quoted]] = {}


@dataclass(slots=True, init=False)
class PlacementRequest:
    """A placement to fill, with at most `count` offers."""

    placement: Placement
    count: int

    def __init__(
        self,
        *,
        placement: Placement,
        count: int,
    ) -> None:
        self.placement = placement
        self.count = count


@dataclass(slots=True, init=False)
class Request:
    """One question, with every name resolved against the plan."""

    customer: str
    """The customer's id, or `scheme:value` of somebody not known; keys the exploration draw."""
    channel: Channel
    moment: int | None
    """Position in `plan.moments`."""
    bank_initiated: bool
    placements: tuple[PlacementRequest, ...]
    """In the precedence of the channel."""
    context: Mapping[FactName, Held]
    locale: str
    session_id: str | None
    only: frozenset[int] | None
    """Positions of the actions that may be chosen; None: all."""
    exclude: frozenset[int]
    prefetch: bool
    retry: int
    """How often this decision was sent back by the commit."""

    def __init__(
        self,
        *,
        customer: str,
        channel: Channel,
        moment: int | None,
        bank_initiated: bool,
        placements: tuple[PlacementRequest, ...],
        context: Mapping[FactName, Held],
        locale: str,
        session_id: str | None = None,
        only: frozenset[int] | None = None,
        exclude: frozenset[int] = frozenset(),
        prefetch: bool = False,
        retry: int = 0,
    ) -> None:
        self.customer = customer
        self.channel = channel
        self.moment = moment
        self.bank_initiated = bank_initiated
        self.placements = placements
        self.context = context
        self.locale = locale
        self.session_id = session_id
        self.only = only
        self.exclude = exclude
        self.prefetch = prefetch
        self.retry = retry


@dataclass(slots=True, init=False)
class Snapshot:
    """What was read of a customer. `profile` and `events` are None where the store holds none."""

    known: bool
    """Whether there is a customer record at all."""
    profile: Sequence[Held] | None
    """One held value per column of the plan's profile schema."""
    events: Sequence[int] | None
    """An event state of the plan's event layout."""
    needs: Mapping[FactName, int]
    """When each lasting need last held, in seconds since the epoch."""
    contacts: Sequence[Contact]
    consent: Consent
    outcome_count: int
    quoted: Mapping[int, Quoted]
    """The terms quoted that may still hold, by the hash of their action."""

    def __init__(
        self,
        *,
        known: bool,
        profile: Sequence[Held] | None = None,
        events: Sequence[int] | None = None,
        needs: Mapping[FactName, int] = _NO_NEEDS,
        contacts: Sequence[Contact] = (),
        consent: Consent = EMPTY_CONSENT,
        outcome_count: int = 0,
        quoted: Mapping[int, Quoted] = _NOTHING_QUOTED,
    ) -> None:
        self.known = known
        self.profile = profile
        self.events = events
        self.needs = needs
        self.contacts = contacts
        self.consent = consent
        self.outcome_count = outcome_count
        self.quoted = quoted


NOBODY = Snapshot(known=False)


@dataclass(slots=True, init=False)
class Candidate:
    """An action that passed every stage, with the factors of its priority; each is set by the stage that finds it."""

    action: int
    tier: int
    weight: float
    """Context weight, 0.2 to 5."""
    theme: int | None
    value: float
    """In minor units, per conversion."""
    lever: float
    propensity: float
    priority: float

    def __init__(self, action: int, tier: int, weight: float, theme: int | None) -> None:
        self.action = action
        self.tier = tier
        self.weight = weight
        self.theme = theme


@dataclass(slots=True, init=False)
class Draw:
    """How one slot was explored: who could win, with which integer weights (summing to 2 ** 32), and the draw."""

    actions: tuple[int, ...]
    weights: tuple[int, ...]
    drawn: int

    def __init__(
        self,
        *,
        actions: tuple[int, ...],
        weights: tuple[int, ...],
        drawn: int,
    ) -> None:
        self.actions = actions
        self.weights = weights
        self.drawn = drawn


@dataclass(slots=True, init=False)
class Option:
    """One offer in one slot."""

    rank: int
    candidate: Candidate
    treatment: Treatment
    valid_until: int
    """Seconds since the epoch; a touchpoint must not show it later."""
    draw: Draw | None

    def __init__(
        self,
        *,
        rank: int,
        candidate: Candidate,
        treatment: Treatment,
        valid_until: int,
        draw: Draw | None,
    ) -> None:
        self.rank = rank
        self.candidate = candidate
        self.treatment = treatment
        self.valid_until = valid_until
        self.draw = draw

    @property
    def chance(self) -> float:
        """The probability with which it was selected for its slot, given the slots before; 1 without a draw."""
        draw = self.draw
        return 1.0 if draw is None else draw.weights[draw.actions.index(self.candidate.action)] / WHOLE


@dataclass(slots=True, init=False)
class Filled:
    """A placement with what it shows; without options its fallback shows."""

    placement: Placement
    options: tuple[Option, ...]

    def __init__(
        self,
        *,
        placement: Placement,
        options: tuple[Option, ...],
    ) -> None:
        self.placement = placement
        self.options = options


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """Why contact policy keeps an action back."""

    rule: str
    """The cap's id, or what the customer answered."""
    until: int | None
    """When it may come back, where that is known."""
    unknown: bool = False
    """Whether it is kept back because nobody could be asked."""


@dataclass(slots=True, init=False)
class Decision:
    """Everything that one decision found, never changed after. `codes` has a `Reason` for every action of the plan."""

    filled: tuple[Filled, ...]
    codes: bytearray
    scored: tuple[Candidate, ...]
    """Every candidate that got a propensity, ascending by action."""
    ranking: tuple[Candidate, ...]
    """Those that are worth the contact, best first."""
    row: Row
    guards: tuple[int, ...]
    """Positions of the guards that stopped something."""
    suppressions: tuple[int, ...]
    promotions: tuple[int, ...]
    themes: tuple[int, ...]
    steps: Mapping[int, int | None]
    """For each active theme the current step of its journey; None where every step is done or skipped."""
    blocked: Mapping[int, Blocked]
    session_hash: int
    new_contacts: tuple[Contact, ...]
    """To be appended to the contact history when this decision is committed."""
    degraded: tuple[str, ...]
    profiling: bool
    """False where the customer objected: themes, triggers and model were off."""
    arms: Mapping[int, str]
    """By position of each experiment that runs here and now the customer's arm."""
    ghosts: tuple[Filled, ...]
    """What would have been shown if nothing had been held out, where that concerns something ranked; else nothing."""
    draws: tuple[BudgetDraw, ...]
    """What these options take of budgets."""
    quotes: Mapping[int, Quoted]
    """By position of the chosen actions whose terms are held, what is quoted and until when."""

    def __init__(
        self,
        *,
        filled: tuple[Filled, ...],
        codes: bytearray,
        scored: tuple[Candidate, ...],
        ranking: tuple[Candidate, ...],
        row: Row,
        guards: tuple[int, ...],
        suppressions: tuple[int, ...],
        promotions: tuple[int, ...],
        themes: tuple[int, ...],
        steps: Mapping[int, int | None],
        blocked: Mapping[int, Blocked],
        session_hash: int,
        new_contacts: tuple[Contact, ...],
        degraded: tuple[str, ...],
        profiling: bool,
        arms: Mapping[int, str],
        ghosts: tuple[Filled, ...] = (),
        draws: tuple[BudgetDraw, ...] = (),
        quotes: Mapping[int, Quoted] = _NOTHING_QUOTED,
    ) -> None:
        self.filled = filled
        self.codes = codes
        self.scored = scored
        self.ranking = ranking
        self.row = row
        self.guards = guards
        self.suppressions = suppressions
        self.promotions = promotions
        self.themes = themes
        self.steps = steps
        self.blocked = blocked
        self.session_hash = session_hash
        self.new_contacts = new_contacts
        self.degraded = degraded
        self.profiling = profiling
        self.arms = arms
        self.ghosts = ghosts
        self.draws = draws
        self.quotes = quotes
