"""The day that a bank's files describe, and how each table's values are read on it."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from datetime import time as day_time
from typing import Final
from zoneinfo import ZoneInfo

from api.loading.cells import Reading
from api.loading.mapping import Mapping as MappingFile
from api.loading.target import Target

_LEEWAY_S: Final = 300
"""Clocks differ: an event may lie this far in the future of a load that counts from now."""


def day_of(mapping: MappingFile, target: Target, now: datetime) -> date:
    """The day that ages and windows count back from."""
    return mapping.as_of or now.astimezone(target.zone).date()


def readings_of(mapping: MappingFile, target: Target, now: datetime) -> Mapping[str, Reading]:
    """How each table is read; nothing can have happened after the day of the data, nor after now."""
    as_of = day_of(mapping, target, now)
    day_ends = datetime.combine(as_of + timedelta(days=1), day_time(), target.zone).timestamp()
    until_s = int(min(day_ends - 1, now.timestamp() + _LEEWAY_S))
    return {
        name: Reading(as_of=as_of, zone=ZoneInfo(table.zone) if table.zone else target.zone, until_s=until_s)
        for name, table in mapping.tables.items()
    }
