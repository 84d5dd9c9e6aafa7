"""Benchmark customers as the engine reads them: profile, consent, earlier contacts; and the question they bring."""

from datetime import UTC, datetime, timedelta
from typing import Final

from bench.blocks import MISSING, customer_values
from bench.bundle import PLACEMENTS, SEED
from engine.contacts import Contact, ContactState, hash32
from engine.decision import PlacementRequest, Request, Snapshot
from engine.facts import Consent, Natural
from engine.ids import ChannelId, PlacementId
from engine.plan import Plan

NOW: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
CONTACTS: Final = 12
CONSENT: Final = Consent(
    version=1,
    allowed_by_purpose={"marketing": dict.fromkeys(PLACEMENTS, True)},
    profiling_objection=False,
)


def customer_id(number: int) -> str:
    """The id of a benchmark customer."""
    return f"C{number:07d}"


def profile_values(number: int, seed: int = SEED) -> dict[str, Natural]:
    """A customer's facts in natural units, as a loader gets them; what is missing is left out."""
    facts = {name: value for name, value in customer_values(seed, number).items() if name not in MISSING}
    return {**facts, "holds": ["product_39"], "groups": [], "segments": ["mass"]}


def contacts_of(plan: Plan, number: int, now: datetime = NOW) -> tuple[Contact, ...]:
    """What a customer was shown in the past weeks: offers that rules exclude today, so that nothing rests."""
    excluded = [action for action in plan.actions if action.position % 10]
    return tuple(
        Contact(
            at=int((now - timedelta(days=2 * (CONTACTS - at))).timestamp()),
            action_hash=excluded[(number + 13 * at) % len(excluded)].hash,
            session_hash=hash32(f"{number}/{at}"),
            channel=at % len(plan.channels),
            state=ContactState.SHOWN,
            reason=0,
            validity=10,
        )
        for at in range(CONTACTS)
    )


def snapshot_of(plan: Plan, number: int) -> Snapshot:
    """A customer as the store would hand it over."""
    return Snapshot(
        known=True,
        profile=plan.profile_schema.encode(profile_values(number)),
        events=plan.event_layout.empty(0),
        contacts=contacts_of(plan, number),
        consent=CONSENT,
        outcome_count=3,
    )


def request_of(plan: Plan, number: int, channel: str = "atm") -> Request:
    """The question: one offer on the channel's placement."""
    found = plan.channel_by_id[ChannelId(channel)]
    placement = found.placements[PlacementId(PLACEMENTS[channel])]
    return Request(
        customer=customer_id(number),
        channel=found,
        moment=plan.moments.index(next(iter(found.initiated_by_bank))),
        bank_initiated=False,
        placements=(PlacementRequest(placement=placement, count=1),),
        context={},
        locale="en-GB",
        session_id=f"session-{number}",
    )
