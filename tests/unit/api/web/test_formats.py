"""Money, numbers and times as people of a language and a place write them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from api.web.formats import Formats, locale_of

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 6, 1, 23, 30, tzinfo=UTC)


def formats(language: str) -> Formats:
    return Formats(locale=locale_of(language, "en-GB"), currency="GBP", zone=LONDON)


@pytest.mark.parametrize(
    ("language", "exact", "rough"), [("en", "£1,234.50", "£1,234"), ("de", "1.234,50 £", "1.234 £")]
)
def test_money_is_written_as_the_reader_writes_it(language: str, exact: str, rough: str) -> None:
    assert formats(language).money(1234.5).replace("\xa0", " ") == exact
    assert formats(language).money(1234.49, decimals=False).replace("\xa0", " ") == rough


def test_numbers_and_shares() -> None:
    assert formats("en").number(20_000) == "20,000"
    assert formats("de").number(20_000) == "20.000"
    assert formats("en").percent(0.05) == "5%"


def test_instant_is_told_in_the_banks_zone() -> None:
    """In London it is half past midnight, a day later."""
    assert formats("en").day(NOW) == "2 Jun 2026"
    assert formats("en").time(NOW) == "00:30"
    assert formats("en").moment(NOW).startswith("2 Jun 2026, 00:30")
    assert formats("de").day(date(2026, 6, 2)) == "02.06.2026"


def test_near_past_is_a_distance_and_a_far_one_a_day() -> None:
    assert formats("en").ago(NOW - timedelta(days=3), NOW) == "3 days ago"
    assert formats("de").ago(NOW - timedelta(hours=2), NOW) == "vor 2 Stunden"
    assert formats("en").ago(NOW - timedelta(days=100), NOW) == "21 Feb 2026"


def test_language_of_the_bank_is_spoken_as_in_its_country_and_others_at_large() -> None:
    assert str(locale_of("en", "en-GB")) == "en_GB"
    assert str(locale_of("de", "de-CH")) == "de_CH"
    assert str(locale_of("de", "fr-CH")) == "de_CH"
    assert str(locale_of("de", "en-GB")) == "de"
