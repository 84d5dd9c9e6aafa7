"""Three whole decisions with everything that was found, held against files: a reader sees what any change changes."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import pytest

from engine import Decision, Plan, Request, Snapshot
from engine.contacts import ContactState, DeclineReason
from engine.decision import NOBODY, Candidate, Option
from engine.explain import Because, why, why_not
from engine.facts import Natural
from engine.wording import render
from tests.builders import (
    SteadyScorer,
    a_contact,
    a_customer,
    a_plan,
    a_question,
    a_theme,
    a_trigger,
    an_action,
    an_event,
    decided,
    the_arbitration,
    the_contact_policy,
    the_guards,
)

HERE = Path(__file__).parent / "decisions"
DAY = timedelta(days=1)
COVER = """\
gives: cover
show: only_when_promoted
eligible: {when: {age: at least 18}}
applicable: {when: {holds.cover: false}}
suitable: {unless: [{flagged: true}]}
contact: {per_customer: 2 per 30d}
treatments:
  atm.idle: {headline: "Your home, covered from today"}
  web.hero: [{id: renewal, when: {renews_on: in next 90d}, headline: "Renew by {renews_on}"}, {headline: "Cover"}]
  branch.card:
    inquire: "Who insures your home, {nickname}?"
    objections: [{says: "I pay {rent} already", answer: "Then let us compare."}]
"""
BANK: Final = a_plan(
    an_action("cover", COVER, group="insurance", value="85.00", title="Home insurance"),
    an_action("isa", "applicable: {when: {holds.isa: false}}", gives="isa", value="0.02 * income + 5"),
    an_action("bond", "suitable: {when: {income: at least 1_000}}", value="40"),
    an_action("loan", group="loans", gives="loan", value="120", never_with="[card]"),
    an_action("card", group="cards", value="110"),
    an_action("alert", tier="must", group="service", value="0", places=["web.*"]),
    a_theme(
        "home",
        "title: A home of your own\n"
        "needs:\n"
        "  - {need: settling, when: {work: employed}, history: [{seen: salary, in: 90d, at_least: 2}], lasts: 180d}\n"
        "active: {needs.settling: true}\njourney: [isa, cover]\nweight: 1.4",
    ),
    a_trigger(
        "quoted",
        "title: Asked for a quote\nhistory: [{seen: quote, in: 400d}, {not_seen: policy, since: quote}]\n"
        "when: {holds.cover: false}\npromote: {cover: 1.5, bond: 0.5}",
        on="{moment: [card_inserted, at_counter]}",
    ),
    a_trigger("complaint", "history: [{seen: complaint, in: 30d}]\nsuppress: {groups: [loans], for: 30d}"),
    the_guards("{guard: arrears, title: In arrears, stops: {groups: [cards]}, when: {flagged: true}}"),
    the_contact_policy(
        "caps:\n"
        "  - {cap: weekly, per: customer, limit: 4, in: 7d}\n"
        "  - {cap: savings, per: group, groups: [savings], limit: 2, in: 30d}\n"
        "cooling_off: {after_decline: {default: 30d, not_now: 14d}, after_accept: 90d}\n"
    ),
    the_arbitration("levers: [{lever: season, percent: 10, groups: [insurance]}]\nexploration: {bound: 0.3}\n"),
)


def at_the_machine() -> tuple[Request, Snapshot]:
    """Somebody who once asked for a quote puts a card in: the classic."""
    events = [an_event(BANK, "quote", 200 * DAY)]
    facts = {"age": 41, "flagged": False, "income": 2900, "rent": 800}
    return a_question(BANK, "atm.idle", moment="card_inserted"), a_customer(BANK, facts, events=events)


def at_the_counter() -> tuple[Request, Snapshot]:
    """A customer with a theme, a complaint, a decline and a session that goes on."""
    facts: dict[str, Natural] = {
        "age": 35,
        "flagged": False,
        "income": 3100,
        "rent": 950,
        "work": "employed",
        "nickname": "Ann",
        "holds": ["isa"],
    }
    events = [an_event(BANK, "salary", days * DAY, amount=2400) for days in (3, 33, 64)]
    events += [an_event(BANK, "complaint", 9 * DAY), an_event(BANK, "quote", 20 * DAY)]
    contacts = [
        a_contact(BANK, "bond", 5 * DAY, state=ContactState.DECLINED, reason=DeclineReason.NOT_NOW),
        a_contact(BANK, "cover", timedelta(minutes=4), state=ContactState.PENDING, channel="branch", minutes=30),
    ]
    question = a_question(BANK, "branch.card", moment="at_counter", customer="C0000002")
    return question, a_customer(BANK, facts, events=events, contacts=contacts)


def a_visitor() -> tuple[Request, Snapshot]:
    """Nobody knows who looks at the page."""
    return a_question(BANK, "web.hero", "web.footer", moment="page_viewed", customer="web_visitor:9f2"), NOBODY


SCENES = {"at_the_machine": at_the_machine, "at_the_counter": at_the_counter, "a_visitor": a_visitor}


@pytest.mark.parametrize("scene", sorted(SCENES))
def test_decision_is_the_golden_one(scene: str, update_golden: bool) -> None:
    """Byte for byte: who is shown what, every factor, every reason, what is reserved."""
    question, customer = SCENES[scene]()
    scorer = SteadyScorer(BANK, {"cover": 0.04, "isa": 0.06, "loan": 0.03, "card": 0.03}, positives=150)
    decision = decided(BANK, question, customer, scorer=scorer)
    told = json.dumps(whole(BANK, question, decision), indent=2, ensure_ascii=False) + "\n"
    golden = HERE / f"{scene}.json"
    if update_golden:
        golden.write_text(told, encoding="utf-8")
    assert told == golden.read_text(encoding="utf-8")


def whole(plan: Plan, question: Request, decision: Decision) -> Mapping[str, object]:
    """Everything that a decision found, in words and numbers."""
    return {
        "placements": {
            str(each.placement.id): [shown(plan, question, decision, option) for option in each.options]
            for each in decision.filled
        },
        "not shown": {
            each.action: {"reason": each.reason.code, "because": [told(because) for because in each.because]}
            for each in why_not(plan, question, decision)
        },
        "ranking": [factors(plan, each) for each in decision.ranking],
        "journeys": {
            str(plan.themes[theme].head.rule): None if step is None else plan.actions[step].id
            for theme, step in decision.steps.items()
        },
        "new contacts": [list(each) for each in decision.new_contacts],
        "degraded": list(decision.degraded),
        "profiling": decision.profiling,
    }


def shown(plan: Plan, question: Request, decision: Decision, option: Option) -> Mapping[str, object]:
    """One option."""
    draw = option.draw
    return {
        "rank": option.rank,
        "action": plan.actions[option.candidate.action].id,
        "treatment": {"id": option.treatment.id, **render(plan, option.treatment, decision.row)},
        "valid_until": option.valid_until,
        "why": [told(because) for because in why(plan, question, decision, option.candidate)],
        "draw": draw
        and {
            "drawn": draw.drawn,
            "weights": {
                plan.actions[action].id: weight for action, weight in zip(draw.actions, draw.weights, strict=True)
            },
        },
    }


def factors(plan: Plan, candidate: Candidate) -> Mapping[str, object]:
    """The factors of a priority, to twelve digits."""
    numbers = {name: getattr(candidate, name) for name in ("propensity", "value", "weight", "lever", "priority")}
    return {
        "action": plan.actions[candidate.action].id,
        **{name: float(f"{number:.12g}") for name, number in numbers.items()},
    }


def told(because: Because) -> str:
    """A reason in a line."""
    parts = (because.code, because.rule, because.title, str(because.place or ""), because.detail)
    return " | ".join(part for part in parts if part)


def test_scenes_are_of_one_day() -> None:
    """The golden files hold instants: the tests' day must not move."""
    assert decided(BANK).row[BANK.layout.today_slot] == date(2026, 1, 5).toordinal()
