"""Tracking tokens tell what they were given and nobody forges them; secrets are the owner's alone."""

import json
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.security import Secrets, SecretsUnusable, binding_sentence, read_or_mint_secrets, read_secrets
from api.tokens import GRACE_S, TokenCodec, TokenFault, TokenRefused, Tracked
from tests.unit.api.shells import KEYS, an_offer

CODEC = TokenCodec(KEYS)


@given(
    st.builds(
        Tracked,
        valid_until_s=st.integers(0, 2**32),
        decided_at_ms=st.integers(0, 2**45),
        partition=st.integers(0, 1_023),
        record=st.text(max_size=200),
        decision_id=st.text(max_size=40),
        action=st.text(max_size=64),
        action_hash=st.integers(0, 2**32 - 1),
        channel=st.integers(0, 255),
        placement=st.text(max_size=64),
        rank=st.integers(1, 20),
        treatment=st.text(max_size=64),
        session_hash=st.integers(0, 2**32 - 1),
    )
)
def test_token_says_what_it_was_given(offer: Tracked) -> None:
    """Whatever the names are."""
    assert CODEC.read(CODEC.mint(offer), 0) == offer


def test_same_offer_has_the_same_token() -> None:
    """So a repeated answer is the same answer."""
    assert CODEC.mint(an_offer()) == CODEC.mint(an_offer())


def test_token_does_not_show_the_customer() -> None:
    """It travels through web pages and logs."""
    inside = urlsafe_b64decode(CODEC.mint(an_offer()) + "==")
    assert b"C0000001" not in inside
    assert b"home_insurance" in inside


def test_two_decisions_on_one_customer_mask_the_name_differently() -> None:
    """Tokens of one customer cannot be joined by it."""
    masked = {CODEC.mint(an_offer(decision_id=name, record="C" * 60))[40:80] for name in ("d1", "d2")}
    assert len(masked) == 2


@given(st.integers(0, 8 * len(urlsafe_b64decode(CODEC.mint(an_offer()) + "==")) - 1))
def test_token_with_one_bit_changed_is_refused(bit: int) -> None:
    """The signature covers every bit."""
    signed = bytearray(urlsafe_b64decode(CODEC.mint(an_offer()) + "=="))
    signed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(TokenRefused) as refused:
        CODEC.read(urlsafe_b64encode(bytes(signed)).rstrip(b"=").decode(), 0)
    assert refused.value.fault is TokenFault.INVALID


@pytest.mark.parametrize("token", ["", "A", "AAAA", "é", "A" * 500, "🙂"])
def test_what_is_no_token_is_refused(token: str) -> None:
    """Nothing that a caller sends raises anything else."""
    with pytest.raises(TokenRefused):
        CODEC.read(token, 0)


def test_token_of_another_installation_is_refused() -> None:
    """Each installation signs with its own key."""
    other = TokenCodec(Secrets(token=b"x" * 32, exploration=b"e" * 32, ids=b"i" * 32))
    with pytest.raises(TokenRefused):
        CODEC.read(other.mint(an_offer()), 0)


def test_token_ends_thirty_days_after_its_offer() -> None:
    """An expired token still says which offer it was."""
    token = CODEC.mint(an_offer(valid_until_s=1_000))
    assert CODEC.read(token, 1_000 + GRACE_S).action == "home_insurance"
    with pytest.raises(TokenRefused) as refused:
        CODEC.read(token, 1_001 + GRACE_S)
    assert refused.value.fault is TokenFault.EXPIRED
    assert refused.value.tracked == an_offer(valid_until_s=1_000)


def test_secrets_are_minted_once_for_the_owner_alone(tmp_path: Path) -> None:
    """A second process reads what the first one made."""
    path = tmp_path / "new" / "secrets.json"
    minted = read_or_mint_secrets(path)
    assert read_or_mint_secrets(path) == minted
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["secrets.json"]
    assert len({minted.token, minted.exploration, minted.ids}) == 3


def test_secrets_do_not_show_themselves() -> None:
    """Not even in a log line of a debugger."""
    assert "tttt" not in repr(KEYS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json", "not JSON"),
        ("[]", "`token`"),
        (json.dumps({"token": "ab" * 32}), "`exploration`"),
        (json.dumps({"token": "ab" * 32, "exploration": "zz", "ids": "ab" * 32}), "`exploration`"),
        (json.dumps({"token": "ab" * 31, "exploration": "ab" * 32, "ids": "ab" * 32}), "`token`"),
    ],
)
def test_unusable_secrets_are_refused_in_a_plain_sentence(tmp_path: Path, content: str, said: str) -> None:
    """And never quoted."""
    path = tmp_path / "secrets.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(SecretsUnusable, match=said):
        read_secrets(path)


def test_secrets_that_others_can_read_are_refused(tmp_path: Path) -> None:
    """With the command that mends it."""
    path = tmp_path / "secrets.json"
    read_or_mint_secrets(path)
    path.chmod(0o640)
    with pytest.raises(SecretsUnusable, match="chmod 600"):
        read_secrets(path)


def test_missing_secrets_are_refused(tmp_path: Path) -> None:
    """With an external store nothing is minted behind the operator's back."""
    with pytest.raises(SecretsUnusable, match="cannot be read"):
        read_secrets(tmp_path / "secrets.json")


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("127.0.0.1", "this machine only"),
        ("::1", "this machine only"),
        ("localhost", "this machine only"),
        ("0.0.0.0", "TLS"),
        ("bank.example", "TLS"),
    ],
)
def test_operator_is_told_who_can_ask(host: str, said: str) -> None:
    """Loopback is the default; anything else needs a gateway."""
    assert said in binding_sentence(host, 8080)
