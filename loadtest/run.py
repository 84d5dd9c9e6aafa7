"""Runs a profile inside this process with Locust, and stops when its time is over."""

import resource
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import gevent
from locust import LoadTestShape
from locust.env import Environment

from loadtest.mix import Mix, People
from loadtest.profiles import Profile, stage_at
from loadtest.recorder import Recorder
from loadtest.report import Result
from loadtest.thresholds import judge
from loadtest.users import Scene, touchpoints

_SPAWN_PER_SECOND = 100
_STOP_WITHIN_S = 3
_TELL_EVERY_S = 5


def run(
    profile: Profile, *, host: str, keys: Mapping[str, str], mix: Mix, people: People, tell: Callable[[str], None]
) -> Result:
    """Put a profile's load on a server; takes the profile's time and a few seconds."""
    recorder = Recorder()
    environment = Environment(
        user_classes=[*touchpoints(Scene(people=people, recorder=recorder, hurry=profile.hurry, keys=keys), mix)],
        shape_class=_Stages(profile, recorder, tell),
        host=host,
        stop_timeout=_STOP_WITHIN_S,
        catch_exceptions=False,
    )
    environment.events.request.add_listener(_listener(recorder))  # type: ignore[no-untyped-call]
    runner = environment.create_local_runner()
    started_at, started, cpu = datetime.now(UTC), perf_counter(), _cpu_s()
    runner.start_shape()
    give_up_at = started + profile.seconds + 2 * _STOP_WITHIN_S
    while runner.state != "stopped" and perf_counter() < give_up_at:
        gevent.sleep(0.2)
    seconds = perf_counter() - started
    generator_cpu_share = (_cpu_s() - cpu) / seconds
    runner.quit()
    totals = recorder.totals(profile)
    return Result(
        profile=profile.name,
        host=host,
        mix=str(mix),
        customers=people.customers,
        started_at=started_at.isoformat(timespec="seconds"),
        seconds=round(seconds, 1),
        generator_cpu_share=round(generator_cpu_share, 3),
        totals=totals,
        checks=judge(totals, profile.limits),
    )


def say(sentence: str) -> None:
    """Tell the person at the terminal, on standard error."""
    print(sentence, file=sys.stderr, flush=True)


class _Stages(LoadTestShape):
    """The profile as Locust asks for it, once a second."""

    def __init__(self, profile: Profile, recorder: Recorder, tell: Callable[[str], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._profile = profile
        self._recorder = recorder
        self._tell = tell
        self._told_at = 0.0
        self._started = perf_counter()

    def tick(self) -> tuple[int, float] | None:
        elapsed = perf_counter() - self._started
        position = stage_at(self._profile, elapsed)
        if position is None:
            return None
        self._recorder.stage = position
        users = self._profile.stages[position].users
        if elapsed - self._told_at >= _TELL_EVERY_S:
            self._told_at = elapsed
            self._tell(f"{elapsed:.0f} of {self._profile.seconds} s, {users} users, {self._recorder.progress}")
        return users, _SPAWN_PER_SECOND


def _listener(recorder: Recorder) -> Callable[..., None]:
    def note(*, name: str, response_time: float, exception: BaseException | None, **_: Any) -> None:
        recorder.request(name, response_time, None if exception is None else str(exception) or type(exception).__name__)

    return note


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
