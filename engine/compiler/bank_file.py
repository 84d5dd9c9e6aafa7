"""Reads `bank.yaml`: who the bank is, its money, its time zone and its language."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.compiler.form import Form

_MINOR_DIGITS: Final[Mapping[str, int]] = {"JPY": 0, "KRW": 0, "ISK": 0, "KWD": 3, "BHD": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """Who the bank is."""

    id: str
    name: str
    currency: str
    minor_digits: int
    zone: ZoneInfo
    locale: str


def read_bank(form: Form) -> Bank:
    """`bank.yaml`."""
    currency = form.text("currency", "GBP", required=True)
    if not re.fullmatch(r"[A-Z]{3}", currency):
        form.problems.error(form.span_of("currency"), "`currency` must be a three-letter code such as GBP")
    bank = Bank(
        id=form.name("bank"),
        name=form.text("name", required=True),
        currency=currency,
        minor_digits=_MINOR_DIGITS.get(currency, 2),
        zone=_zone(form),
        locale=form.text("locale", "en-GB"),
    )
    form.finish()
    return bank


def _zone(form: Form) -> ZoneInfo:
    name = form.text("time_zone", "UTC", required=True)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        form.problems.error(form.span_of("time_zone"), f"unknown time zone `{name}`", "such as `Europe/London`")
        return ZoneInfo("UTC")
