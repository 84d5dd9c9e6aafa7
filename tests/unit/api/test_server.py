"""How uvicorn is asked to serve."""

import socket

import pytest

from api.lane import LaneProtocol
from api.main import App
from api.server import listen, server_config
from api.settings import Settings


def test_server_is_set_up_for_many_small_requests() -> None:
    """Uvloop and httptools, no access log, five seconds to drain."""
    config = server_config(Settings(workers=2))
    config.load()
    assert config.access_log is False
    assert config.http_protocol_class is LaneProtocol
    assert isinstance(config.loaded_app, App), "wrapped, its door would not be found by the lane"
    assert (config.workers, config.timeout_graceful_shutdown) == (2, 5)


def test_taken_address_is_an_error_and_not_a_second_server() -> None:
    """Two installations on one port would answer each other's customers."""
    first = listen("127.0.0.1", 0)
    first.listen()
    with first, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", first.getsockname()[1])


def test_address_may_be_of_either_kind() -> None:
    """IPv4 and IPv6."""
    with listen("127.0.0.1", 0) as four:
        assert four.family is socket.AF_INET
    if socket.has_dualstack_ipv6():
        with listen("::1", 0) as six:
            assert six.family is socket.AF_INET6
