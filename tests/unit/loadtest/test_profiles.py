"""The load profiles."""

import pytest

from loadtest.profiles import PROFILES, Profile, stage_at


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_profile_ends_by_itself(profile: Profile) -> None:
    """No profile runs longer than two and a half minutes, and none judges errors away."""
    assert stage_at(profile, 0.0) == 0
    assert stage_at(profile, profile.seconds) is None
    assert profile.seconds <= 150
    assert profile.limits.max_error_share == 0.0


def test_smoke_takes_twenty_seconds() -> None:
    """What a developer waits for stays short."""
    assert PROFILES["smoke"].seconds == 20


def test_ramp_goes_through_its_stages_in_order() -> None:
    """Each stage has more users than the one before."""
    ramp = PROFILES["ramp"]
    positions = [stage_at(ramp, elapsed) for elapsed in (0, 14.9, 15, 30.1, 74.9)]
    assert positions == [0, 0, 1, 2, 4]
    assert [stage.users for stage in ramp.stages] == sorted({stage.users for stage in ramp.stages})


def test_profile_can_be_squeezed() -> None:
    """Stages keep their shares, and none disappears."""
    assert [stage.seconds for stage in PROFILES["ramp"].lasting(5).stages] == [1, 1, 1, 1, 1]
    assert PROFILES["steady"].lasting(60).seconds == 60
