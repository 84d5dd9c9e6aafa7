"""`DATA_DIR/bundles`: every bundle that served here, which one serves, and what a child process compiled of them.

<hash>.nextbest     the files of a bundle, kept as long as the decisions made with it
current             the hash of the bundle that serves
<hash>-<build>.plan   a compiled plan with its seal, for processes of one build; it holds code, hence the seal
told-*              what somebody has told of already
judged/             verdicts on bundles, so that of several processes one judges
"""

import fcntl
import hashlib
import hmac
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final

import engine
from api.adapters.bundle_files import SUFFIX, BundleUnreadable, build_archive, read_rules
from api.security import Secrets
from models.durable import sync_folder

_CURRENT: Final = "current"
_PLANS_KEPT: Final = 4
_VERDICTS_KEPT: Final = 32
_SEAL_BYTES: Final = 32
_TOLD: Final = "told-"
_TOLD_FOR_S: Final = 60.0
"""The processes of an installation look at the same files within seconds."""


class Bundles:
    """The bundles of one installation. Everything is written whole or not at all, and for its owner only."""

    def __init__(self, data_dir: Path, keys: Secrets, root: str) -> None:
        """`root` is how diagnostics call the rules; plans carry it in their places."""
        self._folder = data_dir / "bundles"
        self._judged = self._folder / "judged"
        self._judged.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._key = hmac.digest(keys.token, b"compiled plans", "sha256")
        self._build = hashlib.sha256(f"{_build()}\0{root}".encode()).hexdigest()[:16]

    def keep(self, ruleset: str, files: Mapping[str, bytes]) -> None:
        """Keep a bundle's files."""
        if not self.archive(ruleset).exists():
            _write(self.archive(ruleset), build_archive(files), durably=True)

    def files(self, ruleset: str) -> dict[str, bytes] | None:
        """The files of a bundle that served here; None where they are gone or damaged."""
        try:
            return read_rules(self.archive(ruleset))
        except BundleUnreadable:
            return None

    def has(self, ruleset: str) -> bool:
        """Whether a bundle served here before."""
        return self.archive(ruleset).exists()

    @property
    def current(self) -> str | None:
        """The bundle that serves, or served last."""
        try:
            return (self._folder / _CURRENT).read_text(encoding="ascii").strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    def make_current(self, ruleset: str) -> None:
        """Note which bundle serves."""
        _write(self._folder / _CURRENT, f"{ruleset}\n".encode())

    def stage(self, ruleset: str, packed: bytes) -> None:
        """Hand a packed plan to whoever is to serve it."""
        path = self._plan(ruleset)
        _write(path, self._seal(ruleset, packed) + packed)
        _keep_latest(self._folder.glob("*.plan"), _PLANS_KEPT)

    def staged(self, ruleset: str) -> bytes | None:
        """A packed plan that a process of this very build and installation staged; None where there is none."""
        try:
            content = self._plan(ruleset).read_bytes()
        except OSError:
            return None
        seal, packed = content[:_SEAL_BYTES], content[_SEAL_BYTES:]
        return packed if hmac.compare_digest(seal, self._seal(ruleset, packed)) else None

    def note_verdict(self, ruleset: str, serving: str | None, verdict: bytes) -> None:
        """Keep what was found of a bundle that was to follow another."""
        _write(self._verdict(ruleset, serving), verdict)
        _keep_latest(self._judged.glob("*.json"), _VERDICTS_KEPT)

    def verdict(self, ruleset: str, serving: str | None) -> bytes | None:
        """What another process found of it already."""
        try:
            return self._verdict(ruleset, serving).read_bytes()
        except OSError:
            return None

    def first_to_tell(self, result: str, ruleset: str | None, errors: int) -> bool:
        """Whether no other process of the installation has just told of this: the log says it once."""
        name = hashlib.sha256(f"{result} {ruleset} {errors}".encode()).hexdigest()[:16]
        mine = self._folder / f"{_TOLD}{name}"
        with suppress(FileNotFoundError):
            if time.time() - mine.stat().st_mtime > _TOLD_FOR_S:
                mine.unlink()
        try:
            mine.open("x").close()
        except FileExistsError:
            return False
        for other in self._folder.glob(f"{_TOLD}*"):
            if other != mine:
                other.unlink(missing_ok=True)
        return True

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Wait until no other process judges; one that is killed is out of the way at once."""
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def archive(self, ruleset: str) -> Path:
        """Where a bundle's files are kept."""
        return self._folder / f"{_digits(ruleset)}{SUFFIX}"

    def _plan(self, ruleset: str) -> Path:
        return self._folder / f"{_digits(ruleset)}-{self._build}.plan"

    def _verdict(self, ruleset: str, serving: str | None) -> Path:
        before = "nothing" if serving is None else _digits(serving)[:24]
        return self._judged / f"{_digits(ruleset)}-{before}-{self._build}.json"

    def _seal(self, ruleset: str, packed: bytes) -> bytes:
        return hmac.digest(self._key, f"{ruleset}\0{self._build}\0".encode() + packed, "sha256")


@cache
def _build() -> str:
    """Names the interpreter and the very code of the engine: a plan fits no other."""
    folder = Path(engine.__file__).parent
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(each for each in folder.rglob("*") if each.suffix in {".py", ".so"}):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _digits(ruleset: str) -> str:
    digits = ruleset.removeprefix("sha256:")
    if not digits.isalnum():
        raise ValueError("not the hash of a bundle")
    return digits


def _write(path: Path, content: bytes, *, durably: bool = False) -> None:
    """Write a file whole, or not at all; `durably`: after a loss of power as well, for what cannot be made again."""
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        if durably:
            file.flush()
            os.fsync(file.fileno())
    draft.replace(path)
    if durably:
        sync_folder(path.parent)


def _keep_latest(paths: Iterator[Path], count: int) -> None:
    """Remove all but the files written last."""
    written: list[tuple[float, Path]] = []
    for path in paths:
        with suppress(FileNotFoundError):
            written.append((path.stat().st_mtime, path))
    for _, path in sorted(written, reverse=True)[count:]:
        path.unlink(missing_ok=True)
