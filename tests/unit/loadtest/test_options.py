"""The command line of the load test."""

from pathlib import Path

import pytest

from loadtest.host import HostRefused, loopback_url
from loadtest.options import read_options


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080"),
        ("http://localhost:9000", "http://localhost:9000"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://127.0.0.1", "http://127.0.0.1:80"),
    ],
)
def test_loopback_addresses_are_taken(text: str, url: str) -> None:
    """Whatever follows the port is left out."""
    assert loopback_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "http://10.0.0.1:8080",
        "http://bank.example",
        "http://127.0.0.1.bank.example",
        "http://localhost@bank.example",
        "http://0.0.0.0:8080",
        "https://127.0.0.1:8080",
        "127.0.0.1:8080",
        "http://127.0.0.1:port",
        "http://[::1",
        "",
    ],
)
def test_every_other_host_is_refused(text: str) -> None:
    """A load test never reaches a machine that somebody else depends on."""
    with pytest.raises(HostRefused, match=r"\.$"):
        loopback_url(text)


def test_refusal_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and a sentence on standard error."""
    with pytest.raises(SystemExit) as ended:
        read_options(["--host", "http://bank.example"])
    assert ended.value.code == 2
    assert "runs only against this machine, and bank.example is not a loopback address." in capsys.readouterr().err


def test_without_a_host_a_small_bank_is_started() -> None:
    """`make loadtest` works from nothing."""
    options = read_options([])
    assert (options.host, options.profile.name, options.customers) == (None, "smoke", 1_000)
    assert options.json.name == "smoke.json"


def test_running_server_has_the_customers_of_the_demonstration() -> None:
    """The demonstration bank's own size, unless said otherwise."""
    assert read_options(["--host", "http://127.0.0.1:1"]).customers == 20_000
    assert read_options(["--host", "http://127.0.0.1:1", "--customers", "50"]).customers == 50


@pytest.mark.parametrize(
    "arguments",
    [
        ["--profile", "unknown"],
        ["--mix", "0/0/0"],
        ["--customers", "0"],
        ["--seconds", "0"],
        ["--start", "--host", "http://127.0.0.1:1"],
    ],
)
def test_what_makes_no_sense_is_a_usage_error(arguments: list[str]) -> None:
    """Nothing runs on a guess."""
    with pytest.raises(SystemExit) as ended:
        read_options(arguments)
    assert ended.value.code == 2


def test_seconds_squeeze_the_profile(tmp_path: Path) -> None:
    """A shorter run of the same shape, with its result where it was asked for."""
    options = read_options(["--profile", "ramp", "--seconds", "10", "--json", str(tmp_path / "r.json")])
    assert options.profile.seconds == 10
    assert options.json == tmp_path / "r.json"
