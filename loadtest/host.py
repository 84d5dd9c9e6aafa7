"""Which server may be loaded: one on this machine, and no other."""

import ipaddress
from urllib.parse import urlsplit


class HostRefused(Exception):
    """An address that the load test does not run against; the message is a sentence for the person who typed it."""


def loopback_url(text: str) -> str:
    """An address such as `http://127.0.0.1:8080`, without what follows the port.

    Raises:
        HostRefused: it is no HTTP address, or not one of this machine's loopback.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise HostRefused(f"`{text}` is not an address such as http://127.0.0.1:8080.") from error
    if parts.scheme != "http" or not parts.hostname:
        raise HostRefused(f"`{text}` is not an address such as http://127.0.0.1:8080.")
    if not _is_loopback(parts.hostname):
        raise HostRefused(
            f"The load test runs only against this machine, and {parts.hostname} is not a loopback address."
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"http://{host}:{port or 80}"


def _is_loopback(hostname: str) -> bool:
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return hostname == "localhost"
