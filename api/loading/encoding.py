"""Turns an assembled customer into the bytes of a record."""

from typing import Final

from api.adapters.records import encode_consent, encode_events, encode_profile
from api.loading.assembly import LoadedCustomer
from api.loading.target import Target
from api.ports import LoadedRecord
from engine.contacts import pack

_ABSENT: Final = b""


def encode_customer(loaded: LoadedCustomer, target: Target) -> LoadedRecord:
    """The record of a customer; a field without a source stays absent."""
    return LoadedRecord(
        customer=loaded.customer,
        profile=encode_profile(target.schema, loaded.profile),
        events=_ABSENT if loaded.events is None else encode_events((target.layout, loaded.events)),
        contacts=_ABSENT if loaded.contacts is None else pack(loaded.contacts),
        consent=_ABSENT if loaded.consent is None else encode_consent(loaded.consent),
        outcome_count=loaded.outcome_count,
    )
