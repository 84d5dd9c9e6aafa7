"""Who infers a customer's needs: durable-rules where an input changed, the generated code where it cannot."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from api.needs import row_of
from api.telemetry import Metrics
from api.worker.inference.messages import Chain, Facts
from api.worker.inference.needs import FAILING, MOST_CRASHES, Needs
from api.worker.inference.process import Crashed, Inferring, Interrupted, NoEngine
from engine.generated import Row
from engine.ids import FactName
from engine.plan import Plan
from tests.builders import NOW, a_customer, a_plan

NEEDS = {
    "thematic/home.yaml": """\
theme: home
title: A home
owner: a@b.example
version: 1
needs:
  - {need: saving, when: {trend: "> 0.15"}, lasts: 30d}
  - {need: home, when: {needs.saving: true, age: 23..45}}
active: {needs.home: true}
journey: [isa]
weight: 1.4
"""
}
PLAN = a_plan(NEEDS)
SAVING, HOME = FactName("needs.saving"), FactName("needs.home")
BOTH = frozenset((SAVING, HOME))
NOW_S = int(NOW.timestamp())


def a_row(plan: Plan = PLAN, **facts: object) -> Row:
    return row_of(plan, a_customer(plan, **facts), NOW_S)  # type: ignore[arg-type]  # facts by name


SAVER = a_row(age=30, trend=0.2)
OTHER = a_row(age=30, trend=0.1)


class FakeProcess:
    """Answers, or ends, as a test says: an answer is a list of rules, or the exception that stands for one."""

    def __init__(self, *answers: Sequence[str] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[Facts] = []
        self.ended = False

    @property
    def usable(self) -> bool:
        return not self.ended

    async def ask(self, facts: Facts) -> Sequence[str]:
        self.asked.append(facts)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            self.ended = True
            raise answer
        return answer

    async def end(self) -> None:
        self.ended = True


class Factory:
    """Starts one fake process after the other."""

    def __init__(self, *processes: FakeProcess | Exception) -> None:
        self.processes = list(processes)
        self.chains: list[Chain] = []

    async def __call__(self, chain: Chain) -> Inferring:
        self.chains.append(chain)
        process = self.processes.pop(0)
        if isinstance(process, Exception):
            raise process
        return cast(Inferring, process)


async def needs_of(*processes: FakeProcess | Exception) -> tuple[Needs, Factory, Metrics]:
    """Who infers, what starts processes for it, and what it counts."""
    factory, metrics = Factory(*processes), Metrics()
    needs = Needs(metrics, factory)
    await needs.take_up(PLAN)
    return needs, factory, metrics


ALL = ["n0_0", "n1_0", "t0"]


async def test_rules_that_hold_say_which_needs_hold_by_their_own_blocks() -> None:
    """A need that only lasts is not among them."""
    needs, _, metrics = await needs_of(FakeProcess(ALL))
    assert await needs.held("ada", PLAN, SAVER) == BOTH
    assert metrics.needs_inferred.values == {("durable_rules",): 1}


async def test_nothing_is_inferred_again_while_no_input_changed() -> None:
    """Facts that no need reads are no input; what changed is asked, and remembered by customer."""
    process = FakeProcess(ALL, [], ALL)
    needs, _, metrics = await needs_of(process)
    for row in (SAVER, SAVER, a_row(age=30, trend=0.2, tenure=9)):
        assert await needs.held("ada", PLAN, row) == BOTH
    assert len(process.asked) == 1
    assert await needs.held("ada", PLAN, OTHER) == frozenset()
    assert await needs.held("grace", PLAN, SAVER) == BOTH
    assert metrics.needs_inferred.values == {("durable_rules",): 3, ("unchanged",): 2}


async def test_customer_over_whom_it_ended_once_is_asked_again() -> None:
    """Of a fresh process; whoever waited behind them is no culprit."""
    needs, factory, metrics = await needs_of(FakeProcess(Crashed()), FakeProcess(Interrupted()), FakeProcess(ALL))
    assert await needs.held("ada", PLAN, SAVER) == BOTH
    assert len(factory.chains) == 3
    assert metrics.inference_faults.values == {("crashed",): 1}


async def test_customer_over_whom_it_ended_twice_is_left_to_the_generated_code(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With a warning and a count, and for that one alone."""
    needs, _, metrics = await needs_of(FakeProcess(Crashed()), FakeProcess(Crashed()), FakeProcess([], ALL))
    assert await needs.held("ada", PLAN, SAVER) is None
    assert await needs.held("ada", PLAN, SAVER) is None
    assert await needs.held("grace", PLAN, OTHER) == frozenset()
    assert metrics.needs_inferred.values == {("generated",): 2, ("durable_rules",): 1}
    assert metrics.inference_faults.values == {("crashed",): MOST_CRASHES, ("gave_up",): 1}
    assert "ended twice over one customer" in caplog.text
    assert "ada" not in caplog.text


async def test_missing_package_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """The generated code infers, now and under other rules."""
    needs, factory, metrics = await needs_of(NoEngine())
    assert await needs.held("ada", PLAN, SAVER) is None
    await needs.take_up(PLAN)
    assert await needs.held("ada", PLAN, SAVER) is None
    assert (len(factory.chains), metrics.inference_faults.values) == (1, {("absent",): 1})
    assert "durable-rules cannot be imported here" in caplog.text


async def test_process_that_does_not_start_is_let_be_for_a_while() -> None:
    """No event waits for it to be tried again; other rules are tried at once."""
    needs, factory, metrics = await needs_of(Crashed(), FakeProcess(ALL))
    assert await needs.held("ada", PLAN, SAVER) is None
    assert await needs.held("ada", PLAN, SAVER) is None
    assert (len(factory.chains), metrics.inference_faults.values) == (1, {("not_started",): 1})
    await needs.take_up(PLAN)
    assert await needs.held("ada", PLAN, SAVER) == BOTH


async def test_process_that_keeps_ending_rests() -> None:
    """Over ever other customers."""
    most, _ = FAILING
    needs, factory, metrics = await needs_of(*(FakeProcess(Crashed()) for _ in range(most)), FakeProcess(ALL))
    for number in range(most):
        assert await needs.held(f"c{number}", PLAN, SAVER) is None
    assert metrics.inference_faults.values[("rests",)] == 1
    assert len(factory.chains) == most


async def test_generated_code_counts_where_the_two_do_not_agree(caplog: pytest.LogCaptureFixture) -> None:
    """Decisions use it; the difference is said, and asked about again next time."""
    process = FakeProcess(["n0_0"], ALL)
    needs, _, metrics = await needs_of(process)
    assert await needs.held("ada", PLAN, SAVER) is None
    assert metrics.inference_faults.values == {("disagreed",): 1}
    assert "do not agree" in caplog.text
    assert await needs.held("ada", PLAN, SAVER) == BOTH


async def test_other_rules_are_taken_up_by_another_process() -> None:
    """The old one is ended; nothing that was remembered counts under the new rules."""
    first, second = FakeProcess(ALL), FakeProcess(ALL)
    needs, factory, _ = await needs_of(first, second)
    await needs.held("ada", PLAN, SAVER)
    await needs.take_up(PLAN)
    assert first.ended
    assert await needs.held("ada", PLAN, SAVER) == BOTH
    assert len(factory.chains) == 2
    await needs.close()
    assert second.ended


async def test_rules_without_needs_start_no_process() -> None:
    """What a bank does not use costs nothing."""
    plain = a_plan()
    factory = Factory()
    needs = Needs(Metrics(), factory)
    await needs.take_up(plain)
    assert await needs.held("ada", plain, a_row(plain)) is None
    assert factory.chains == []


async def test_need_that_only_lasts_is_told_from_one_that_holds() -> None:
    """By durable-rules itself: the need held last within its 30 days, and its block does not hold now."""
    metrics = Metrics()
    needs = Needs(metrics)
    await needs.take_up(PLAN)
    try:
        lasting = a_customer(PLAN, needs={"needs.saving": NOW}, age=30, trend=0.1)
        row = row_of(PLAN, lasting, NOW_S)
        assert await needs.held("ada", PLAN, row) == frozenset((HOME,))
        held = await asyncio.gather(*(needs.held(f"c{n}", PLAN, SAVER if n % 2 else OTHER) for n in range(40)))
        assert held == [BOTH if n % 2 else frozenset() for n in range(40)]
        assert metrics.inference_faults.values == {}
    finally:
        await needs.close()
