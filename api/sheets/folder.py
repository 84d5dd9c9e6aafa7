"""Writes the files of a rules folder: all of them, or none; nobody ever reads half a file."""

import os
from collections.abc import Mapping
from pathlib import Path

from api.adapters.bundle_files import read_rules


class FolderChanged(Exception):
    """Somebody changed the folder while the workbook was being judged."""


def rule_files(folder: Path) -> dict[str, bytes]:
    """The rule files of a folder, none where there is no folder yet."""
    return read_rules(folder) if folder.is_dir() else {}


def write_files(folder: Path, files: Mapping[str, bytes | None], seen: Mapping[str, bytes]) -> None:
    """Replace and remove files; where one of them fails, those before it are put back.

    Raises:
        FolderChanged: the folder is not as it was `seen`.
        OSError: a file cannot be written; the folder is as it was.
    """
    if rule_files(folder) != seen:
        raise FolderChanged(f"{folder} changed while the workbook was being read: run the import again")
    drafts: dict[Path, Path] = {}
    try:
        for name, content in files.items():
            if content is not None:
                target = (folder / name).resolve()
                drafts[target] = write_file(target.with_name(f".{target.name}.{os.getpid()}.draft"), content)
        _put_in_place(folder, files, drafts, seen)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def write_file(path: Path, content: bytes) -> Path:
    """Write a file through to the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return path


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that is there as a whole or not at all."""
    target = path.resolve()
    draft = write_file(target.with_name(f".{target.name}.{os.getpid()}.draft"), content)
    try:
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _put_in_place(
    folder: Path, files: Mapping[str, bytes | None], drafts: Mapping[Path, Path], seen: Mapping[str, bytes]
) -> None:
    done: list[str] = []
    try:
        for name, content in files.items():
            target = (folder / name).resolve()
            done.append(name)
            if content is None:
                target.unlink(missing_ok=True)
            else:
                drafts[target].replace(target)
    except OSError:
        for name in done:
            if name in seen:
                replace_file(folder / name, seen[name])
            else:
                (folder / name).unlink(missing_ok=True)
        raise
