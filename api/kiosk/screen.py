"""What the cash machine's page is told by the service: the bank, its words in every language, and the pinned key."""

from collections.abc import Mapping
from typing import Any, Final

from babel import Locale

from api.kiosk.seal import Seal
from api.web.formats import locale_of
from api.web.texts import ENGLISH, languages, texts_in
from engine.ids import ChannelId, FactName
from engine.plan import Plan

_SCREEN: Final = "atm"
_CASH: Final = FactName("context.cash_requested")


def screen_values(plan: Plan, seal: Seal, channel: ChannelId, *, demonstration: bool) -> Mapping[str, Any]:
    """Everything that the page's scripts read, as JSON."""
    return {
        "bank": plan.bank_name,
        "channel": channel,
        "currency": plan.currency,
        "zone": plan.zone.key,
        "key": seal.public,
        "tells_cash": _CASH in plan.catalogue.context,
        "demonstration": demonstration,
        "language": _first(plan),
        "order": languages(),
        "languages": {each: _in(each, plan) for each in languages()},
    }


def _first(plan: Plan) -> str:
    """The bank's own language where we have it: each customer finds the machine in it."""
    own = Locale.parse(plan.locale.replace("-", "_")).language
    return own if own in languages() else ENGLISH


def _in(language: str, plan: Plan) -> Mapping[str, Any]:
    """The machine's words in a language, and how it writes values."""
    texts = texts_in(language)
    return {
        "name": texts(f"shared.language.{language}"),
        "locale": str(locale_of(language, plan.locale)).replace("_", "-"),
        "texts": texts.of_screen(_SCREEN),
    }
