"""The secrets of an installation, and what is said about the address that is listened on."""

import ipaddress
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from api.settings import Settings

_KEY_BYTES: Final = 32


class SecretsUnusable(Exception):
    """The secrets file is missing, open to others, or not what it should be; says which in a plain sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The three keys of an installation, 32 bytes each; never shown."""

    token: bytes = field(repr=False)
    """Signs tracking tokens."""
    exploration: bytes = field(repr=False)
    """Keys the draws of exploration."""
    ids: bytes = field(repr=False)
    """Masks record names."""


def read_secrets(path: Path) -> Secrets:
    """Read a secrets file: JSON with `token`, `exploration` and `ids`, 32 bytes in hexadecimal each.

    Raises:
        SecretsUnusable: it cannot be read, others may read it, or a key is missing or malformed.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise SecretsUnusable(f"{path} can be read by others: run `chmod 600 {path}`")
        held = json.loads(path.read_bytes())
    except OSError as error:
        raise SecretsUnusable(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SecretsUnusable(f"{path} is not JSON") from error
    return Secrets(**{name: _key(path, held, name) for name in ("token", "exploration", "ids")})


def _key(path: Path, held: object, name: str) -> bytes:
    try:
        key = bytes.fromhex(held[name]) if isinstance(held, dict) else b""
    except (KeyError, TypeError, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise SecretsUnusable(f"{path} must hold `{name}`: {_KEY_BYTES} bytes in hexadecimal")
    return key


def read_or_mint_secrets(path: Path) -> Secrets:
    """Read the secrets file, making it first (owner-readable) where there is none; safe for several processes at once.

    Raises:
        SecretsUnusable: see `read_secrets`.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.new")
        keys = {name: secrets.token_hex(_KEY_BYTES) for name in ("token", "exploration", "ids")}
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(keys, file)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # appears whole or not at all, and never replaces what another process made
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return read_secrets(path)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def binding_sentence(host: str, port: int) -> str:
    """What an operator should know about the address that is listened on."""
    if is_loopback(host):
        return f"Listening on {host}:{port}, for this machine only."
    return (
        f"Listening on {host}:{port}, for anyone who can reach this machine: keys travel as they are, "
        "so a gateway before it has to speak TLS."
    )


def open_secrets(settings: Settings) -> Secrets:
    """The installation's keys; minted where the store is our own, given by the operator where it is not.

    Raises:
        SecretsUnusable: there are none, or they cannot be used.
    """
    if settings.redis_url is None and settings.secrets is None:
        return read_or_mint_secrets(settings.secrets_path)
    if settings.secrets is None:
        raise SecretsUnusable("an external store needs --secrets FILE, the same for every process that uses it")
    return read_secrets(settings.secrets)
