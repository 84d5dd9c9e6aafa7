"""Opens the gate of a process: reads the file of keys, and reads it again when it has changed."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx

from api.access.key_file import KeyFile, KeysUnusable
from api.access.keyring import Gate, Keyring
from api.access.limits import Limits
from api.access.people import People, RoleMap
from api.access.provider import Provider
from api.access.sessions import EndedSessions, PendingSignIns, Sessions, session_key
from api.beside import repeating
from api.security import Secrets, is_loopback
from api.settings import Settings

DEV_PROVIDER: Final = "/dev/oidc"
"""Where a demonstration's own provider of identities is."""
_PROVIDER_TIMEOUT_S: Final = 5.0
_log = logging.getLogger(__name__)


class AccessUnusable(Exception):
    """Who may call cannot be settled as the settings say; says why."""


def see_that_access_is_settled(settings: Settings) -> None:
    """Find out before anything starts whether the gate can be opened.

    Raises:
        KeysUnusable: the file of keys is not what it should be.
        AccessUnusable: it would be open to more than this machine, or people would not find back to us.
    """
    if settings.access == "open" and not is_loopback(settings.host):
        raise AccessUnusable(
            f"`access: open` is for this machine alone, and {settings.host} is not: listen on 127.0.0.1, or use keys"
        )
    if settings.oidc_issuer is not None and settings.public_url is None:
        raise AccessUnusable("people come back from `oidc_issuer` to an address of ours: set `public_url`")
    KeyFile(settings.keys_path).entries()


def first_key_sentence(settings: Settings) -> str:
    """What an operator should know who has made no key yet; empty where there is one, or none is asked for.

    Raises:
        KeysUnusable: see `KeyFile.entries`.
    """
    file = KeyFile(settings.keys_path)
    if settings.access == "open":
        return "Access is open: whoever works on this machine may do everything, without a key."
    if file.entries():
        return ""
    where = f" --keys {settings.keys}" if settings.keys else f" --data-dir {settings.data_dir}"
    command = f"nextbest keys add atm --channel atm{where}"
    return f"There are no keys yet, so every caller is refused; the first one is made with `{command}`."


class KeyWatch:
    """Gives a gate the keys of a file, and gives them anew when it has changed."""

    def __init__(self, file: KeyFile, gate: Gate) -> None:
        self._file = file
        self._gate = gate
        self._seen = _state_of(file)

    async def look(self) -> None:
        """A file that has become unreadable changes nothing, and is told in the log until somebody mends it."""
        state = _state_of(self._file)
        if state == self._seen:
            return
        try:
            self._gate.keyring = self._file.keyring()
            self._seen = state
        except KeysUnusable as error:
            _log.error("the keys stay as they were: %s", error)


@asynccontextmanager
async def open_access(settings: Settings) -> AsyncIterator[Gate]:
    """What tells who calls, for as long as the context lasts; a changed file of keys is in force within a second.

    Raises:
        KeysUnusable: see `KeyFile.entries`.
        AccessUnusable: see `see_that_access_is_settled`.
    """
    see_that_access_is_settled(settings)
    file = KeyFile(settings.keys_path)
    limits = Limits(
        touchpoint_per_s=settings.touchpoint_rate_per_s / settings.workers,
        staff_per_s=settings.staff_rate_per_s / settings.workers,
        person_per_s=settings.person_rate_per_s / settings.workers,
        address_per_s=settings.address_rate_per_s / settings.workers,
    )
    gate = Gate(Keyring(), is_open=settings.access == "open", limits=limits)
    watch = KeyWatch(file, gate)
    gate.keyring = file.keyring()
    async with repeating(watch.look):
        yield gate


def _state_of(file: KeyFile) -> tuple[int, int, int] | None:
    try:
        found = file.path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


@asynccontextmanager
async def open_people(
    settings: Settings, secrets: Secrets, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[People | None]:
    """Those who can sign in, for as long as the context lasts; None where there is nowhere to do so.

    A demonstration brings a provider of its own. `transport` is how the provider is reached, if not over the network.
    """
    issuer, public_url = provider_of(settings)
    if issuer is None:
        yield None
        return
    is_secure = public_url.startswith("https://")
    key, longest_s = session_key(secrets.token), settings.session_longest_s
    ended = EndedSessions(settings.data_dir / "signed-out", longest_s)
    async with httpx.AsyncClient(timeout=_PROVIDER_TIMEOUT_S, transport=transport) as http:
        provider = Provider(
            http,
            issuer=issuer,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else "",
            audience=settings.oidc_audience,
            redirect_uri=f"{public_url}/sign-in/callback",
        )
        people = People(
            provider=provider,
            sessions=Sessions(key, ended, is_secure=is_secure, idle_s=settings.session_idle_s, longest_s=longest_s),
            pending=PendingSignIns(key, is_secure=is_secure),
            roles=RoleMap(settings.oidc_roles_claim, settings.oidc_roles),
            scope=settings.oidc_scope,
            public_url=public_url,
        )

        async def look() -> None:
            ended.look()
            await provider.look()

        async with repeating(look):
            yield people


def provider_of(settings: Settings) -> tuple[str | None, str]:
    """The provider of identities, if there is any, and where browsers reach us."""
    public_url = (settings.public_url or f"http://127.0.0.1:{settings.port}").rstrip("/")
    if settings.oidc_issuer is None and settings.demonstration:
        return public_url + DEV_PROVIDER, public_url
    return settings.oidc_issuer, public_url
