"""Settings come from the environment and are checked there."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from api.settings import Settings


def test_defaults_serve_this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody opens a port to the world by forgetting something."""
    monkeypatch.delenv("NEXTBEST_HOST", raising=False)
    settings = Settings()
    assert (settings.host, settings.port, settings.redis_url) == ("127.0.0.1", 8080, None)
    assert settings.secrets_path == Path("data/secrets.json")


def test_environment_sets_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is not a setting of ours is passed over."""
    monkeypatch.setenv("NEXTBEST_PORT", "9000")
    monkeypatch.setenv("NEXTBEST_REDIS_URL", "redis://:hush@store:6379/0")
    monkeypatch.setenv("NEXTBEST_PUBLIC_DATA", "/somewhere")
    settings = Settings()
    assert settings.port == 9000
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == "redis://:hush@store:6379/0"


def test_password_of_the_store_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings end up in logs."""
    monkeypatch.setenv("NEXTBEST_REDIS_URL", "redis://:hush@store:6379/0")
    assert "hush" not in repr(Settings())


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "99999"), ("WORKERS", "0"), ("MAX_BODY_BYTES", "1"), ("DRAIN_S", "soon")]
)
def test_setting_out_of_its_range_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is started."""
    monkeypatch.setenv(f"NEXTBEST_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_settings_reach_another_process_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line sets them for the processes that it starts."""
    chosen = {"port": 9000, "redis_url": "redis://:hush@store:6379/0", "secrets": "keys.json", "model": "m"}
    settings = Settings.model_validate(chosen)
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings


def test_demonstration_has_one_worker() -> None:
    """A second one would know nothing of the plugs that the first has pulled, nor of who signs in there."""
    with pytest.raises(ValidationError, match="a demonstration has one worker"):
        Settings(demonstration=True, workers=2)
