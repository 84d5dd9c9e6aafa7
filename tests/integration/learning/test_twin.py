"""The loop's vectorised choices are those of the engine: the same chances, the same scores, bit for bit."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from api.bootstrap import compile_rules
from bench.learning.book import BEGAN_S, Book
from bench.learning.bounded import draw_each, weigh_all
from bench.learning.engine import EngineLoop, plan_of_offers
from bench.learning.figures import ENGINE, MODEL, POPULARITY, read_runs, result, write_run
from bench.learning.learner import Model
from bench.learning.loop import Loop, Week
from bench.learning.past import Past
from bench.learning.world import Frame, world
from engine import Plan
from engine.contacts import Contact, ContactState
from engine.decision import WHOLE
from engine.facts import HOLDS, Held
from engine.ports import Outlook, ScoringContext
from models.arrays import Codes
from models.bank import read_snapshots
from models.history import DAY_S, NEVER, count_history
from tests.builders import SteadyScorer, a_customer, a_plan, a_question, an_action, decided, the_arbitration

RULES = Path(__file__).parents[3] / "rules"
CUSTOMERS = 600


ACTIONS = 12
EXPLORING = a_plan(
    *(an_action(f"offer_{at:02}") for at in range(ACTIONS)), the_arbitration("exploration: {bound: 0.02}\n")
)


class Told(SteadyScorer):
    """Gives the propensities of one decision after the other."""

    def __init__(self, on_channel: Sequence[Codes], outlook: Outlook) -> None:
        super().__init__(EXPLORING)
        self._on_channel = on_channel
        self._outlook = outlook
        self.now: list[float] = []

    def score(self, context: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        return [self.now[action] for action in candidates]

    def positives(self, channel: int) -> Sequence[int]:
        told: list[int] = self._on_channel[channel].tolist()
        return told

    def outlook(self) -> Outlook:
        return self._outlook


def test_chances_are_those_of_ten_thousand_decisions() -> None:
    """Actions that are known, on trial, launched, as dear as others, and not to be shown; on all channels."""
    rng = np.random.default_rng(11)
    slots, channels = 10_000, len(EXPLORING.channels)
    propensity = np.round(rng.lognormal(-3.0, 0.8, (slots, ACTIONS)), 3).clip(0.001, 1.0)
    inside = rng.random((slots, ACTIONS)) < 0.6
    inside[:, 0] = True
    on_channel = rng.choice([0, 0, 2, 3, 12, 40, 4_000], (channels, ACTIONS)) * rng.choice(
        [0, 1], ACTIONS, p=[0.3, 0.7]
    )
    outlook = Outlook(np.round(rng.random(ACTIONS), 3).tolist(), frozenset(range(0, ACTIONS, 2)))
    channel = rng.integers(0, channels, slots)
    found = weigh_all(
        propensity * 100.0,
        inside,
        on_channel[channel].astype(float),
        on_channel.sum(axis=0).astype(float),
        outlook,
        0.02,
    )
    scorer, customer = Told(on_channel, outlook), a_customer(EXPLORING)
    places = ["atm.idle", "web.hero", "branch.card", "phone.card"]
    questions = [a_question(EXPLORING, place, count=1) for place in places]
    by_position = {question.channel.position: question for question in questions}
    on_trial = on_channel.sum(axis=0) < 5
    assert 2 <= on_trial.sum() <= ACTIONS - 2
    assert {bool(on_trial[at]) for at in outlook.launched} == {True, False}
    for slot in range(slots):
        scorer.now = propensity[slot].tolist()
        question = by_position[int(channel[slot])]
        question.exclude = frozenset(np.flatnonzero(~inside[slot]).tolist())
        draw = decided(EXPLORING, question, customer, scorer=scorer).filled[0].options[0].draw
        assert draw is not None
        expected = np.zeros(ACTIONS)
        expected[list(draw.actions)] = np.array(draw.weights) / WHOLE
        assert np.abs(found[slot] - expected).max() < ACTIONS / WHOLE, slot


def test_draws_follow_the_chances() -> None:
    chance = np.tile([0.2, 0.0, 0.75, 0.05, 0.0], (40_000, 1))
    drawn = np.bincount(draw_each(chance, np.random.default_rng(3)), minlength=5) / 40_000
    assert drawn == pytest.approx([0.2, 0.0, 0.75, 0.05, 0.0], abs=0.01)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_rules(RULES)


def test_scores_are_those_of_the_scorer_that_serves(plan: Plan, tmp_path: Path) -> None:
    """A small world's second day in the loop: every offer to every customer who came."""
    with world(RULES, tmp_path, seed=7, customers=CUSTOMERS, weeks=21) as opened:
        book = Book(plan, tmp_path, opened.greeting, CUSTOMERS)
        loop = Loop(book, opened.greeting, Model, seed=7)
        opened.say(loop.day(opened.hear()))
        day = opened.hear()
        loop.day(day)
    chooser = loop._chooser
    assert isinstance(chooser, Model)
    assert chooser.bound is not None
    scorer, found = chooser.bound.bind(plan), chooser.score(day, book.rows_of(day))[0]
    profiles = profiles_of(plan, tmp_path, book, day)
    contacts: list[list[Contact]] = [[] for _ in range(CUSTOMERS)]
    for customer, contact in book.contacts():
        contacts[customer].append(contact)
    inside = day["open_to"].astype(bool)
    converts = chooser.bound.blend(plan).conversion
    for slot, profile in enumerate(profiles):
        channel = int(book.channel_of(day)[slot])
        context = ScoringContext(
            profile=profile,
            channel=channel,
            now=datetime.fromtimestamp(BEGAN_S + int(day["at"][slot]), UTC),
            contacts=contacts[int(day["customer"][slot])],
        )
        offers = np.flatnonzero(inside[slot]).tolist()
        expected = scorer.score(context, [book.offers[at] for at in offers])
        served = [score / converts[channel, book.offers[at]] for score, at in zip(expected, offers, strict=True)]
        assert found[slot, offers] == pytest.approx(served, rel=1e-12)


def test_loop_through_the_engine_decides_as_the_vectorised_one(tmp_path: Path) -> None:
    """Two days of a small world, every choice a whole decision."""
    offers = plan_of_offers(RULES)
    with world(RULES, tmp_path, seed=7, customers=CUSTOMERS, weeks=21) as opened:
        loop = EngineLoop(Book(offers, tmp_path, opened.greeting, CUSTOMERS), opened.greeting, Model, 7, tmp_path)
        opened.say(loop.day(opened.hear()))
        loop.day(opened.hear())
    assert loop.decisions > 50
    assert loop.widest < 1e-6


def test_tallies_of_many_are_those_of_each() -> None:
    """Against what a decision counts, over half a year of contacts, some of them in the same second."""
    rng = np.random.default_rng(4)
    groups = np.array([0, 0, 1, 3, 3])
    past, contacts = Past(40, groups), [list[Contact]() for _ in range(40)]
    now_s = 1_700_000_000 + 200 * DAY_S
    at_s = np.sort(rng.integers(now_s - 199 * DAY_S, now_s + 1, 3_000))
    at_s[-5:] = now_s
    customer, offer, declined = rng.integers(0, 30, 3_000), rng.integers(0, 5, 3_000), rng.random(3_000) < 0.3
    past.add(customer, at_s, offer, declined)
    for who, when, what, no in zip(customer, at_s, offer, declined, strict=True):
        contacts[who].append(
            Contact(int(when), int(what), 0, 0, ContactState.DECLINED if no else ContactState.SHOWN, 0, 0)
        )
    asked = rng.permutation(40)[:25]
    found = past.tallies(asked, np.full(25, now_s))
    for slot, who in enumerate(asked.tolist()):
        expected = count_history(contacts[who], dict(enumerate(groups.tolist())), now_s)
        assert found.overall[slot].tolist() == pytest.approx(expected.overall, nan_ok=True)
        for group in range(4):
            told = expected.by_group.get(group, NEVER)
            assert found.by_group[slot, group].tolist() == pytest.approx(list(told), nan_ok=True)
        for each in range(5):
            told = expected.by_action.get(each, NEVER)
            assert found.by_offer[slot, each].tolist() == pytest.approx(list(told), nan_ok=True)


def profiles_of(plan: Plan, folder: Path, book: Book, day: Frame) -> list[list[Held]]:
    """The profiles that a server would read of the customers who came."""
    schema = plan.profile_schema
    names = {f"C{number + 1:07d}": number for number in range(CUSTOMERS)}
    snapshots = read_snapshots(folder / "customers.parquet", schema, names)
    by_customer = dict(zip(snapshots.customer.tolist(), snapshots.profiles, strict=True))
    holds = schema.position_by_name[HOLDS]
    values = schema.columns[holds].values
    profiles = []
    for customer, held in zip(day["customer"].tolist(), day["held"], strict=True):
        profile = list(by_customer[customer])
        given = {plan.actions[at].gives for at, holding in zip(book.offers, held.tolist(), strict=True) if holding}
        profile[holds] = sum(1 << bit for bit, product in enumerate(values) if product in given)
        profiles.append(profile)
    return profiles


def a_week(number: int, chosen: float, **worth: float) -> Week:
    """Between 100 at random and 200 for the oracle."""
    return Week(
        number=number,
        slots=1_000,
        worth={"random": 100.0, "oracle": 200.0, "omniscient": 210.0, "chosen": chosen, "greedy": chosen, **worth},
        admitted=[500, 500] if number >= 4 else [0, 0],
        shown=[9.0, 1.0] if number >= 4 else [0.0, 0.0],
        oracle_shown=[10, 0] if number >= 4 else [0, 0],
    )


def test_figures_are_those_of_the_weeks_that_the_targets_name(tmp_path: Path) -> None:
    """Captures of 0.6 before and 0.57 after, against a popularity of 0.3 and a frozen model of 0.4."""
    model = [a_week(number, 160.0 if number < 13 else 157.0, frozen=140.0) for number in range(1, 22)]
    popularity = [a_week(number, 130.0) for number in range(1, 22)]
    for name, weeks in ((MODEL, model), (POPULARITY, popularity)):
        write_run(tmp_path / f"7-{name}.json", weeks, seed=7)
    write_run(tmp_path / f"8-{MODEL}.json", model, seed=8)
    write_run(tmp_path / f"7-{ENGINE}.json", model, seed=7, decisions=21_000)
    told = result(read_runs(tmp_path))
    assert told.notes[-1] == "seed 7 through the engine: 0.600, 0.600, 0.570, 0.570"
    found = {target.what: target for target in told.targets}
    assert found["capture in weeks 9 to 12"].measured == pytest.approx(0.6)
    assert found["regret in weeks 9 to 12, of popularity's"].measured == pytest.approx(40 / 70)
    assert found["capture in week 21, of that before the change"].measured == pytest.approx(0.95)
    assert found["capture in weeks 14 to 21 over the frozen model's"].measured == pytest.approx(0.17)
    assert found["share of the action that 3% like, of the oracle's, after 8 weeks"].measured == pytest.approx(0.9)
    assert found["share of the action that 0.1% like"].measured == pytest.approx(0.002)
    assert all(target.met for target in found.values())
