"""The reloader with a judge that says what a test wants: what is taken up, told, counted, and tried again."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from api.reloading import reloader as reloading
from api.reloading.asking import Judge, JudgeFailed
from api.reloading.bundles import Bundles
from api.reloading.reloader import Reloader
from api.reloading.verdict import Question, Verdict
from api.settings import Settings
from api.telemetry import Metrics
from engine.compiler.carry import pack_plan
from engine.plan import Plan
from tests.builders import a_plan, an_action
from tests.unit.api.shells import KEYS

FIRST, SECOND = a_plan(an_action("isa")), a_plan(an_action("isa"), an_action("bond"))


class _Judge(Judge):
    """Says one thing after the other, then the last again and again."""

    def __init__(self, *says: Verdict | Exception) -> None:
        super().__init__(Settings())
        self.says = list(says)
        self.asked: list[Question] = []

    def verdict(self, question: Question) -> Verdict:
        self.asked.append(question)
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if isinstance(said, Exception):
            raise said
        return said


@dataclass
class _House:
    """A process that serves a plan, and its reloader."""

    bundles: Bundles
    judge: _Judge
    metrics: Metrics = field(default_factory=Metrics)
    plan: Plan = FIRST
    model: str | None = "m"
    taken: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ruleset(self) -> str:
        return self.plan.hash

    async def take_up(self, plan: Plan) -> None:
        self.plan = plan
        self.taken.set()

    def reloader(
        self,
        prepare: Callable[[Plan, str | None], Plan] = lambda plan, _: plan,
        settings: Settings | None = None,
    ) -> Reloader[Plan]:
        return Reloader(
            settings=settings or Settings(watch_rules=False),
            bundles=self.bundles,
            metrics=self.metrics,
            served=lambda: self,
            plan=lambda: self.plan,
            prepare=prepare,
            take_up=self.take_up,
            judge=self.judge,
        )


def a_verdict(**changes: object) -> Verdict:
    told = {"result": "ready", "ruleset": SECOND.hash, "model": None, "errors": 0, "problems": ()}
    return Verdict(**(told | changes))  # type: ignore[arg-type]  # the fields of a verdict


def a_house(folder: Path, *says: Verdict | Exception) -> _House:
    bundles = Bundles(folder, KEYS, "rules")
    bundles.stage(SECOND.hash, pack_plan(SECOND))
    return _House(bundles=bundles, judge=_Judge(*says))


REFUSED = a_verdict(result="refused", errors=1, problems=("rules/a.yaml:1:2: no",))


async def test_sound_bundle_is_taken_up_and_noted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It becomes the one with which processes start again."""
    house = a_house(tmp_path, a_verdict(problems=("rules/a.yaml:1:2: warning [shadowed]: hm",)))
    reloader = house.reloader()
    await reloader.reload()
    assert house.plan.hash == house.bundles.current == SECOND.hash
    assert house.judge.asked == [Question(serving=FIRST.hash, model="m")]
    assert (reloader.status.result, reloader.status.behind) == ("taken_up", False)
    assert house.metrics.reloads.values == {("taken_up",): 1}
    assert "warning [shadowed]: hm" in caplog.text


async def test_refused_bundle_changes_nothing_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """However often it is looked at."""
    house = a_house(tmp_path, REFUSED)
    reloader = house.reloader()
    for _ in range(3):
        await reloader.reload()
    assert house.plan is FIRST
    assert caplog.text.count("rules/a.yaml:1:2: no") == 1
    assert (reloader.status.errors, reloader.status.ruleset) == (1, SECOND.hash)
    assert house.metrics.reloads.values == {("refused",): 3}
    assert house.metrics.reload_behind.values == {(): 1.0}


async def test_each_problem_is_told_once_however_many_processes_find_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The API and the event worker look at the same files."""
    for _ in range(2):
        await a_house(tmp_path, REFUSED).reloader().reload()
    assert caplog.text.count("rules/a.yaml:1:2: no") == 1
    assert caplog.text.count("is refused") == 1


async def test_success_says_with_which_model(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Or that there is none."""
    house = a_house(tmp_path, a_verdict())
    await house.reloader().reload()
    assert f"rules {SECOND.hash} serve now, with model m" in caplog.text
    house = a_house(tmp_path, a_verdict())
    house.model = None
    await house.reloader().reload()
    assert f"rules {SECOND.hash} serve now, without a model" in caplog.text


async def test_model_alone_may_change(tmp_path: Path) -> None:
    """The plan that serves is bound to it; nothing is unpacked."""
    house = a_house(tmp_path, a_verdict(ruleset=FIRST.hash, model="other"))
    seen: list[tuple[Plan, str | None]] = []

    def prepare(plan: Plan, model: str | None) -> Plan:
        seen.append((plan, model))
        return plan

    await house.reloader(prepare).reload()
    assert seen == [(FIRST, "other")]


async def test_what_cannot_be_taken_up_leaves_what_serves(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A fault of ours is no reason to stop serving."""
    house = a_house(tmp_path, a_verdict())

    def prepare(_plan: Plan, _model: str | None) -> Plan:
        raise RuntimeError("a fault")

    reloader = house.reloader(prepare)
    await reloader.reload()
    assert house.plan is FIRST
    assert reloader.status.result == "failed"
    assert f"{FIRST.hash} goes on serving" in caplog.text


async def test_plan_that_nobody_staged_is_a_failure(tmp_path: Path) -> None:
    """It may have been removed, or be of another build."""
    house = a_house(tmp_path, a_verdict(ruleset=f"sha256:{'0' * 64}"))
    reloader = house.reloader()
    await reloader.reload()
    assert (house.plan is FIRST, reloader.status.result) == (True, "failed")


async def test_judge_that_failed_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself, and no more once it has answered."""
    monkeypatch.setattr(reloading, "AGAIN_AFTER_S", (0.0,))
    house = a_house(tmp_path, JudgeFailed("it died"), JudgeFailed("it died again"), a_verdict())
    reloader = house.reloader()
    async with reloader.running(at_once=True):
        await house.taken.wait()
    assert len(house.judge.asked) == 3
    assert house.metrics.reloads.values[("failed",)] == 2


async def test_what_changed_before_the_watch_stood_is_noticed(tmp_path: Path) -> None:
    """A file that is saved while a server starts is told by nobody."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "bank.yaml").write_text("bank: other\n")
    house = a_house(tmp_path / "data", a_verdict())
    reloader = house.reloader(settings=Settings(rules=tmp_path / "rules", data_dir=tmp_path / "data"))
    async with reloader.running(at_once=False):
        await asyncio.wait_for(house.taken.wait(), 30)
    assert house.plan.hash == SECOND.hash


async def test_requests_go_on_while_a_plan_is_prepared(tmp_path: Path) -> None:
    """It happens in a thread."""
    house = a_house(tmp_path, a_verdict())
    loop = asyncio.get_running_loop()
    turns: list[str] = []

    async def a_request() -> None:
        turns.append(house.ruleset)

    def prepare(plan: Plan, _model: str | None) -> Plan:
        asyncio.run_coroutine_threadsafe(a_request(), loop).result(timeout=10)
        return plan

    await house.reloader(prepare).reload()
    assert turns == [FIRST.hash]


def test_refusals_reach_the_log_as_errors(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An operator may alert on them."""
    house = a_house(tmp_path, REFUSED)

    async def reload() -> None:
        await house.reloader().reload()

    asyncio.run(reload())
    assert {record.levelno for record in caplog.records if record.name == reloading.__name__} == {logging.ERROR}
