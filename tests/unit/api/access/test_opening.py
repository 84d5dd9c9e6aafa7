"""What an operator is told before anything starts, and keys that change while it runs."""

import logging
from pathlib import Path

import pytest

from api.access.demo_keys import DEMO_KEYS, PAGE_KEY, demo_keys, read_keys
from api.access.key_file import KeyFile, Scope, utc_now
from api.access.keyring import Gate
from api.access.opening import AccessUnusable, KeyWatch, first_key_sentence, see_that_access_is_settled
from api.access.roles import Role
from api.problems import Problem
from api.settings import Settings

ATM = Scope(role=Role.TOUCHPOINT)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"access": "open", "host": "0.0.0.0"}, "for this machine alone"),
        ({"access": "open", "host": "bank.example"}, "for this machine alone"),
        ({"oidc_issuer": "https://id.bank.example"}, "set `public_url`"),
    ],
)
def test_installation_that_would_be_open_or_lead_nowhere_does_not_start(
    settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(AccessUnusable, match=said):
        see_that_access_is_settled(Settings.model_validate({"data_dir": tmp_path, **settings}))


def test_operator_is_told_how_to_make_the_first_key_until_there_is_one(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert f"nextbest keys add atm --channel atm --data-dir {tmp_path}" in first_key_sentence(settings)
    assert "without a key" in first_key_sentence(Settings(data_dir=tmp_path, access="open"))
    KeyFile(settings.keys_path).add("atm", ATM, utc_now())
    assert first_key_sentence(settings) == ""


async def test_changed_file_is_in_force_and_a_broken_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = KeyFile(tmp_path / "keys.json")
    gate = Gate(file.keyring())
    watch = KeyWatch(file, gate)
    _, key = file.add("atm", ATM, utc_now())
    await watch.look()
    assert gate.bearer(f"Bearer {key}".encode()).name == "key:atm"
    kept = file.path.read_bytes()
    file.path.write_bytes(b"{")
    with caplog.at_level(logging.ERROR):
        await watch.look()
    assert "the keys stay as they were" in caplog.text
    assert gate.bearer(f"Bearer {key}".encode()).name == "key:atm"
    file.path.write_bytes(kept)
    await watch.look()
    file.revoke("atm")
    await watch.look()
    with pytest.raises(Problem, match="no keys yet"):
        gate.bearer(f"Bearer {key}".encode())


def test_demonstration_keeps_its_keys_and_replaces_those_that_are_no_good(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, demonstration=True)
    first = demo_keys(settings)
    assert set(first) == set(Role)
    assert (tmp_path / DEMO_KEYS).stat().st_mode & 0o777 == 0o600
    assert demo_keys(settings) == first == read_keys(tmp_path / DEMO_KEYS)
    KeyFile(settings.keys_path).revoke("demo-teller")
    second = demo_keys(settings)
    assert {role for role in Role if first[role] != second[role]} == {Role.TELLER}


def test_page_of_a_demonstration_holds_a_key_for_its_own_address(tmp_path: Path) -> None:
    """On another port it is another site."""
    for port in (8080, 8090):
        settings = Settings(data_dir=tmp_path, demonstration=True, port=port)
        demo_keys(settings)
        caller = KeyFile(settings.keys_path).keyring().find(read_keys(tmp_path / PAGE_KEY)["page"].encode())
        assert caller is not None
        assert caller.origins == {f"http://127.0.0.1:{port}", f"http://localhost:{port}"}
