"""The load profiles: how many users, for how long, how much they hurry, and what has to hold. Each ends by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """So many users for so many seconds."""

    users: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What has to hold; None: reported, not judged."""

    max_error_share: float = 0.0
    min_in_budget_share: float | None = None
    """Answers within the touchpoint's budget and 10 ms, measured at the client."""
    max_p99_ms: float | None = None
    """Of decisions, measured at the client."""
    max_degraded_share: float | None = None
    max_page_p99_ms: float | None = None
    """Of the slowest of the pages that people open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A load over time."""

    name: str
    purpose: str
    stages: tuple[Stage, ...]
    hurry: float
    """Think times are divided by it; 1 is how people behave, 0 leaves no pause at all."""
    limits: Limits

    @property
    def seconds(self) -> int:
        """How long it takes."""
        return sum(stage.seconds for stage in self.stages)

    def lasting(self, seconds: int) -> "Profile":
        """The same load, squeezed or stretched; every stage lasts at least a second."""
        longer = seconds / self.seconds
        stages = [replace(stage, seconds=max(1, round(stage.seconds * longer))) for stage in self.stages]
        return replace(self, stages=tuple(stages))


_KEPT: Final = Limits(min_in_budget_share=0.99, max_p99_ms=60.0, max_degraded_share=0.01, max_page_p99_ms=250.0)

PROFILES: Final[Mapping[str, Profile]] = {
    profile.name: profile
    for profile in (
        Profile(
            name="smoke",
            purpose="does everything work together?",
            stages=(Stage(users=20, seconds=20),),
            hurry=20,
            limits=_KEPT,
        ),
        Profile(
            name="steady",
            purpose="a busy hour, compressed: 200 people at a time",
            stages=(Stage(users=50, seconds=10), Stage(users=200, seconds=110)),
            hurry=5,
            limits=_KEPT,
        ),
        Profile(
            name="ramp",
            purpose="where does it begin to hurt?",
            stages=tuple(Stage(users=users, seconds=15) for users in (25, 50, 100, 200, 400)),
            hurry=10,
            limits=Limits(),
        ),
        Profile(
            name="saturate",
            purpose="32 touchpoints that never pause",
            stages=(Stage(users=32, seconds=30),),
            hurry=0,
            limits=Limits(),
        ),
    )
}


def stage_at(profile: Profile, elapsed_s: float) -> int | None:
    """The position of the stage at an instant of the run; None when the run is over."""
    end = 0
    for position, stage in enumerate(profile.stages):
        end += stage.seconds
        if elapsed_s < end:
            return position
    return None
