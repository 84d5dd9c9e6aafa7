"""Puts facts into words: placeholders of treatments, and facts as people read them."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from engine.actions import Treatment
from engine.facts import FactSpec, FactType, Held, release
from engine.generated import Row
from engine.ids import FactName
from engine.plan import Plan

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


def render(plan: Plan, treatment: Treatment, row: Row) -> Mapping[str, object]:
    """The content with its placeholders filled in, as plain text; escaping is the business of what shows it."""
    if not treatment.placeholders:
        return treatment.content
    texts = {str(name): show_fact(plan, name, row) for name in treatment.placeholders}
    return {key: _filled(value, texts) for key, value in treatment.content.items()}


def _filled(value: object, texts: Mapping[str, str]) -> object:
    match value:
        case str():
            return _PLACEHOLDER.sub(lambda match: texts[match[1]], value)
        case list():
            return [_filled(each, texts) for each in value]
        case dict():
            return {key: _filled(each, texts) for key, each in value.items()}
        case _:
            return value


def show_fact(plan: Plan, name: FactName, row: Row) -> str:
    """A fact as people read it in British English: amounts with two decimals and a sign, dates as 1 March 2026."""
    return show_value(plan.fact_specs[name], row[plan.layout.slot_by_fact[name]], plan.currency)


def show_value(spec: FactSpec, held: Held, currency: str) -> str:
    """A held value of a fact as people read it."""
    return _show(spec, release(spec, held), currency)


_SIGNS: Final = {"GBP": "£", "EUR": "€", "USD": "$"}


def _show(spec: FactSpec, value: object, currency: str) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case date():
            return f"{value.day} {value:%B %Y}"
        case int() | float() if spec.type is FactType.MONEY:
            sign = "-" if value < 0 else ""
            return f"{sign}{_SIGNS.get(currency, currency + ' ')}{abs(value):,.{spec.decimals}f}"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.{spec.decimals}f}"
        case tuple():
            return ", ".join(str(each).replace("_", " ") for each in value)
        case _:
            return str(value).replace("_", " ")
