"""A day of a customer's life, as events that the bank's systems would send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.events import EventSpec
from engine.ids import EventName
from engine.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that happens, at an hour of the story."""

    event: str
    hour: str
    data: Mapping[str, object]
    title: str = ""
    source: str = ""


DAY: Final = (
    Step(event="salary_paid", hour="08:00", data={"amount": 2_850}),
    Step(event="mortgage_application", hour="12:30", data={"amount": 240_000}),
    Step(event="travel_purchase", hour="17:45", data={"amount": 640}),
    Step(event="foreign_atm_withdrawal", hour="21:10", data={}),
)


def day_for(plan: Plan) -> Sequence[Step]:
    """The steps that the bank's catalogue knows, as it calls them and with the fields that it has."""
    return tuple(_known(step, spec) for step in DAY if (spec := plan.catalogue.events.get(EventName(step.event))))


def _known(step: Step, spec: EventSpec) -> Step:
    fields = {str(field.name) for field in spec.fields}
    return Step(
        event=step.event,
        hour=step.hour,
        data={name: value for name, value in step.data.items() if name in fields},
        title=spec.title or step.event,
        source=spec.source or "core_banking",
    )
