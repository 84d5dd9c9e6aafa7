"""Reads rule files from a folder or from a built bundle, and builds one: a zip archive that names its own hash.

A built bundle holds the very files, no code; equal files give an equal archive.
"""

import io
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from engine.compiler.bundle import MODEL, hash_of
from engine.compiler.parse import MAX_BYTES

SUFFIX: Final = ".nextbest"
_MOST_FILES: Final = 20_000
_MOST_BYTES: Final = 32 * 2**20
_ENDING: Final = re.compile(r"\.ya?ml$", re.IGNORECASE)
"""Files that end otherwise than in `.yaml` are read all the same, so that the compiler can say how to call them."""
_WRITTEN_AT: Final = (1980, 1, 1, 0, 0, 0)
"""The first instant that a zip archive can tell: when a bundle was built is no part of it."""


class BundleUnreadable(Exception):
    """What should hold rule files cannot be read; one sentence says why."""


def read_rules(source: Path) -> dict[str, bytes]:
    """The rule files of a folder or of a built bundle, by their path inside it.

    Raises:
        BundleUnreadable: there is nothing there, or the bundle is damaged.
    """
    if source.is_dir():
        return _read_folder(source)
    content = _content(source, _MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise BundleUnreadable(f"{source} has more than {_MOST_BYTES:,} bytes")
    return read_archive(content, str(source))


def _read_folder(folder: Path) -> dict[str, bytes]:
    """Every `.yaml` file below it, links followed; what begins with a dot belongs to editors and to mounts.

    Of a file that is too large only so much is read that the compiler refuses it by name. What cannot be read at all
    is told all at once.
    """
    files: dict[str, bytes] = {}
    unreadable = []
    total = 0
    for path in _rule_files(folder):
        try:
            content = _content(path, MAX_BYTES + 1)
        except BundleUnreadable as error:
            unreadable.append(str(error))
            continue
        total += len(content)
        if len(files) >= _MOST_FILES or total > _MOST_BYTES:
            raise BundleUnreadable(f"{folder} holds more than {_MOST_FILES:,} files or {_MOST_BYTES:,} bytes of rules")
        files[path.relative_to(folder).as_posix()] = content
    if unreadable:
        raise BundleUnreadable("\n".join(unreadable))
    return files


def _content(path: Path, most: int) -> bytes:
    """The first bytes of an ordinary file; a pipe or a device is not waited for.

    Raises:
        BundleUnreadable: it is not there, is something else, or may not be read.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise BundleUnreadable(f"{path} is no ordinary file")
            return file.read(most)
    except FileNotFoundError as error:
        raise BundleUnreadable(f"{path} is not there") from error
    except OSError as error:
        raise BundleUnreadable(f"{path} cannot be read: {error.strerror}") from error


def _rule_files(folder: Path) -> Iterator[Path]:
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            raise BundleUnreadable(f"{parent} leads back to a folder that holds it")
        seen.add(real)
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        here = Path(parent)
        yield from (here / name for name in sorted(names) if _ENDING.search(name) and not name.startswith("."))
        if here == folder and MODEL in names:
            yield here / MODEL


def build_archive(files: Mapping[str, bytes]) -> bytes:
    """The built bundle of rule files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = hash_of(files).encode()
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _WRITTEN_AT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return packed.getvalue()


def read_archive(content: bytes, name: str) -> dict[str, bytes]:
    """The files of a built bundle.

    Raises:
        BundleUnreadable: it is none, it is damaged, or it unpacks to more than any rules need.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) > _MOST_FILES or sum(entry.file_size for entry in entries) > _MOST_BYTES:
                raise BundleUnreadable(f"{name} unpacks to more than rules can be")
            files = {entry.filename: archive.read(entry) for entry in entries}
            stated = archive.comment.decode("ascii", "replace")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise BundleUnreadable(f"{name} is neither a folder of rules nor a built bundle") from error
    if hash_of(files) != stated or len(files) != len(entries):
        raise BundleUnreadable(f"{name} is damaged: its files are not those that its hash names")
    return files
