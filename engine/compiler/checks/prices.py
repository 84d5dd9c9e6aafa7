"""A price that differs between channels: the texts of one action must not quote two customers different amounts."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Final

from engine.actions import Treatment
from engine.compiler.checks.subject import Subject
from engine.compiler.problem_list import Problems
from engine.errors import Code

_AMOUNT: Final = re.compile(
    r"[£$€]\s?\d[\d,]*(?:\.\d+)?|\d[\d,]*(?:\.\d+)?\s?(?:%|per ?cent\b|pounds\b|euros?\b|dollars?\b)"
)
"""Sums of money and percentages, as texts write them."""


def check_prices(subject: Subject, problems: Problems) -> None:
    """Warn where two channels both quote amounts and share none."""
    for treatments in subject.treatments:
        quoted = [(read, frozenset(_amounts(read.treatment.content))) for read in treatments]
        for (read, amounts), (other, others) in combinations(quoted, 2):
            together = read.channel != other.channel and _on_one_day(read.treatment, other.treatment)
            if not together or not amounts or not others or amounts & others:
                continue
            names = [subject.channels[each.channel].id for each in (read, other)]
            message = (
                f"`{names[1]}` quotes {_listed(others)} and `{names[0]}` (line {read.treatment.span.line}) "
                f"{_listed(amounts)} for one action"
            )
            hint = "quote the same on every channel, or accept it with a reason"
            problems.warning(other.treatment.span, message, hint, code=Code.PRICE_CONFLICT)
            break


def _on_one_day(one: Treatment, other: Treatment) -> bool:
    return one.first_day <= other.last_day and other.first_day <= one.last_day


def _amounts(content: object) -> Iterator[str]:
    match content:
        case str():
            yield from (re.sub(r"[\s,]", "", found) for found in _AMOUNT.findall(content))
        case list():
            for each in content:
                yield from _amounts(each)
        case dict():
            for each in content.values():
                yield from _amounts(each)
        case _:
            return


def _listed(amounts: frozenset[str]) -> str:
    return ", ".join(sorted(amounts))
