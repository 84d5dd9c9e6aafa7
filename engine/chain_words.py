"""A chain of needs in words, for staff: what was inferred, from what, and where the rule stands."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from engine.chains import Link
from engine.generated import Row
from engine.ids import EventName, FactName
from engine.plan import Plan
from engine.teller import facts_of


def tell_chain(plan: Plan, row: Row, links: Sequence[Link]) -> str | None:
    """One sentence a need, from what the rule asks for down to plain facts; None without any.

    An inferred need is private: it is for staff to read, and not to be said aloud.
    """
    return " ".join(_told(plan, row, link) for link in links) or None


def found_behind(plan: Plan, row: Row, link: Link) -> dict[str, str]:
    """What was found in the cells behind a need, by fact or event, as people read it."""
    return {name: value for cause in link.causes for name, value in facts_of(plan, row, cause).items()}


def day_of(plan: Plan, instant_s: int) -> str:
    """The day of an instant in the bank's zone."""
    day = datetime.fromtimestamp(instant_s, UTC).astimezone(plan.zone).date()
    return f"{day.day} {day:%B %Y}"


def _told(plan: Plan, row: Row, link: Link) -> str:
    need = need_words(link.need)
    if link.last_held_at is not None:
        return f"“{need}” lasts: it held last on {day_of(plan, link.last_held_at)} ({link.place})."
    found = "; ".join(_facts(plan, row, link))
    verdict = "is inferred from" if link.holds else "is not inferred:"
    return f"“{need}” {verdict} {found or 'nothing that can be named'} ({link.place})."


def _facts(plan: Plan, row: Row, link: Link) -> Iterator[str]:
    for name, value in found_behind(plan, row, link).items():
        yield f"{_title(plan, name)}: {value}"


def need_words(need: FactName) -> str:
    """A need as people read it: `needs.home_ownership` is `Home ownership`."""
    words = need.removeprefix("needs.").replace("_", " ")
    return words[:1].upper() + words[1:]


def _title(plan: Plan, name: str) -> str:
    if name.startswith("needs."):
        return need_words(FactName(name)).lower()
    fact, event = plan.fact_specs.get(FactName(name)), plan.catalogue.events.get(EventName(name))
    title = (fact.title if fact is not None else event.title if event is not None else "") or name
    return f"“{title}”"
