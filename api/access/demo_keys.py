"""The keys of a demonstration: one for each role, and those that its home page and its cash machine hold."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from api.access.key_file import KeyFile, Scope, utc_now
from api.access.keyring import digest_of
from api.access.roles import Role
from api.settings import Settings

DEMO_KEYS: Final = "demo-keys.json"
PAGE_KEY: Final = "shop-key.json"
ATM_KEY: Final = "atm-key.json"
_PAGE: Final = "page"
_MACHINE: Final = "machine"


def demo_keys(settings: Settings) -> Mapping[str, str]:
    """A good key for each role, kept where scripts find them; those of an earlier run stay as they are.

    Raises:
        KeysUnusable: the file of keys is not what it should be.
    """
    file, folder = KeyFile(settings.keys_path), settings.data_dir
    keys = _kept(file, folder / DEMO_KEYS, {role.value: Scope(role=role) for role in Role})
    origins = tuple(f"http://{host}:{settings.port}" for host in ("127.0.0.1", "localhost"))
    page = Scope(role=Role.TOUCHPOINT, channels=("web",), schemes=("customer_id", "web_visitor"), origins=origins)
    _kept(file, folder / PAGE_KEY, {_PAGE: page})
    machine = Scope(role=Role.TOUCHPOINT, channels=("atm",), schemes=("card_token",))
    _kept(file, folder / ATM_KEY, {_MACHINE: machine})
    return keys


def read_keys(path: Path) -> Mapping[str, str]:
    """The keys of a file that a demonstration wrote; none where there is no such file."""
    try:
        held = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def _kept(file: KeyFile, path: Path, wanted: Mapping[str, Scope]) -> Mapping[str, str]:
    now, held = utc_now(), read_keys(path)
    good = {entry.digest: entry for entry in file.entries() if entry.is_good(now)}
    keys: dict[str, str] = {}
    for name, scope in wanted.items():
        key = held.get(name, "")
        entry = good.get(digest_of(key.encode()).hex())
        if entry is None or entry.scope != scope:
            label = f"demo-{name}"
            if any(each.name == label for each in good.values()):
                file.revoke(label)
            _, key = file.add(label, scope, now)
        keys[name] = key
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as written:
        json.dump(keys, written, indent=2)
    draft.replace(path)
    return keys
