"""What is said of boxes is true of every customer: nobody means nobody, and who is surely there exists.

Conditions are drawn over a few facts and held against a grid of customers that has a value on either side of every
bound, on the bound, and none; the engine's own evaluation is the judge.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import combinations_with_replacement, product
from typing import Any, Final

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from engine import Plan, Snapshot, compile_bundle
from engine.compiler.boxes.axes import Wanted
from engine.compiler.boxes.search import Goal, Search
from engine.compiler.checks.impossible import on_channel
from engine.compiler.documents import parse_all
from engine.compiler.problem_list import Problems
from engine.compiler.rules import read_rules
from engine.generated import Row
from engine.ids import ChannelId
from engine.row import assemble
from engine.syntax import AnyOf, Condition
from tests.builders import CATALOGUE, NOW, a_customer, a_question, a_theme, an_action, an_event, rule_files, the_guards

EXAMPLES: Final = int(os.environ.get("NEXTBEST_BOX_CASES", "100"))
DAY: Final = timedelta(days=1)
CELLS: Final = {
    "age": ["at least 18", "under 18", "over 20", "18..20", "'[18, 25]'", "not 20", "present", "missing", "at most 25"],
    "work": [
        "student",
        "'[student, retired]'",
        "not student",
        "present",
        "missing",
        "'not [employed, student, retired]'",
    ],
    "verified": ["'true'", "'false'", "not true", "present", "missing"],
    "flagged": ["'true'", "'false'", "missing", "present"],
    "holds.isa": ["'true'", "'false'", "present", "missing"],
    "holds": ["'[isa, loan]'", "'all of [isa, loan]'", "'not isa'", "present", "missing"],
    "renews_on": [
        "within 30d",
        "in next 30d",
        "older than 30d",
        "older than 90d",
        "'>= 2026-01-05'",
        "present",
        "not within 1mo",
    ],
    "needs.home": ["'true'", "'false'", "present"],
    "request.moment": ["page_viewed", "not page_viewed", "missing"],
}
HISTORY: Final = [
    "{seen: quote, in: 30d}",
    "{not_seen: quote, in: 30d}",
    "{seen: quote, in: 90d, at_least: 2}",
    "{not_seen: quote, in: 7d}",
    "{ever: quote}",
    "{last: quote, ago: 30d..90d}",
    "{last: quote, ago: 7d..30d}",
    "{not_seen: policy, since: quote}",
    "{seen: quote, in: 1mo}",
]
AGES_D: Final = (1, 7, 20, 30, 31, 60, 90, 200)
VALUES: Final[dict[str, Sequence[object]]] = {
    "age": [None, 17, 18, 19, 20, 21, 25, 26],
    "work": [None, "employed", "student", "retired"],
    "verified": [None, True, False],
    "flagged": [None, True, False],
    "holds": [None, (), ("isa",), ("loan",), ("isa", "loan")],
    "renews_on": [None, *(NOW.date() + each * DAY for each in (-200, -91, -90, -60, -31, -30, -10, 0, 10, 30, 31))],
    "needs.home": [False, True],
    "request.moment": [None, "page_viewed", "session_started"],
    "quote": [(), *((each,) for each in AGES_D), *combinations_with_replacement(AGES_D, 2)],
}
FLAGGED_BY_DEFAULT: Final = CATALOGUE.replace(
    "flagged: {title: Flagged, type: boolean}", "flagged: {type: boolean, default: true}"
)


@st.composite
def blocks(draw: st.DrawFn, names: Sequence[str], depth: int = 2) -> str:
    """A block over some of the facts, as flow YAML."""
    parts = []
    for name in draw(st.lists(st.sampled_from(names), max_size=2, unique=True)):
        if name == "quote":
            parts.append(f"history: [{draw(st.sampled_from(HISTORY))}]")
        else:
            parts.append(f"{name}: {draw(st.sampled_from(CELLS[name]))}")
    if depth:
        for word in draw(st.lists(st.sampled_from(["any", "none", "all"]), max_size=1 if parts else 2, unique=True)):
            inner = draw(st.lists(blocks(names, depth - 1), min_size=1, max_size=3))
            parts.append(f"{word}: [{', '.join(inner)}]")
    return "{" + ", ".join(parts) + "}"


@st.composite
def drawn_facts(draw: st.DrawFn) -> list[str]:
    """Few enough facts for a grid of customers."""
    first = draw(st.sampled_from(sorted({*CELLS, "quote"})))
    second = draw(st.sampled_from(sorted(CELLS)))
    return sorted({first, second})


class Bank:
    """Two conditions, one of a guard, and a need, compiled; and a search among their customers."""

    def __init__(self, blocks: Sequence[str], need: str, *, lasts: bool) -> None:
        first, second, guard = blocks
        escape = "{request.channel: phone}"
        lasting = ", lasts: 30d" if lasts else ""
        files = rule_files(
            {"catalogue.yaml": FLAGGED_BY_DEFAULT},
            an_action("first", f"eligible: {{when: {{any: [{first}, {escape}]}}}}", tier="service"),
            an_action("second", f"eligible: {{when: {{any: [{second}, {escape}]}}}}", tier="service"),
            a_theme(
                "home",
                f"needs: [{{need: home, when: {{any: [{need}, {escape}]}}{lasting}}}]\n"
                "active: {needs.home: true}\njourney: [first]\naccept_counts: 90d",
            ),
            the_guards(
                f"{{guard: drawn, stops: {{tiers: [must]}}, when: {{any: [{guard}, {escape}]}}}}",
                defaults="{verified: false, age: 20}",
            ),
        )
        self.plan = compile_bundle(files).plan
        read = read_rules(parse_all(files, "", Problems()), Problems(), "")
        subject = read.rules.subject(read.context)
        self.search: Search = subject.search
        self.on_the_web = on_channel(subject, self.plan.channel_by_id[ChannelId("web")].position)
        judged = [rules.eligible for rules in self.plan.action_rules]
        judged.append(next(each.condition for each in self.plan.guards if each.head.rule == "guard/drawn"))
        self.conditions = [without_escape(each) for each in judged]


def without_escape(condition: Condition) -> Condition:
    """What was drawn; the other alternative only keeps a bank with an impossible condition from being refused."""
    assert isinstance(condition, AnyOf)
    return condition.items[0]


def customers(plan: Plan, names: Sequence[str]) -> Iterator[Row]:
    """Every customer of the grid, as the engine sees them on the web."""
    facts = sorted({"holds" if name == "holds.isa" else name for name in names})
    kept = (0, int((NOW - 25 * DAY).timestamp())) if "quote" in facts else (0,)
    for values in product(*(VALUES[name] for name in facts), kept):
        given: dict[str, Any] = dict(zip((*facts, "kept"), values, strict=True))
        question = a_question(plan, "web.hero", moment=given.get("request.moment"))
        yield assemble(plan, question, a_snapshot(plan, given), NOW)


def a_snapshot(plan: Plan, given: Mapping[str, Any]) -> Snapshot:
    """A customer of the grid."""
    plain = ("age", "work", "verified", "flagged", "holds", "renews_on")
    return a_customer(
        plan,
        {"holds": [], **{name: given[name] for name in plain if name in given}},
        events=[an_event(plan, "quote", ago * DAY) for ago in given.get("quote", ())],
        needs={"needs.home": NOW - 10 * DAY} if given.get("needs.home") else {},
        kept_since=given["kept"],
    )


def is_wanted(plan: Plan, condition: Condition, wanted: Wanted, row: Row, *, guarded: bool) -> bool:
    """Whether a condition is as wanted, by the engine's own evaluation."""
    truth = plan.tracer.truth(condition, row, guarded=guarded)
    return {
        Wanted.TRUE: truth is True,
        Wanted.FALSE: truth is False,
        Wanted.NOT_TRUE: truth is not True,
        Wanted.NOT_FALSE: truth is not False,
    }[wanted]


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.data())
def test_nobody_is_nobody_and_somebody_exists(data: st.DataObject) -> None:
    """INVARIANT: the search is never wrong, of conditions wanted in any way, of guards' as of others'."""
    names = data.draw(drawn_facts())
    told = [data.draw(blocks(names)) for _ in range(3)]
    behind = [name for name in names if not name.startswith(("needs", "request"))] or ["age"]
    need = data.draw(blocks(behind, 1))
    names = sorted({*names, *behind})
    bank = Bank(told, need, lasts=data.draw(st.booleans()))
    wanted = [data.draw(st.sampled_from(Wanted)) for _ in range(3)]
    count = data.draw(st.integers(1, 3))
    asked = list(zip(bank.conditions, wanted, (False, False, True), strict=True))[3 - count :]
    goals = [Goal(condition=condition, wanted=each, guarded=guarded) for condition, each, guarded in asked]
    goals.append(bank.on_the_web)
    there = any(
        all(is_wanted(bank.plan, condition, each, row, guarded=guarded) for condition, each, guarded in asked)
        for row in customers(bank.plan, names)
    )
    nobody, sure = bank.search.nobody(goals), bank.search.somebody(goals, sure=True) is not None
    event(f"there: {there}, nobody: {nobody}, sure: {sure}")
    assert not (nobody and there)
    assert not (sure and not there)


def test_day_of_the_grid_is_the_day_that_cells_name() -> None:
    """The grid has a date on either side of every bound only then."""
    assert NOW.date() == date(2026, 1, 5)
