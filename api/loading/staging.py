"""Holds staged rows on disk, split into buckets of customers, so that a load needs the memory of one bucket only."""

import fcntl
import shutil
from collections import Counter
from pathlib import Path
from typing import IO, Final, Self

import polars as pl

_BUCKET_BYTES: Final = 64_000_000
_BUCKET: Final = "\x1fbucket"


def buckets_for(source_bytes: int) -> int:
    """How many buckets a load of so many bytes is split into."""
    return 1 + source_bytes // _BUCKET_BYTES


class StagingBusy(Exception):
    """Another load stages its rows in the same folder."""


class Staging:
    """A folder of staged rows by name and bucket, for one load at a time; emptied when it opens and when it closes."""

    def __init__(self, folder: Path, buckets: int) -> None:
        self.buckets = buckets
        self._folder = folder
        self._written: Counter[tuple[str, int]] = Counter()
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        """Take the folder; what a killed load left in it goes.

        Raises:
            StagingBusy: another load has it.
        """
        self._folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = self._folder.with_suffix(".lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise StagingBusy(f"another load is running in {self._folder.parent}") from error
        self._lock = lock
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()

    def append(self, name: str, rows: pl.DataFrame, by: str) -> None:
        """Add rows to the buckets of the values of a column: equal values always meet in one bucket."""
        if rows.is_empty():
            return
        if self.buckets == 1:
            self._write(name, 0, rows)
            return
        bucketed = rows.with_columns((pl.col(by).hash(seed=0) % self.buckets).alias(_BUCKET))
        for (bucket,), part in bucketed.group_by(_BUCKET):
            assert isinstance(bucket, int)
            self._write(name, bucket, part.drop(_BUCKET))

    def read(self, name: str, bucket: int) -> pl.DataFrame | None:
        """The rows of a bucket in the order they were added; None where there are none."""
        count = self._written[name, bucket]
        if not count:
            return None
        return pl.concat([pl.read_ipc(self._path(name, bucket, at)) for at in range(count)])

    def _write(self, name: str, bucket: int, rows: pl.DataFrame) -> None:
        rows.write_ipc(self._path(name, bucket, self._written[name, bucket]))
        self._written[name, bucket] += 1

    def _path(self, name: str, bucket: int, at: int) -> Path:
        return self._folder / f"{name.replace(' ', '-')}-{bucket}-{at}.arrow"
