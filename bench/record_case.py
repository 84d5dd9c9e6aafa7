"""Sizes of a customer's record, as the store keeps it."""

import statistics

from api.adapters import records
from bench.blocks import ATTRIBUTES
from bench.customers import CONSENT, snapshot_of
from bench.report import CaseResult, Figure, Target
from bench.workshop import Workshop
from engine import Plan
from engine.contacts import SIZE, pack
from engine.facts import MAX_HELD, NUMERIC, FactType

MOST_BYTES = 600
_CUSTOMERS = 1_000


def run(workshop: Workshop) -> CaseResult:
    """Measure; a second or two."""
    plan = workshop.plan
    snapshots = [snapshot_of(plan, number) for number in range(_CUSTOMERS)]
    consent = len(records.encode_consent(CONSENT))
    profiles = [len(records.encode_profile(plan.profile_schema, each.profile or ())) for each in snapshots]
    events = [len(records.encode_events((plan.event_layout, list(each.events or ())))) for each in snapshots]
    contacts = [len(pack(each.contacts)) for each in snapshots]
    figures = (
        Figure(what="profile, median", value=statistics.median(profiles), unit="bytes"),
        Figure(what="profile, largest", value=max(profiles), unit="bytes"),
        Figure(what="profile, largest that could be", value=_largest_possible(plan), unit="bytes"),
        Figure(what=f"consent, {len(plan.channels)} channels", value=consent, unit="bytes"),
        Figure(what=f"event state, {plan.event_layout.width} instants", value=max(events), unit="bytes"),
        Figure(what=f"contact history, {SIZE} a contact, 12 contacts", value=max(contacts), unit="bytes"),
    )
    largest = _largest_possible(plan) + consent
    return CaseResult(
        case="record",
        title=f"a record's fields, {len(ATTRIBUTES)} attributes, {_CUSTOMERS} customers",
        figures=figures,
        targets=(
            Target(
                what="profile and consent, largest that could be",
                bound="at most",
                target=MOST_BYTES,
                measured=largest,
                unit="bytes",
            ),
        ),
    )


def _largest_possible(plan: Plan) -> int:
    """Every number as large as the catalogue lets it be held, every set full."""
    columns = plan.profile_schema.columns
    held = [
        MAX_HELD if each.type in NUMERIC else (1 << len(each.values)) - 1 if each.type is FactType.SET else True
        for each in columns
    ]
    return len(records.encode_profile(plan.profile_schema, held))
