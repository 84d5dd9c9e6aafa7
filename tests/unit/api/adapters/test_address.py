"""Store addresses: three forms, and nothing of a password in what is said about a wrong one."""

import pytest

from api.adapters.address import StoreAddress
from api.adapters.commands import pack


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://store", StoreAddress(host="store")),
        ("redis://store:7000/2", StoreAddress(host="store", port=7000, database=2)),
        ("redis://:p%40ss@store", StoreAddress(host="store", password="p@ss")),
        ("rediss://ada:pass@store:1", StoreAddress(host="store", port=1, user="ada", password="pass", tls=True)),
        ("rediss://store?ssl_ca_certs=/ca.pem", StoreAddress(host="store", tls=True, ca="/ca.pem")),
        ("redis://store:7000?cluster=true", StoreAddress(host="store", port=7000, cluster=True)),
        ("unix:///run/store.sock", StoreAddress(path="/run/store.sock")),
        ("unix://:pass@/run/store.sock?db=3", StoreAddress(path="/run/store.sock", password="pass", database=3)),
    ],
)
def test_an_address_is_read(url: str, address: StoreAddress) -> None:
    """Host or path, credentials, database."""
    assert StoreAddress.parse(url) == address


@pytest.mark.parametrize("url", ["http://secret@store", "redis://", "unix://", "redis://:secret@store:port", "secret"])
def test_a_wrong_address_is_refused_without_repeating_it(url: str) -> None:
    """It may hold a password."""
    with pytest.raises(ValueError, match="a store address") as refused:
        StoreAddress.parse(url)
    assert "secret" not in str(refused.value)


def test_a_session_opens_with_credentials_and_database() -> None:
    """In this order."""
    address = StoreAddress(host="store", user="ada", password="pass", database=2)
    assert address.greeting() == (pack("AUTH", "ada", "pass"), pack("SELECT", 2))
    assert StoreAddress(host="store").greeting() == ()


def test_another_node_of_a_cluster_keeps_the_credentials() -> None:
    """And has no databases."""
    seed = StoreAddress(host="a", password="pass", tls=True, database=0)
    assert seed.at("b", 7001) == StoreAddress(host="b", port=7001, password="pass", tls=True)
