"""Gives every fact, event instant and point in time that the rules read its slot in the row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from engine.events import EventLayout
from engine.facts import FactSpec, FactType, ProfileSchema
from engine.generated import RowLayout
from engine.ids import FactName
from engine.syntax import Duration, FactRef

CLOCK_FACTS = (FactName("now.hour"), FactName("now.weekday"), FactName("now.day_of_month"))
CHANNEL = FactName("request.channel")
MOMENT = FactName("request.moment")


@dataclass(slots=True, kw_only=True)
class SlotTable:
    """Where everything stands; windows and days are added while code is generated, before the layout is fixed."""

    profile: ProfileSchema
    event_layout: EventLayout
    consent: tuple[FactSpec, ...]
    context: tuple[FactSpec, ...]
    calculated: tuple[FactName, ...]
    needs: tuple[FactName, ...]
    guarded: tuple[FactName, ...]
    windows: list[tuple[int, Duration]] = field(default_factory=list)
    days: list[tuple[int, Duration]] = field(default_factory=list)
    slot_by_fact: dict[FactName, int] = field(default_factory=dict)
    complement_by_fact: dict[FactName, int] = field(default_factory=dict)
    guarded_slot_by_fact: dict[FactName, int] = field(default_factory=dict)
    last_held_slot_by_need: dict[FactName, int] = field(default_factory=dict)
    event_offset: int = 0
    consent_offset: int = 0
    context_offset: int = 0
    request_offset: int = 0
    derived_offset: int = 0
    width: int = 0

    def fix(self, windows: Iterable[tuple[int, Duration]], days: Iterable[tuple[int, Duration]]) -> None:
        """Assign every slot; called once, when all windows and day bounds are known."""
        self.windows = list(dict.fromkeys(windows))
        self.days = list(dict.fromkeys(days))
        at = self._place([spec.name for spec in self.profile.columns], 0)
        self.event_offset = at
        self.consent_offset = at + self.event_layout.width
        self.context_offset = self._place([spec.name for spec in self.consent], self.consent_offset)
        self.request_offset = self._place([spec.name for spec in self.context], self.context_offset)
        at = self._place([CHANNEL, MOMENT, *CLOCK_FACTS], self.request_offset)
        self.derived_offset = at + 2 + len(self.windows) + len(self.days)
        self._place_derived()

    def _place_derived(self) -> None:
        at = self.derived_offset
        for spec in self.profile.columns:
            if spec.type is FactType.SET:
                self.complement_by_fact[spec.name] = at
                at += 1
        for name in self.guarded:
            self.guarded_slot_by_fact[name] = at
            at += 1
        for name in self.needs:
            self.last_held_slot_by_need[name] = at
            at += 1
        at = self._place(self.calculated, at)
        self.width = self._place(self.needs, at)

    def _place(self, names: Iterable[FactName], at: int) -> int:
        for name in names:
            self.slot_by_fact[name] = at
            at += 1
        return at

    @property
    def now_slot(self) -> int:
        """Now, in whole seconds since the epoch."""
        return self.request_offset + 2 + len(CLOCK_FACTS)

    @property
    def today_slot(self) -> int:
        """Today's day ordinal in the bank's zone."""
        return self.now_slot + 1

    def window_slot(self, window: Duration, sign: int = -1) -> int:
        """The instant at which a window of this length began, or (+1) ends."""
        return self.today_slot + 1 + self.windows.index((sign, window))

    def day_slot(self, sign: int, distance: Duration) -> int:
        """The day that lies a distance before (-1) or after (+1) today."""
        return self.today_slot + 1 + len(self.windows) + self.days.index((sign, distance))

    def event_slot(self, filter_text: str, depth: int) -> int:
        """The instant of a filter's depth-th latest match, counting from 1."""
        return self.event_offset + self.event_layout.offsets[self._filter(filter_text)] + depth - 1

    def own_kept_since_slot(self, filter_text: str) -> int:
        """Since when a filter is kept, where that is later than the rest; else 0."""
        return self.event_offset + self.event_layout.own_offset + self._filter(filter_text)

    def _filter(self, text: str) -> int:
        return next(at for at, kept in enumerate(self.event_layout.filters) if kept.text == text)

    @property
    def kept_since_slot(self) -> int:
        """Since when the history is complete; 0 where it is complete from the customer's first day."""
        return self.event_offset

    def layout(self) -> RowLayout:
        """The layout for those who fill in rows."""
        return RowLayout(
            slot_by_fact=self.slot_by_fact,
            event_offset=self.event_offset,
            consent_offset=self.consent_offset,
            context_offset=self.context_offset,
            request_offset=self.request_offset,
            now_slot=self.now_slot,
            today_slot=self.today_slot,
            derived_offset=self.derived_offset,
            last_held_slot_by_need=self.last_held_slot_by_need,
            width=self.width,
        )

    def slot_of(self, fact: FactRef, *, guarded: bool = False) -> int:
        """The slot of a plain fact, or of a set's mask; guards read their own copy."""
        name = fact.spec.name if fact.member is not None else fact.name
        if guarded and name in self.guarded_slot_by_fact:
            return self.guarded_slot_by_fact[name]
        return self.slot_by_fact[name]


def member_facts(sets: Mapping[FactName, FactSpec]) -> Mapping[str, FactRef]:
    """Every set member as a fact of its own, such as `holds.isa`."""
    return {
        f"{name}.{value}": FactRef(FactName(f"{name}.{value}"), spec, bit)
        for name, spec in sets.items()
        for bit, value in enumerate(spec.values)
    }
