"""`nextbest keys`: who may call; keys are made, listed, replaced while the old ones still work, and taken away."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.access.roles import Role
from api.cli.console import DATA_DIR, AsJson, DataDir, Usage, plainly, put, put_json, say

if TYPE_CHECKING:
    from api.access.key_file import KeyEntry, KeyFile

keys = typer.Typer(name="keys", help="Say who may call.", no_args_is_help=True)

KeysFile = Annotated[
    Path | None,
    typer.Option("--keys", help="File of keys; default: keys.json in the data folder.", dir_okay=False),
]
Name = Annotated[str, typer.Argument(help="What it is for, such as `atm-north`.")]
_UNIT_HOURS = {"h": 1, "d": 24, "w": 168}


@keys.command()
@plainly
def add(
    name: Name,
    role: Annotated[Role, typer.Option("--role", help="What its holder may do.")] = Role.TOUCHPOINT,
    channel: Annotated[
        list[str] | None, typer.Option("--channel", help="Only on this channel; may be repeated.")
    ] = None,
    placement: Annotated[
        list[str] | None, typer.Option("--placement", help="Only for this placement; may be repeated.")
    ] = None,
    scheme: Annotated[
        list[str] | None,
        typer.Option("--scheme", help="Names customers by this identity scheme only; may be repeated."),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            "--origin", help="A web site whose pages hold the key, https://www.bank.example; may be repeated."
        ),
    ] = None,
    rate: Annotated[
        float, typer.Option("--rate", help="Requests a second; 0: as many as others of the role.", min=0)
    ] = 0,
    expires: Annotated[str | None, typer.Option("--expires", help="After this long: 12h, 90d, 52w.")] = None,
    data_dir: DataDir = DATA_DIR,
    keys: KeysFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is printed once, here, and kept nowhere; the file holds a digest of it."""
    from api.access.key_file import Scope, utc_now

    now = utc_now()
    scope = Scope(
        role=role,
        channels=tuple(channel or ()),
        placements=tuple(placement or ()),
        schemes=tuple(scheme or ()),
        origins=tuple(origin or ()),
        per_s=rate,
    )
    expires_at = None if expires is None else now + _span(expires)
    entry, key = _file(data_dir, keys).add(name, scope, now, expires_at=expires_at)
    _show_new(entry, key, as_json=as_json)


@keys.command("list")
@plainly
def list_keys(data_dir: DataDir = DATA_DIR, keys: KeysFile = None, *, as_json: AsJson = False) -> None:
    """Show every key: whose it is, what it is limited to, and until when it is good. No key can be read from it."""
    from api.access.key_file import utc_now

    now, entries = utc_now(), _file(data_dir, keys).entries()
    if as_json:
        put_json({"keys": [_told(entry, now) for entry in entries]})
        return
    if not entries:
        put("no keys: every caller is refused; `nextbest keys add NAME` makes one")
    for entry in entries:
        until = "" if entry.expires_at is None else f", until {entry.expires_at:%Y-%m-%d %H:%M} UTC"
        state = "" if entry.is_good(now) else " (expired)"
        put(f"{entry.id}  {entry.name:<20} {entry.scope.role:<10} {_scope(entry)}{until}{state}")


@keys.command()
@plainly
def rotate(
    name: Name,
    overlap: Annotated[str, typer.Option("--overlap", help="How long the old key stays good: 0h, 24h, 7d.")] = "24h",
    data_dir: DataDir = DATA_DIR,
    keys: KeysFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make another key of the same scope; the old one stays good for a while, so that nothing has to stop."""
    from api.access.key_file import utc_now

    entry, key = _file(data_dir, keys).rotate(name, utc_now(), _span(overlap))
    _show_new(entry, key, as_json=as_json)


@keys.command()
@plainly
def revoke(
    name: Annotated[str, typer.Argument(help="A name, which means all its keys, or the id of one.")],
    data_dir: DataDir = DATA_DIR,
    keys: KeysFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Take a key away; running processes refuse it within a second or two."""
    gone = _file(data_dir, keys).revoke(name)
    if as_json:
        put_json({"revoked": [entry.id for entry in gone]})
        return
    for entry in gone:
        put(f"revoked {entry.id} ({entry.name})")


def _file(data_dir: Path, keys: Path | None) -> "KeyFile":
    from api.access.key_file import KeyFile
    from api.settings import Settings

    return KeyFile(keys or Settings(data_dir=data_dir).keys_path)


def _span(written: str) -> timedelta:
    number, unit = written[:-1], written[-1:]
    if not number.isdecimal() or unit not in _UNIT_HOURS or len(number) > 5:
        raise Usage(f"`{written}` is no length of time: write 12h, 90d or 52w")
    return timedelta(hours=int(number) * _UNIT_HOURS[unit])


def _show_new(entry: "KeyEntry", key: str, *, as_json: bool) -> None:
    if as_json:
        put_json({"id": entry.id, "name": entry.name, "role": entry.scope.role, "key": key})
        return
    say(f"The key of {entry.name} ({entry.scope.role}, {_scope(entry)}). It is not kept: note it now.")
    put(key)


def _scope(entry: "KeyEntry") -> str:
    scope = entry.scope
    parts = (
        ("channel", scope.channels),
        ("placement", scope.placements),
        ("scheme", scope.schemes),
        ("origin", scope.origins),
    )
    return "; ".join(f"{what} {', '.join(which)}" for what, which in parts if which) or "everywhere"


def _told(entry: "KeyEntry", now: datetime) -> dict[str, Any]:
    import msgspec

    told: dict[str, Any] = msgspec.to_builtins(entry)
    told.pop("digest")
    return {**told, "good": entry.is_good(now)}
