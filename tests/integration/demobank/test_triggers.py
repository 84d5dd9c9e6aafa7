"""Three triggers are planted among the starter rules, two inert and one harmful: they are named, good ones are not."""

import json
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from api.bootstrap import compile_rules
from engine.decision import PlacementRequest, Request, Snapshot
from engine.events import Event
from engine.facts import Consent
from engine.ids import EventName
from engine.plan import Plan
from engine.row import assemble
from models.evaluation.pushes import Answered, Push, Verdict, judge_push
from models.lift import level_for
from tests.integration.demobank.conftest import ROOT

PLANTED = {
    "took_money_out": "history: [{seen: large_withdrawal, in: 365d}]\npromote: {isa: 2.0}\n",
    "card_refused": "history: [{seen: card_declined, in: 175d}]\npromote: {student_account: 2.0}\n",
    "off_on_a_journey": "history: [{seen: travel_purchase, in: 60d}]\npromote: {car_insurance: 2.0}\n",
}
"""The first two say nothing of the customer; whoever travels dislikes car insurance just then."""
EVENTS = ("large_withdrawal", "card_declined", "travel_purchase", "currency_enquiry", "foreign_atm_withdrawal")
ACTIONS = ("isa", "student_account", "car_insurance", "foreign_currency", "travel_insurance")
Pushed = tuple[str, str, float]


@pytest.fixture(scope="module")
def pushes(tmp_path_factory: pytest.TempPathFactory) -> dict[Pushed, Push]:
    """By trigger, action and weight what two years of answers say."""
    folder = tmp_path_factory.mktemp("answers")
    command = [sys.executable, "-m", "demobank.answers", "--rules", str(ROOT / "rules"), "--as-of", "2026-01-05"]
    done = subprocess.run(
        [*command, "--folder", str(folder), "--customers", "20000"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return judged(with_planted(folder / "rules"), folder)


def with_planted(rules: Path) -> Plan:
    """The starter rules and three more triggers."""
    shutil.copytree(ROOT / "rules", rules)
    for name, lines in PLANTED.items():
        head = f"trigger: {name}\ntitle: {name}\nowner: test@bank.example\nversion: 1\n"
        (rules / "customized" / f"{name}.yaml").write_text(head + lines, encoding="utf-8")
    return compile_rules(rules)


def judged(plan: Plan, folder: Path) -> dict[Pushed, Push]:
    """Every push of the actions, each answer held against what the rules saw when it was given."""
    fired: dict[Pushed, Answered] = defaultdict(Answered)
    of_action: dict[str, Answered] = defaultdict(Answered)
    for action, expected, positive, pushed in answered(plan, folder):
        of_action[action] = of_action[action].plus(expected, positive)
        for each in pushed:
            fired[each] = fired[each].plus(expected, positive)
    level = level_for(len(fired))
    return {each: judge_push(mine, of_action[each[1]].less(mine), each[2], level) for each, mine in fired.items()}


def answered(plan: Plan, folder: Path) -> Iterator[tuple[str, float, bool, list[Pushed]]]:
    """Each answer with the pushes of its action by triggers that fired."""
    profiles = {row["customer"]: row for row in pl.read_parquet(folder / "customers.parquet").to_dicts()}
    events = pl.read_parquet(folder / "events.parquet").filter(pl.col("type").is_in(EVENTS)).sort("time")
    answers = pl.read_parquet(folder / "answers.parquet").filter(pl.col("action").is_in(ACTIONS)).sort("time")
    events_of = events.partition_by("customer_id", as_dict=True)
    questions = {str(channel.id): question(plan, str(channel.id)) for channel in plan.channels}
    promotes = [
        (each.head.rule.partition("/")[2], [(str(plan.actions[at].id), weight) for at, weight in each.promotes])
        for each in plan.triggers
    ]
    for (customer,), rows in answers.partition_by("customer", as_dict=True).items():
        told = {name: value for name, value in profiles[customer].items() if value is not None and name != "customer"}
        profile = plan.profile_schema.encode({"holds": [], "groups": [], "segments": []} | told)
        own = events_of.get((customer,))
        to_come = [] if own is None else list(read_events(plan, own))[::-1]
        state = plan.event_layout.empty(0)
        for time, channel, action, positive, expected in rows.select(
            "time", "channel", "action", "positive", "expected"
        ).iter_rows():
            while to_come and to_come[-1].at <= time.timestamp():
                state = plan.event_layout.fold(state, to_come.pop())
            snapshot = Snapshot(known=True, profile=profile, events=state, consent=CONSENT)
            row = assemble(plan, questions[channel], snapshot, time.astimezone(UTC))
            pushed = [
                (name, action, weight)
                for name, pairs in (promotes[at] for at in plan.generated.promotions(row))
                for promoted, weight in pairs
                if promoted == action
            ]
            yield action, expected, positive, pushed


CONSENT = Consent(version=1, allowed_by_purpose={}, profiling_objection=False)


def question(plan: Plan, channel: str) -> Request:
    """Nobody asks for more than the channel."""
    asked = next(each for each in plan.channels if each.id == channel)
    placements = tuple(PlacementRequest(placement=each, count=1) for each in asked.placements.values())
    return Request(
        customer="C",
        channel=asked,
        moment=None,
        bank_initiated=False,
        placements=placements,
        context={},
        locale=plan.locale,
    )


def read_events(plan: Plan, frame: pl.DataFrame) -> Iterator[Event]:
    for kind, time, data in frame.select("type", "time", "data").iter_rows():
        yield an_event(plan, kind, time, json.loads(data))


def an_event(plan: Plan, kind: str, time: datetime, data: Mapping[str, float]) -> Event:
    spec = plan.catalogue.events[EventName(kind)]
    return Event(name=spec.name, at=int(time.timestamp()), fields=spec.hold(data))


def test_the_inert_triggers_are_named(pushes: dict[Pushed, Push]) -> None:
    assert pushes["took_money_out", "isa", 2.0].verdict is Verdict.WITHOUT_EFFECT
    assert pushes["card_refused", "student_account", 2.0].verdict is Verdict.WITHOUT_EFFECT


def test_the_harmful_trigger_is_named(pushes: dict[Pushed, Push]) -> None:
    push = pushes["off_on_a_journey", "car_insurance", 2.0]
    assert push.verdict is Verdict.HARMS
    assert push.high < 1.0


def test_the_good_triggers_are_not_accused(pushes: dict[Pushed, Push]) -> None:
    """Those that follow what a need leaves behind, and push what is needed."""
    good = {
        pushed: push.verdict for pushed, push in pushes.items() if pushed[1] in ("foreign_currency", "travel_insurance")
    }
    assert {trigger for trigger, _, _ in good} == {"currency_enquiry", "travel_abroad"}
    assert set(good.values()) <= {Verdict.BRINGS, Verdict.NOT_ENOUGH_EVIDENCE}
    assert list(good.values()).count(Verdict.BRINGS) >= 1
