"""What touchpoints send and what they may rely on in an answer; pure, so that every promise has a test."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET

PRIVATE_FIELDS: Final = ("theme", "propensity", "value", "context_weight", "lever", "priority", "reasons")
"""What only staff may see of an option."""


class BrokenPromise(Exception):
    """An answer that a touchpoint cannot work with; says which promise it breaks, without naming a customer."""


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One offer of an answer."""

    rank: int
    action: str
    treatment_id: str
    treatment: dict[str, Any]
    valid_until: datetime
    tracking_token: str
    theme: Any = UNSET
    propensity: Any = UNSET
    value: Any = UNSET
    context_weight: Any = UNSET
    lever: Any = UNSET
    priority: Any = UNSET
    reasons: Any = UNSET


class Fallback(msgspec.Struct, frozen=True):
    """A placement's own content."""

    treatment_id: str
    treatment: dict[str, Any]


class Proposition(msgspec.Struct, frozen=True):
    """What one placement shows."""

    placement: str
    options: tuple[Option, ...]
    fallback: Fallback | None


class Timings(msgspec.Struct, frozen=True):
    """Where the server says its time went, in microseconds."""

    gather: int
    decide: int
    score: int
    commit: int

    @property
    def total_ms(self) -> float:
        """From gathering to committing; scoring is a part of deciding."""
        return (self.gather + self.decide + self.commit) / 1000


class Answer(msgspec.Struct, frozen=True):
    """The answer to a question."""

    decision_id: str
    propositions: tuple[Proposition, ...]
    degraded: tuple[str, ...]
    timings_us: Timings

    @property
    def options(self) -> tuple[Option, ...]:
        """Every offer, whichever placement shows it."""
        return tuple(option for proposition in self.propositions for option in proposition.options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A decision request as a touchpoint makes it."""

    channel: str
    moment: str
    items_by_placement: Mapping[str, int]
    scheme: str
    value: str
    session_id: str
    request_id: str
    budget_ms: int
    staff: bool = False
    context: Mapping[str, object] = field(default_factory=dict)

    def body(self) -> dict[str, object]:
        """The request's JSON."""
        return {
            "identity": {"scheme": self.scheme, "value": self.value},
            "channel": self.channel,
            "moment": self.moment,
            "placements": [{"id": name, "item_count": count} for name, count in self.items_by_placement.items()],
            "context": dict(self.context),
            "session_id": self.session_id,
            "request_id": self.request_id,
            "budget_ms": self.budget_ms,
        }

    def explanation_body(self) -> dict[str, object]:
        """The same question for `/v1/explanations`, which has no effect and so no request id."""
        return {name: value for name, value in self.body().items() if name != "request_id"}


_DECODER: Final = msgspec.json.Decoder(Answer)


def read_answer(question: Question, content: bytes) -> Answer:
    """Read an answer and hold it to what every touchpoint relies on.

    Raises:
        BrokenPromise: it is not of the contract's shape, or shows what it must not.
    """
    try:
        answer = _DECODER.decode(content)
    except msgspec.DecodeError as error:
        raise BrokenPromise(f"not the shape of the contract: {error}") from error
    shown = [proposition.placement for proposition in answer.propositions]
    if sorted(shown) != sorted(question.items_by_placement):
        raise BrokenPromise("other placements than were asked for")
    for proposition in answer.propositions:
        _check_proposition(question, proposition)
    actions = [option.action for option in answer.options]
    if len(set(actions)) != len(actions):
        raise BrokenPromise("one action on two placements")
    return answer


def _check_proposition(question: Question, proposition: Proposition) -> None:
    options = proposition.options
    if (proposition.fallback is None) != bool(options):
        raise BrokenPromise("a fallback stands exactly where there is no option")
    if len(options) > question.items_by_placement[proposition.placement]:
        raise BrokenPromise("more options than were asked for")
    if [option.rank for option in options] != list(range(1, len(options) + 1)):
        raise BrokenPromise("ranks do not count from 1")
    for option in options:
        if not option.treatment or not option.tracking_token:
            raise BrokenPromise("an option without content or tracking token")
        if not question.staff and any(getattr(option, name) is not UNSET for name in PRIVATE_FIELDS):
            raise BrokenPromise("a private field on a public screen")


def check_declined(answer: Answer, declined: frozenset[str]) -> None:
    """See that nothing comes back that this customer declined a moment ago.

    Raises:
        BrokenPromise: something does.
    """
    back = sorted({option.action for option in answer.options} & declined)
    if back:
        raise BrokenPromise(f"{', '.join(back)} came back right after it was declined")


def check_repeated(first: Answer, again: Answer) -> None:
    """See that a repeated request id gave the same answer; a degraded one is allowed to be another.

    Raises:
        BrokenPromise: it gave another decision.
    """
    if not first.degraded and not again.degraded and first.decision_id != again.decision_id:
        raise BrokenPromise("a repeated request id gave another decision")


_TAKEN: Final = frozenset({"recorded", "duplicate", "late_impression", "accepted"})


class Receipt(msgspec.Struct, frozen=True):
    """How one outcome or event was taken."""

    status: str


class Receipts(msgspec.Struct, frozen=True):
    """How a batch was taken, part by part."""

    results: tuple[Receipt, ...]


def check_taken(content: bytes, *, parts: int | None) -> None:
    """See that what was acknowledged was also taken; `parts` of a batch, None for a single outcome or event.

    Raises:
        BrokenPromise: something was refused, put aside or left out.
    """
    try:
        if parts is None:
            receipts: tuple[Receipt, ...] = (msgspec.json.decode(content, type=Receipt),)
        else:
            receipts = msgspec.json.decode(content, type=Receipts).results
    except msgspec.DecodeError as error:
        raise BrokenPromise(f"not the shape of a receipt: {error}") from error
    if len(receipts) != (parts or 1):
        raise BrokenPromise("a batch was answered with another number of receipts")
    refused = sorted({receipt.status for receipt in receipts} - _TAKEN)
    if refused:
        raise BrokenPromise(f"acknowledged, but {refused[0]}")


class _ProblemBody(msgspec.Struct, frozen=True):
    type: str = ""
    detail: str = ""


def read_problem(status: int, content: bytes) -> str:
    """What an error says of itself, in a few words."""
    try:
        problem = msgspec.json.decode(content, type=_ProblemBody)
    except msgspec.DecodeError:
        return f"status {status}"
    return f"status {status} {problem.type.rpartition(':')[2]} {problem.detail}".rstrip()


def outcome_body(outcome_id: str, option: Option, outcome: str, *, reason: str | None = None) -> dict[str, object]:
    """What a customer did with an offer, just now."""
    body: dict[str, object] = {
        "outcome_id": outcome_id,
        "tracking_token": option.tracking_token,
        "outcome": outcome,
        "occurred_at": _now(),
    }
    return body if reason is None else {**body, "reason": reason}


def event_body(event_id: str, *, source: str, kind: str, subject: str) -> dict[str, object]:
    """Something that happened to a customer, just now, as a CloudEvent."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": kind,
        "subject": subject,
        "time": _now(),
        "data": {},
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
