"""An external server is relied on only if it keeps what it acknowledged."""

from collections.abc import Iterator

import pytest
import redis

from api.adapters.embedded import EmbeddedServer
from api.adapters.server_checks import UnsuitableStore, check_server
from api.ports import StoreUnavailable


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator["redis.Redis"]:
    """To set the server wrong with."""
    with redis.Redis.from_url(server.url) as connected:
        yield connected


def test_a_server_that_syncs_every_write_is_durable(server: EmbeddedServer) -> None:
    """As the embedded one does."""
    assert check_server(server.url) == "always"


def test_a_server_of_a_cluster_is_checked_like_any_other(server: EmbeddedServer) -> None:
    """Its address says besides that there are more of them."""
    assert check_server(f"{server.url}?cluster=true&db=0") == "always"


def test_a_server_behind_a_proxy_of_the_older_protocol_is_checked(
    server: EmbeddedServer, client: "redis.Redis"
) -> None:
    """Such a proxy refuses to change the protocol."""
    client.execute_command("ACL", "SETUSER", "default", "-hello")  # type: ignore[no-untyped-call]
    assert check_server(server.url) == "always"


def test_a_server_that_syncs_each_second_says_so(server: EmbeddedServer, client: "redis.Redis") -> None:
    """It is allowed, and `/readyz` tells."""
    client.config_set("appendfsync", "everysec")
    assert check_server(server.url) == "1s"


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("maxmemory-policy", "allkeys-lru", "noeviction"),
        ("appendonly", "no", "append-only file"),
        ("appendfsync", "no", "never syncs"),
    ],
)
def test_a_server_that_may_lose_or_evict_is_refused(
    server: EmbeddedServer, client: "redis.Redis", setting: str, value: str, said: str
) -> None:
    """With the setting to change."""
    client.config_set(setting, value)
    with pytest.raises(UnsuitableStore, match=said):
        check_server(server.url, vouched=True)


def test_a_server_that_refuses_to_tell_needs_the_operators_word(server: EmbeddedServer, client: "redis.Redis") -> None:
    """As managed ones do."""
    client.acl_setuser("default", enabled=True, nopass=True, commands=["-config"], keys=["*"], categories=["+@all"])
    with pytest.raises(UnsuitableStore, match="refuses CONFIG"):
        check_server(server.url)
    assert check_server(server.url, vouched=True) == "unknown"


def test_a_server_that_is_not_there_may_come_later() -> None:
    """That is no fault of its settings; the message holds no password."""
    with pytest.raises(StoreUnavailable) as refused:
        check_server("redis://:secret@127.0.0.1:1/0")
    assert "secret" not in str(refused.value)
