"""What an external server must promise before the product relies on it; asked once, at the start."""

import re
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from api.ports import StoreUnavailable

OLDEST: Final = (7, 2)
ANSWERED_WITHIN_S: Final = 2.0

ALWAYS: Final = "always"
ONE_SECOND: Final = "1s"
UNKNOWN: Final = "unknown"


class UnsuitableStore(Exception):
    """The server would lose or evict what was acknowledged; says which setting to change."""


def check_server(url: str, *, vouched: bool = False) -> str:
    """How durable a server is: `always`, `1s`, or `unknown` where it refuses to say and the operator vouches for it.

    Raises:
        UnsuitableStore: its settings break a promise, or it refuses to tell them and nobody vouches.
        StoreUnavailable: it does not answer; ask again later.
    """
    try:
        # Proxies in between may speak the older protocol alone.
        with redis.Redis.from_url(
            _of_one_server(url), socket_timeout=ANSWERED_WITHIN_S, retry=Retry(NoBackoff(), 0), protocol=2
        ) as client:
            _check_version(client.info("server"))
            return _durability(client, vouched=vouched)
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise StoreUnavailable(f"the store at {_without_password(url)} does not answer") from error


def _check_version(told: "dict[str, object]") -> None:
    version = str(told.get("valkey_version") or told.get("redis_version") or "0.0")
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        raise UnsuitableStore(f"the store is of version {version}; 7.2 or later is needed")


def _durability(client: "redis.Redis", *, vouched: bool) -> str:
    try:
        settings = {**client.config_get("maxmemory-policy"), **client.config_get("append*")}
    except redis.ResponseError as error:
        if vouched:
            return UNKNOWN
        raise UnsuitableStore(
            "the store refuses CONFIG, so it cannot be checked for `maxmemory-policy noeviction` and `appendonly yes`; "
            "make sure of both and start again with --store-is-durable"
        ) from error
    if settings["maxmemory-policy"] != "noeviction":
        raise UnsuitableStore(
            f"the store evicts (`maxmemory-policy {settings['maxmemory-policy']}`); set it to `noeviction`"
        )
    if settings["appendonly"] != "yes":
        raise UnsuitableStore("the store keeps no append-only file; set `appendonly yes`")
    match settings["appendfsync"]:
        case "always":
            return ALWAYS
        case "everysec":
            return ONE_SECOND
        case other:
            raise UnsuitableStore(f"the store never syncs its file (`appendfsync {other}`); set it to `always`")


def _of_one_server(url: str) -> str:
    """The address without what is said of a cluster, of which the server that it names is asked."""
    address, _, query = url.partition("?")
    told = urlencode([each for each in parse_qsl(query, keep_blank_values=True) if each[0] != "cluster"])
    return f"{address}?{told}" if told else address


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or parts.path}" + (f":{parts.port}" if parts.port else "")
