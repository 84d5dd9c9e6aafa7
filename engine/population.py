"""A reference population made of the rules themselves: customers on either side of every bound that a rule names.

Drawn from hashes, so that the same rules always meet the same customers. Whoever has a population of real customers
hands over that instead.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.compiler.bundle import Bundle
from engine.compiler.given import read_given
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.problem_list import Problems
from engine.compiler.rule_test_files import PERSONA
from engine.decision import PlacementRequest, Request, Snapshot
from engine.events import Event
from engine.facts import NUMERIC, Consent, FactSpec, FactType, Held
from engine.ids import FactName
from engine.plan import Plan
from engine.syntax import Compare, atoms

_DAY_S: Final = 86_400
_AS_TYPICAL: Final = 0.6
"""How often a fact is as the typical persona's."""
_HELD: Final = 0.15
"""How often a product is held, or an event happened lately."""
_LONGEST_AGO_D: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Encounter:
    """A customer who meets the bank."""

    request: Request
    snapshot: Snapshot


class Hashed:
    """Numbers in 0..1 that look drawn and are always the same for the same words."""

    def __init__(self, *words: object) -> None:
        self._seed = "|".join(map(str, words))

    def share(self, *words: object) -> float:
        """A number for some words."""
        text = "|".join((self._seed, *map(str, words))).encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big") / 2**48

    def pick(self, values: Sequence[Held], *words: object) -> Held:
        """One of some values."""
        return values[int(self.share(*words) * len(values))]


def generated_population(bundle: Bundle, now: datetime, *, size: int = 150) -> Iterator[Encounter]:
    """Each customer on each channel, at one of its moments."""
    plan = bundle.plan
    persona = bundle.personas.get(PERSONA)
    entries = persona.entries if isinstance(persona, MappingNode) else ()
    typical = read_given(plan, entries, now, Problems()).profile
    bounds = _bounds(bundle)
    consent = {name: {str(each.id): True for each in plan.channels} for name in plan.catalogue.purposes}
    for number in range(size):
        drawn = Hashed("population", number)
        snapshot = Snapshot(
            known=True,
            profile=[
                _value(spec, typical[at], bounds.get(spec.name, ()), drawn, now)
                for at, spec in enumerate(plan.profile_schema.columns)
            ],
            events=_events(plan, drawn, now),
            consent=Consent(version=1, allowed_by_purpose=consent, profiling_objection=False),
        )
        yield from encounters(plan, snapshot, number)


def encounters(plan: Plan, snapshot: Snapshot, number: int) -> Iterator[Encounter]:
    """A customer on each channel, at one of its moments; their number in the population draws which."""
    drawn = Hashed("population", number)
    for channel in plan.channels:
        moments = [plan.moments.index(each) for each in channel.initiated_by_bank]
        moment = drawn.pick(moments, "moment", channel.id) if moments else None
        placements = sorted(channel.placements.values(), key=lambda each: each.precedence)
        request = Request(
            customer=f"reference {number}",
            channel=channel,
            moment=moment if isinstance(moment, int) else None,
            bank_initiated=isinstance(moment, int) and channel.initiated_by_bank[plan.moments[moment]],
            placements=tuple(PlacementRequest(placement=each, count=each.items) for each in placements),
            context={},
            locale=plan.locale,
        )
        yield Encounter(request=request, snapshot=snapshot)


def _bounds(bundle: Bundle) -> dict[FactName, tuple[Held, ...]]:
    """For every number the values at and beside the bounds that rules name."""
    found: dict[FactName, set[int]] = {}
    for condition in bundle.conditions:
        for atom in atoms(condition):
            if isinstance(atom, Compare) and atom.right.fact is None and atom.fact.spec.type in NUMERIC:
                bound = round(atom.right.constant * 10**atom.fact.spec.decimals)
                found.setdefault(atom.fact.name, set()).update((bound - 1, bound, bound + 1))
    return {name: tuple(sorted(values)) for name, values in found.items()}


def _value(spec: FactSpec, typical: Held, bounds: Sequence[Held], drawn: Hashed, now: datetime) -> Held:
    if spec.type is FactType.SET:
        mask = typical if isinstance(typical, int) else 0
        return mask | sum(1 << bit for bit, name in enumerate(spec.values) if drawn.share(spec.name, name) < _HELD)
    if drawn.share(spec.name) < _AS_TYPICAL or spec.type in (FactType.BOOLEAN, FactType.TEXT):
        return typical
    if spec.type is FactType.CATEGORY:
        return drawn.pick(range(len(spec.values)), spec.name, "value")
    if spec.type in (FactType.DATE, FactType.INSTANT):
        ahead = int((drawn.share(spec.name, "value") * 2 - 1) * _LONGEST_AGO_D)
        return now.toordinal() + ahead if spec.type is FactType.DATE else int(now.timestamp()) + ahead * _DAY_S
    within = [each for each in bounds if isinstance(each, int) and _fits(spec, each)]
    return drawn.pick(within, spec.name, "value") if within else typical


def _fits(spec: FactSpec, number: int) -> bool:
    return (spec.low is None or number >= spec.low) and (spec.high is None or number <= spec.high)


def _events(plan: Plan, drawn: Hashed, now: datetime) -> Sequence[int]:
    state: Sequence[int] = plan.event_layout.empty(0)
    for name, spec in plan.catalogue.events.items():
        if drawn.share(name) < _HELD:
            ago_d = 1 + int(drawn.share(name, "ago") * _LONGEST_AGO_D)
            fields = tuple(each.missing for each in spec.fields)
            state = plan.event_layout.fold(
                state, Event(name=name, at=int(now.timestamp()) - ago_d * _DAY_S, fields=fields)
            )
    return state
