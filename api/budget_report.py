"""How budgets stand: what offers spent of them, what they hold, what processes hold on lease, and what is left."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Final

from api.ports import BudgetStore
from engine.contact_rules import Budget, BudgetCount
from engine.plan import Plan

WITHIN_S: Final = 10.0
_HEADINGS: Final = ("budget", "counts", "total", "spent", "open", "leased", "left", "today")


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLine:
    """One budget, in offers or in minor units of money. INVARIANT: total = spent + open + leased + left."""

    budget: Budget
    spent: int
    """By offers that came to something."""
    open: int
    """Held by offers that may still come to something."""
    leased: int
    """Held by processes for their next offers, or in doubt until it is counted."""
    today: int
    """Taken today, in the bank's zone."""
    by_channel: dict[str, int]
    """Taken on channels that have a total of their own."""

    @property
    def left(self) -> int | None:
        """What nobody has taken of the total; None where there is no total."""
        if self.budget.total is None:
            return None
        return self.budget.total - self.spent - self.open - self.leased


async def look(plan: Plan, store: BudgetStore, now: datetime) -> Sequence[BudgetLine]:
    """Every budget of a plan.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    held = {each.budget: each for each in await store.held(deadline=monotonic() + WITHIN_S)}
    today = now.astimezone(plan.zone).date().toordinal()
    lines = []
    for budget in plan.contact.budgets:
        standing = await store.standing(budget.key, deadline=monotonic() + WITHIN_S)
        units = held.get(budget.key)
        spent, still_open = standing.spent + (units.spent if units else 0), units.open if units else 0
        lines.append(
            BudgetLine(
                budget=budget,
                spent=spent,
                open=still_open,
                leased=max(0, standing.taken - spent - still_open),
                today=standing.today if standing.day == today else 0,
                by_channel=standing.by_channel,
            )
        )
    return lines


def as_data(plan: Plan, lines: Sequence[BudgetLine]) -> list[dict[str, object]]:
    """The lines as JSON would have them; money in major units."""
    channels = {channel.position: str(channel.id) for channel in plan.channels}
    found: list[dict[str, object]] = []
    for line in lines:
        budget = line.budget
        by_channel = {
            channels[at]: {"total": _amount(plan, budget, total), "taken": _taken(plan, line, channels[at])}
            for at, total in budget.total_by_channel.items()
        }
        found.append(
            {
                "budget": budget.id,
                "title": budget.title,
                "count": str(budget.count),
                "total": _amount(plan, budget, budget.total),
                "spent": _amount(plan, budget, line.spent),
                "open": _amount(plan, budget, line.open),
                "leased": _amount(plan, budget, line.leased),
                "left": _amount(plan, budget, line.left),
                "today": _amount(plan, budget, line.today),
                "per_day": _amount(plan, budget, budget.per_day),
                "per_channel": by_channel,
            }
        )
    return found


def as_lines(plan: Plan, lines: Sequence[BudgetLine]) -> Iterator[str]:
    """The lines as a table for a person."""
    rows = [list(_HEADINGS), *(_row(plan, each) for each in as_data(plan, lines))]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEADINGS))]
    for row in rows:
        cells = [cell.ljust(width) if at < 2 else cell.rjust(width) for at, (cell, width) in _numbered(row, widths)]
        yield "  ".join(cells).rstrip()
    for line in as_data(plan, lines):
        channels = line["per_channel"]
        assert isinstance(channels, dict)
        for channel, told in channels.items():
            yield f"{line['budget']} on {channel}: {_figure(told['taken'])} of {_figure(told['total'])} taken"


def _numbered(row: Sequence[str], widths: Sequence[int]) -> Iterator[tuple[int, tuple[str, int]]]:
    return enumerate(zip(row, widths, strict=True))


def _row(plan: Plan, line: dict[str, object]) -> list[str]:
    counts = f"{line['count']} in {plan.currency}" if line["count"] == BudgetCount.SPEND else str(line["count"])
    today = _figure(line["today"]) + (f" of {_figure(line['per_day'])}" if line["per_day"] is not None else "")
    figures = [_figure(line[name]) for name in ("total", "spent", "open", "leased", "left")]
    return [str(line["budget"]), counts, *figures, today]


def _taken(plan: Plan, line: BudgetLine, channel: str) -> float | int | None:
    return _amount(plan, line.budget, line.by_channel.get(channel, 0))


def _amount(plan: Plan, budget: Budget, amount: int | None) -> float | int | None:
    if amount is None or budget.count is not BudgetCount.SPEND:
        return amount
    return float(amount / 10**plan.minor_digits)


def _figure(amount: object) -> str:
    if amount is None:
        return "-"
    return f"{amount:,.2f}" if isinstance(amount, float) else f"{amount:,}"
