"""The models of an installation: DATA_DIR/models/<version>/, and the pointer `current` to the one that serves."""

import getpass
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from models.artefact import Manifest, read_manifest
from models.baseline import Baseline
from models.challenge import CHALLENGE, Challenge, read_challenge
from models.durable import sync_folder, write_durably
from models.errors import ModelRefused
from models.features import PlanView
from models.journal import Change, alone, append, changes
from models.loading import load_model
from models.promotion import Candidate, objections, read_evidence
from models.propensity import PropensityModel
from models.verify import TIMEOUT_S, verify_in_child

CURRENT: Final = "current"
_VERSION_LENGTH: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """A model on disk. Either its manifest can be read, or `problem` says why not."""

    version: str
    current: bool
    manifest: Manifest | None
    problem: str = ""


@dataclass(frozen=True)
class Registry:
    """Lists, loads and promotes the models of one folder; the folder need not exist."""

    models_dir: Path

    def current(self) -> str | None:
        """The version that serves, whether or not it can be loaded; None where there is none."""
        try:
            return (self.models_dir / CURRENT).read_text(encoding="ascii").strip() or None
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ModelRefused("the pointer to the current model cannot be read") from error

    def models(self) -> tuple[StoredModel, ...]:
        """Every model, the newest training data first."""
        if not self.models_dir.is_dir():
            return ()
        folders = [path for path in sorted(self.models_dir.iterdir()) if len(path.name) == _VERSION_LENGTH]
        stored = [self._stored(folder) for folder in folders if folder.is_dir()]
        return tuple(sorted(stored, key=_newest_first))

    def resolve(self, prefix: str) -> str:
        """The one version that starts so.

        Raises:
            ModelRefused: there is none, or there are several.
        """
        found = [stored.version for stored in self.models() if prefix and stored.version.startswith(prefix)]
        if len(found) != 1:
            raise ModelRefused(f"{len(found) or 'no'} models start with `{prefix}`")
        return found[0]

    def load(self, version: str | None = None, *, timeout_s: float = TIMEOUT_S) -> PropensityModel:
        """Load a model, the current one by default: first in a child process, then here.

        Raises:
            ModelRefused: there is none, or it is damaged; nothing of it serves.
        """
        folder = self._folder(version)
        verify_in_child(folder, timeout_s)
        return load_model(folder)

    def promote(
        self,
        version: str,
        *,
        who: str = "",
        why: str = "",
        overruled: tuple[str, ...] = (),
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Make a model the current one, in one step, after verifying it; `overruled` is what spoke against it.

        A challenge that runs ends with that.

        Raises:
            ModelRefused: it is damaged; the current one stays.
        """
        self._make_current("promote", version, who, why, overruled, timeout_s)

    def rollback(self, *, who: str, why: str, timeout_s: float = TIMEOUT_S) -> str:
        """Make the model current again that served before the current one, and return its version.

        Raises:
            ModelRefused: none did, or it is damaged; the current one stays.
        """
        current = self.current()
        served = (change for change in reversed(changes(self.models_dir)) if change.version == current)
        before = next((change.before for change in served if change.what == "promote"), None)
        if current is None or before is None:
            raise ModelRefused("no model served before the current one")
        self._make_current("rollback", before, who, why, (), timeout_s)
        return before

    def challenge(self, version: str, *, share: float, days: int, who: str, why: str) -> Challenge:
        """Let a model score for a share of the customers, in one step, after verifying it; servers take it up.

        After so many `days` the two are compared.

        Raises:
            ModelRefused: it is damaged, it serves already, or another challenge runs.
        """
        running = read_challenge(self.models_dir)
        if running is not None:
            raise ModelRefused(f"{running.version[:12]} challenges already: end that first")
        current = self.current()
        if current is None or current == version:
            raise ModelRefused("the model serves already" if current else "there is no model to be challenged")
        verify_in_child(self._folder(version))
        began = datetime.now(UTC)
        until = began + timedelta(days=days)
        challenge = Challenge(version=version, share=share, salt=secrets.token_hex(8), since=began, until=until)
        with alone(self.models_dir):
            self._note("challenge", version, current, who, why, ())
            self._write(CHALLENGE, msgspec.json.encode(challenge))
            self._write(CURRENT, f"{current}\n".encode())
        return challenge

    def end_challenge(self, *, who: str, why: str) -> str:
        """Let the current model score for everybody again, and return the version that challenged it.

        Raises:
            ModelRefused: no challenge runs.
        """
        running, current = read_challenge(self.models_dir), self.current()
        if running is None or current is None:
            raise ModelRefused("no challenge runs")
        with alone(self.models_dir):
            self._note("end_challenge", running.version, current, who, why, ())
            (self.models_dir / CHALLENGE).unlink()
            self._write(CURRENT, f"{current}\n".encode())
        return running.version

    def objections(self, version: str) -> tuple[str, ...]:
        """What speaks against making a model the current one.

        Raises:
            ModelRefused: it is damaged, or what is known about it is.
        """
        serving = self.current()
        current = next((each.manifest for each in self.models() if each.version == serving), None)
        return objections(
            Candidate(
                manifest=read_manifest(self._folder(version)),
                current=None if serving == version else current,
                evidence=read_evidence(self.models_dir, version),
            )
        )

    def _make_current(
        self, what: str, version: str, who: str, why: str, overruled: tuple[str, ...], timeout_s: float
    ) -> None:
        verify_in_child(self._folder(version), timeout_s)
        with alone(self.models_dir):
            self._note(what, version, self._pointed_at(), who, why, overruled)
            (self.models_dir / CHALLENGE).unlink(missing_ok=True)
            self._write(CURRENT, f"{version}\n".encode())

    def _note(
        self, what: str, version: str, before: str | None, who: str, why: str, overruled: tuple[str, ...]
    ) -> None:
        change = Change(
            at=datetime.now(UTC),
            what=what,
            version=version,
            before=before,
            who=who or _whoever(),
            why=why,
            objections=overruled,
        )
        append(self.models_dir, change)

    def _write(self, name: str, content: bytes) -> None:
        """Replace a small file in one step; a pointer that is written again makes servers look at what stands there."""
        staged = self.models_dir / f".{name}-{os.getpid()}"
        write_durably(staged, content)
        staged.replace(self.models_dir / name)
        sync_folder(self.models_dir)

    def _pointed_at(self) -> str | None:
        """What the pointer says, as long as it can be read: a damaged one is no reason not to mend it."""
        try:
            return self.current()
        except ModelRefused:
            return None

    def baseline(self, plan: PlanView) -> Baseline:
        """What serves without a model: base rates of the current model's manifest, else of the newest readable one."""
        for stored in sorted(self.models(), key=lambda stored: not stored.current):
            if stored.manifest is not None:
                return Baseline(plan, stored.manifest.learned, stored.version)
        return Baseline(plan)

    def _folder(self, version: str | None) -> Path:
        wanted = self.current() if version is None else version
        if wanted is None:
            raise ModelRefused("no model has been promoted yet")
        if len(wanted) != _VERSION_LENGTH or not wanted.isalnum() or not (self.models_dir / wanted).is_dir():
            raise ModelRefused("the model that should serve is not there")
        return self.models_dir / wanted

    def _stored(self, folder: Path) -> StoredModel:
        try:
            serving = self.current() == folder.name
        except ModelRefused:
            serving = False
        try:
            return StoredModel(version=folder.name, current=serving, manifest=read_manifest(folder))
        except ModelRefused as refusal:
            return StoredModel(version=folder.name, current=serving, manifest=None, problem=refusal.reason)


def _whoever() -> str:
    """Who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _newest_first(stored: StoredModel) -> tuple[int, str]:
    return (-stored.manifest.training.cutoff_s if stored.manifest else 0, stored.version)


def open_registry(models_dir: Path) -> Registry:
    """The models in a folder, DATA_DIR/models as a rule."""
    return Registry(models_dir)
