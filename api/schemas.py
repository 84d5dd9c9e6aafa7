"""The wire's shapes for decisions and explanations, as msgspec structs; their OpenAPI is generated from them.

Every other route takes and gives the pydantic models of `forms.py`.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

NAME_PATTERN: Final = "^[a-z][a-z0-9_]*$"
Name = Annotated[str, Meta(max_length=64)]
"""An id from the rule files; whether it exists is checked against the bundle."""
Opaque = Annotated[str, Meta(min_length=1, max_length=128)]
"""An id that the caller made."""


class IdentityBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way in which a touchpoint names the customer."""

    scheme: Annotated[str, Meta(pattern=NAME_PATTERN, max_length=32, examples=["card_token"])]
    value: Annotated[str, Meta(min_length=1, max_length=256)]


class PlacementBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place to fill, and with how many options; without a number, the placement's own."""

    id: Name
    item_count: Annotated[int, Meta(ge=1, le=20)] | None = None


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Actions by group or by id."""

    groups: Annotated[tuple[Name, ...], Meta(max_length=64)] = ()
    actions: Annotated[tuple[Name, ...], Meta(max_length=256)] = ()


class DecisionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The question: what is the best for this customer, here and now?"""

    identity: IdentityBody | Annotated[tuple[IdentityBody, ...], Meta(min_length=1, max_length=8)]
    """One identity, or several, strongest scheme first."""
    channel: Name
    placements: Annotated[tuple[PlacementBody, ...], Meta(min_length=1, max_length=16)]
    moment: Name | None = None
    context: Annotated[
        dict[str, Any],
        Meta(description="Facts of this request by their catalogued name: booleans, numbers, texts, lists of texts."),
    ] = {}
    request_id: Opaque | None = None
    """Scoped to one customer: the same id gives the same answer again for 10 minutes."""
    session_id: Opaque | None = None
    """What is shown twice in one session is one contact."""
    budget_ms: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    """Time for the answer; never more than the channel's own."""
    only: Choice | None = None
    """Nothing but these."""
    exclude: Choice | None = None
    """None of these."""
    prefetch: bool = False
    """Reserves at once and is valid for the placement's longer time."""
    detail: Literal["all"] | None = None
    """On staff channels: every other action with the stage and the rule that dropped it."""

    @property
    def identities(self) -> tuple[IdentityBody, ...]:
        """Strongest first."""
        return self.identity if isinstance(self.identity, tuple) else (self.identity,)


class ExplanationRequest(DecisionRequest, frozen=True, forbid_unknown_fields=True):
    """The same question, to be explained; without placements, for all of the channel's."""

    placements: Annotated[tuple[PlacementBody, ...], Meta(max_length=16)] = ()


class PastDecision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decision that was made, to be replayed."""

    decision_id: Opaque


Truth = Literal["true", "false", "unknown"]


class LinkBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """A need on which a rule rests, or for want of which it does not hold."""

    need: str
    holds: bool
    place: str
    """`file:line:column` of the block that revealed it, or of the cell that keeps it away."""
    facts: dict[str, str] = {}
    """What that block saw, as people read it."""
    last_held_at: str | None = None
    """When its block held last, where it only lasts."""


class ReasonBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that speaks for an option, or what dropped an action."""

    code: str
    rule: str | None = None
    title: str | None = None
    place: str | None = None
    """`file:line:column` of the rule."""
    detail: str | None = None
    """What decided, in words; quotes facts, so it is for staff."""
    cell: str | None = None
    """The cell or history condition that decided, as the rule says it."""
    truth: Truth | None = None
    """What that was."""
    facts: dict[str, str] = {}
    """The facts and events behind it, as people read them."""
    until: str | None = None
    """When it ends, where that is known."""
    chain: tuple[LinkBody, ...] = ()
    """From the rule down to plain facts: the needs between them."""


class OptionBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """One proposition; the fields from `theme` on are given to staff only."""

    rank: int
    action: str
    treatment_id: str
    treatment: dict[str, Any]
    leads_to: dict[str, str] | None
    valid_until: str
    tracking_token: str
    terms: dict[str, float] | None = None
    theme: str | None = None
    propensity: float | None = None
    maturity: float | None = None
    """How far the action's own evidence counts in its propensity, from 0 (its group's alone) to 1."""
    value: float | None = None
    context_weight: float | None = None
    lever: float | None = None
    priority: float | None = None
    selection_probability: float | None = None
    """With which it was selected for its place, given the places before; 1 where nothing was left to chance."""
    reasons: tuple[ReasonBody, ...] = ()
    say: str | None = None
    """A sentence that staff may say to the customer."""


class FallbackBody(msgspec.Struct, frozen=True):
    """The placement's own content."""

    treatment_id: str
    treatment: dict[str, Any]


class PropositionBody(msgspec.Struct, frozen=True):
    """What a placement shows: options, or the fallback exactly when there is none."""

    placement: str
    options: tuple[OptionBody, ...]
    fallback: FallbackBody | None


class RejectionBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """An action that is not shown, and why not; for staff that asks for all detail."""

    action: str
    stage: str
    reasons: tuple[ReasonBody, ...] = ()
    title: str | None = None
    say: str | None = None
    """A sentence that staff may say to the customer: nothing that compliance guards, nothing inferred."""
    ranked: int | None = None
    """Its place in the ranking, from 1, where it came so far."""
    propensity: float | None = None
    maturity: float | None = None
    value: float | None = None
    context_weight: float | None = None
    lever: float | None = None
    priority: float | None = None


class TimingsBody(msgspec.Struct, frozen=True):
    """Where the time went, in microseconds."""

    gather: int
    decide: int
    score: int
    commit: int


Degraded = Literal[
    "identity", "identity_ambiguous", "record", "consent", "contacts", "budget", "score", "commit", "late", "overload"
]


class DecisionResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer; `degraded` names what was missing when it was made."""

    decision_id: str
    decided_at: str
    propositions: tuple[PropositionBody, ...]
    ruleset: str
    model: str
    degraded: tuple[Degraded, ...]
    timings_us: TimingsBody
    customer_known: bool = True
    """For staff: false where the identity leads to no customer, so that the decision saw an empty record."""
    rejected: tuple[RejectionBody, ...] | None = None
    arms: dict[str, str] | None = None
    """For staff: the experiments that run here and now, and the customer's arm in each."""
