"""Money, numbers, dates and times as people of a language and a place write them; amounts in the bank's currency."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, format_timedelta
from babel.numbers import format_currency, format_decimal, format_percent

_SOON: Final = timedelta(days=60)
"""Within so long, a distance ("3 days ago") says more than a date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Formats:
    """How to write values; `zone` is the bank's."""

    locale: Locale
    currency: str
    zone: tzinfo

    def money(self, amount: float, *, decimals: bool = True) -> str:
        """An amount in major units; without decimals where it only has to give an idea."""
        if decimals:
            return format_currency(amount, self.currency, locale=self.locale)
        pattern = self.locale.currency_formats["standard"].pattern.replace(".00", "")
        return format_currency(amount, self.currency, pattern, locale=self.locale, currency_digits=False)

    def number(self, value: float) -> str:
        return format_decimal(value, locale=self.locale)

    def percent(self, share: float) -> str:
        """A share, 1 being all of it."""
        return format_percent(share, locale=self.locale)

    def day(self, on: date | datetime) -> str:
        return format_date(self._here(on), "medium", locale=self.locale)

    def time(self, at: datetime) -> str:
        """The hour and minute in the bank's zone."""
        return format_time(at.astimezone(self.zone), "short", locale=self.locale)

    def moment(self, at: datetime, now: datetime | None = None) -> str:
        """Day and time in the bank's zone; the time alone where it is today's."""
        if now is not None and self._here(at) == self._here(now):
            return self.time(at)
        return f"{self.day(at)}, {self.time(at)}"

    def ago(self, at: datetime, now: datetime) -> str:
        """How long ago something was; the day itself where it is longer ago than two months."""
        if now - at > _SOON:
            return self.day(at)
        return format_timedelta(at - now, add_direction=True, threshold=1.2, locale=self.locale)

    def _here(self, on: date | datetime) -> date:
        return on.astimezone(self.zone).date() if isinstance(on, datetime) else on


def locale_of(language: str, bank: str) -> Locale:
    """The locale for a language: the bank's own where it speaks it, otherwise the language in the bank's country.

    Args:
        language: such as `de`.
        bank: the bank's locale, such as `en-GB`.
    """
    home = Locale.parse(bank.replace("-", "_"))
    if home.language == language:
        return home
    try:
        return Locale(language, home.territory)
    except UnknownLocaleError:
        return Locale(language)
