"""The file of keys: what is kept, how keys follow one another, and what is refused."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.access.key_file import KeyFile, KeysUnusable, Scope
from api.access.keyring import Gate
from api.access.roles import Role
from api.problems import Problem

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ATM = Scope(role=Role.TOUCHPOINT)


def a_page(origin: str) -> Scope:
    return Scope(role=Role.TOUCHPOINT, origins=(origin,))


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


def test_key_is_kept_nowhere_and_its_digest_finds_its_caller(file: KeyFile) -> None:
    _, key = file.add("atm-north", Scope(role=Role.TOUCHPOINT, channels=("atm",), placements=("idle_screen",)), NOW)
    assert key.startswith("nbk_")
    assert len(key) == 47
    assert key not in file.path.read_text()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    caller = file.keyring().find(key.encode())
    assert caller is not None
    assert (caller.name, caller.roles) == ("key:atm-north", frozenset({Role.TOUCHPOINT}))
    assert (caller.channels, caller.placements) == (frozenset({"atm"}), frozenset({"idle_screen"}))
    assert file.keyring().find(key.encode()[:-1]) is None


def test_two_keys_are_good_while_one_replaces_the_other(file: KeyFile) -> None:
    _, old = file.add("atm", Scope(role=Role.TOUCHPOINT, channels=("atm",)), NOW)
    entry, new = file.rotate("atm", NOW + DAY, 2 * DAY)
    assert entry.scope.channels == ("atm",)
    during, after = NOW + 2 * DAY, NOW + 4 * DAY
    assert [each.is_good(during) for each in file.entries()] == [True, True]
    assert [each.is_good(after) for each in file.entries()] == [False, True]
    assert {file.keyring().find(key.encode()) is not None for key in (old, new)} == {True}


def test_rotated_key_keeps_its_span_and_expired_ones_are_cleared_away(file: KeyFile) -> None:
    file.add("atm", ATM, NOW, expires_at=NOW + 90 * DAY)
    file.rotate("atm", NOW + 10 * DAY, DAY)
    entry, _ = file.rotate("atm", NOW + 20 * DAY, DAY)
    assert entry.expires_at == NOW + 110 * DAY
    assert len(file.entries()) == 2


def test_expired_key_is_refused(file: KeyFile) -> None:
    _, key = file.add("atm", ATM, NOW, expires_at=datetime.now(UTC) - DAY)
    with pytest.raises(Problem, match="has expired"):
        Gate(file.keyring()).bearer(f"Bearer {key}".encode())


def test_scheme_of_the_header_is_read_without_regard_to_case(file: KeyFile) -> None:
    _, key = file.add("atm", ATM, NOW)
    gate = Gate(file.keyring())
    assert gate.bearer(f"bearer {key}".encode()).name == "key:atm"
    with pytest.raises(Problem, match="not one of"):
        gate.bearer(f"Basic {key}".encode())


@pytest.mark.parametrize("which", ["name", "id"])
def test_revoked_key_is_gone(file: KeyFile, which: str) -> None:
    entry, key = file.add("atm", ATM, NOW)
    file.add("web", ATM, NOW)
    assert [each.id for each in file.revoke(getattr(entry, which))] == [entry.id]
    assert file.keyring().find(key.encode()) is None
    assert [each.name for each in file.entries()] == ["web"]


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (lambda file: file.add("Atm north", ATM, NOW), "is no name"),
        (lambda file: file.add("atm", ATM, NOW), "keys rotate atm"),
        (lambda file: file.add("web", Scope(role=Role.TELLER, origins=("https://a.example",)), NOW), "role touchpoint"),
        (
            lambda file: file.add("web", Scope(role=Role.TOUCHPOINT, origins=("https://a.example/x",)), NOW),
            "is no origin",
        ),
        (lambda file: file.rotate("gone", NOW, DAY), "no good key is named `gone`"),
        (lambda file: file.revoke("gone"), "no key is named `gone`"),
    ],
)
def test_mistake_is_told_in_a_sentence_and_changes_nothing(file: KeyFile, mistake: object, said: str) -> None:
    file.add("atm", ATM, NOW)
    before = file.path.read_bytes()
    assert callable(mistake)
    with pytest.raises(KeysUnusable, match=said):
        mistake(file)
    assert file.path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"[]", b'{"keys": [{"id": 1}]}', b'{"other": 1}', b"\xff"])
def test_other_file_is_not_taken_for_one_of_keys(file: KeyFile, content: bytes) -> None:
    file.path.write_bytes(content)
    file.path.chmod(0o600)
    with pytest.raises(KeysUnusable, match="is not a file of keys"):
        file.entries()


def test_file_that_others_may_write_is_refused(file: KeyFile) -> None:
    """Who can write it can let anybody in."""
    file.add("atm", ATM, NOW)
    file.path.chmod(0o620)
    with pytest.raises(KeysUnusable, match="chmod 600"):
        file.entries()
