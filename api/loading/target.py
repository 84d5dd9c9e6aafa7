"""What a load has to fit: the columns, events and channels of the rule bundle that will read the records."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from engine.contact_rules import ContactRules
from engine.contacts import ContactState
from engine.events import EventLayout, EventSpec
from engine.explain import names_in
from engine.facts import ProfileSchema, WhenMerged
from engine.ids import EventName
from engine.plan import Plan
from engine.syntax import atoms

OBJECTION: Final = "consent.profiling_objection"
"""The fact that a customer has objected to profiling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The parts of a plan that records are made for."""

    schema: ProfileSchema
    layout: EventLayout
    events: Mapping[EventName, EventSpec]
    channels: tuple[str, ...]
    """By their position in contacts."""
    purposes: tuple[str, ...]
    positives: Mapping[str, str]
    """For each channel the outcome that counts as a positive answer."""
    zone: ZoneInfo
    contact: ContactRules
    position_by_hash: Mapping[int, int]
    """Actions by the hash that contacts carry."""
    objection_guarded: bool
    """Whether a guard turns themes and triggers off for whoever may have objected to profiling."""

    tells_origin: bool
    """Whether merging asks where a profile comes from, or of which day it is."""
    wakes: bool
    """Whether time alone changes what is known of a customer."""

    @classmethod
    def of(cls, plan: Plan) -> "Target":
        """What a plan asks of records."""
        return cls(
            schema=plan.profile_schema,
            layout=plan.event_layout,
            events=plan.catalogue.events,
            channels=tuple(channel.id for channel in sorted(plan.channels, key=lambda channel: channel.position)),
            purposes=plan.catalogue.purposes,
            positives=plan.catalogue.positives,
            zone=plan.clock.zone,
            tells_origin=bool(plan.catalogue.merge_order)
            or any(spec.when_merged is WhenMerged.FRESHEST for spec in plan.profile_schema.columns),
            wakes=plan.lapses.any,
            contact=plan.contact,
            position_by_hash=plan.position_by_hash,
            objection_guarded=any(
                OBJECTION in names_in(atom)
                for guard in plan.guards
                if guard.no_profiling
                for atom in atoms(guard.condition)
            ),
        )

    def counts_for_s(self, action_hash: int, state: int, reason: int) -> int:
        """How many seconds a contact matters: the longest window, or as long as its answer rests the action."""
        position = self.position_by_hash.get(action_hash)
        rest = 0
        if position is not None and state == ContactState.DECLINED:
            rest = self.contact.cooling_off[position].after_decline[reason]
        elif position is not None and state >= ContactState.ACCEPTED:
            rest = self.contact.cooling_off[position].after_accept
        return max(self.contact.horizon_s, rest)
