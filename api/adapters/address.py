"""Where a store listens: `redis://`, `rediss://` and `unix://` addresses, and how to open a connection to one."""

import asyncio
import ssl
from dataclasses import dataclass, replace
from typing import Final, Self
from urllib.parse import parse_qs, unquote, urlsplit

from api.adapters.commands import pack

DEFAULT_PORT: Final = 6379


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAddress:
    """One server: a socket path, or a host and port."""

    path: str = ""
    host: str = ""
    port: int = DEFAULT_PORT
    user: str = ""
    password: str = ""
    database: int = 0
    tls: bool = False
    cluster: bool = False
    """Whether it is one server of a cluster, from which the others are found."""
    ca: str = ""
    """File of the authorities to trust; empty for the system's."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read an address: `redis://user:password@host:6379/0`, `redis://host?cluster=true`, `unix:///path/to.sock?db=0`.

        Raises:
            ValueError: the address has another form; the message does not repeat it, since it may hold a password.
        """
        try:
            parts = urlsplit(url)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            database = int(query.get("db") or (parts.path.strip("/") if parts.scheme != "unix" else "") or 0)
            port = parts.port or DEFAULT_PORT
        except ValueError as error:
            raise ValueError("a store address looks like redis://host:6379/0 or unix:///path/to.sock") from error
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if parts.scheme == "unix" and parts.path:
            return cls(path=unquote(parts.path), user=user, password=password, database=database)
        if parts.scheme in {"redis", "rediss"} and parts.hostname:
            tls = parts.scheme == "rediss"
            return cls(
                host=parts.hostname,
                port=port,
                user=user,
                password=password,
                database=database,
                tls=tls,
                cluster=query.get("cluster") in {"true", "1"},
                ca=query.get("ssl_ca_certs", ""),
            )
        raise ValueError("a store address starts with redis://, rediss:// or unix:// and names a host or a path")

    def at(self, host: str, port: int) -> "StoreAddress":
        """Another node of the same cluster: same credentials, other place."""
        return replace(self, path="", host=host, port=port, database=0, cluster=False)

    def greeting(self) -> tuple[bytes, ...]:
        """The packed commands that open a session."""
        commands: list[bytes] = []
        if self.password:
            credentials = (self.user, self.password) if self.user else (self.password,)
            commands.append(pack("AUTH", *credentials))
        if self.database:
            commands.append(pack("SELECT", self.database))
        return tuple(commands)

    async def connect(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol) -> None:
        """Open a connection that speaks through `protocol`.

        Raises:
            OSError: nobody listens there.
        """
        if self.path:
            await loop.create_unix_connection(lambda: protocol, self.path)
        elif self.tls:
            context = ssl.create_default_context(cafile=self.ca or None)
            await loop.create_connection(lambda: protocol, self.host, self.port, ssl=context)
        else:
            await loop.create_connection(lambda: protocol, self.host, self.port)
