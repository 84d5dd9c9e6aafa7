"""Whether the customers whom a challenger takes answer more often: counted by customer, judged once, at the horizon."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec

from api import decision_record
from api.entries import OutcomeEntry
from engine.plan import Plan
from models.challenge import Challenge
from models.lift import Comparison, Counted, Verdict, compare
from models.promotion import Evidence

KIND: Final = "traffic"
_RISING: Final = ("click", "accept", "convert")
_decode_outcome: Final = msgspec.msgpack.Decoder(OutcomeEntry).decode


@dataclass(slots=True)
class Traffic:
    """Who was asked on each side of a challenge, and who answered, while entries of the decision stream come in.

    Customers count on the side that their hash gives them, whatever scored for them: a server that could not load the
    challenger makes both sides more alike, and never chooses who is compared.
    """

    challenge: Challenge
    plan: Plan
    unreadable: int = 0
    _asked: dict[str, bool] = field(default_factory=dict)
    _answered: set[str] = field(default_factory=set)

    def see(self, kind: str, body: bytes) -> None:
        """Take one entry of a decision stream."""
        try:
            if kind == "r":
                record = decision_record.decode(body)
                if record.known and self._runs_at(record.decided_at_us / 1_000_000):
                    self._asked[record.record] = self.challenge.takes(record.record)
            elif kind == "o":
                outcome = _decode_outcome(body)
                if self._runs_at(outcome.occurred_ms / 1_000) and outcome.outcome in self._positive(outcome.channel):
                    self._answered.add(outcome.record)
        except (ValueError, msgspec.DecodeError):
            self.unreadable += 1

    def _runs_at(self, at_s: float) -> bool:
        return self.challenge.since.timestamp() <= at_s < self.challenge.until.timestamp()

    def _positive(self, channel: int) -> tuple[str, ...]:
        """The outcomes that count on a channel."""
        named = self.plan.channels[channel].id if 0 <= channel < len(self.plan.channels) else ""
        return _RISING[_RISING.index(self.plan.catalogue.positives.get(named, "accept")) :]

    def report(self, now: datetime) -> "TrafficReport":
        """What was counted, and once the horizon is reached what it says."""
        counted = [self._counted(taken=taken) for taken in (True, False)]
        over = now >= self.challenge.until
        return TrafficReport(
            version=self.challenge.version,
            until=self.challenge.until,
            challenger=counted[0],
            current=counted[1],
            comparison=compare(counted[0], counted[1]) if over else None,
            unreadable=self.unreadable,
        )

    def _counted(self, *, taken: bool) -> Counted:
        customers = {record for record, side in self._asked.items() if side is taken}
        return Counted(customers=len(customers), converted=len(customers & self._answered))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficReport:
    """Customers with a positive answer on each side."""

    version: str
    until: datetime
    challenger: Counted
    current: Counted
    comparison: Comparison | None
    """None before the horizon: looking again and again until something shows would find what is not there."""
    unreadable: int

    def evidence(self, now: datetime) -> Evidence:
        """What promotion has to know of it."""
        found = self.comparison
        against = []
        if found is None:
            against.append(f"its share of the customers is compared on {self.until:%Y-%m-%d}, and not before")
        elif found.verdict is Verdict.LOWER:
            against.append(
                f"{self.challenger.rate:.2%} of its customers gave a positive answer, {self.current.rate:.2%} of the "
                f"current model's (difference {found.low:+.2%} to {found.high:+.2%})"
            )
        return Evidence(
            kind=KIND,
            at=now.astimezone(UTC).isoformat(timespec="seconds"),
            objections=tuple(against),
            figures={
                "challenger_customers": self.challenger.customers,
                "current_customers": self.current.customers,
                "verdict": None if found is None else str(found.verdict),
            },
        )
