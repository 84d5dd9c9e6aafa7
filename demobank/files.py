"""Writing the bank to disk: tables first, the manifest last, so that half a bank is never taken for a whole one."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import scipy

GENERATOR = 1  # raised whenever the same seed gives another bank
CHUNK_ROWS = 1_000_000
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a bank is made from: two equal recipes give the same bytes on one machine."""

    seed: int
    customers: int
    as_of: str
    rules: str
    generator: int
    versions: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFile:
    rows: int
    bytes: int
    sha256: str


def recipe(seed: int, customers: int, as_of: str, rules: str) -> Recipe:
    versions = {
        "python": ".".join(map(str, sys.version_info[:2])),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "polars": pl.__version__,
        "pyarrow": pa.__version__,
    }
    return Recipe(seed=seed, customers=customers, as_of=as_of, rules=rules, generator=GENERATOR, versions=versions)


def chunks(count: int) -> Iterator[slice]:
    """At least one slice, so that an empty table still gets its columns."""
    for start in range(0, max(count, 1), CHUNK_ROWS):
        yield slice(start, min(start + CHUNK_ROWS, count))


class Folder:
    """Collects the files of one bank and seals them with a manifest."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._files: dict[str, TableFile] = {}
        for part in ("bank", "truth"):
            (data_dir / part).mkdir(parents=True, exist_ok=True)
        (data_dir / "bank" / MANIFEST).unlink(missing_ok=True)

    def write_table(self, name: str, frames: Iterator[pl.DataFrame]) -> None:
        """Write frames of one schema as one Parquet file, `bank/customers` becoming bank/customers.parquet."""
        path = self._data_dir / f"{name}.parquet"
        partial = path.with_suffix(".partial")
        first = next(frames).to_arrow(compat_level=pl.CompatLevel.oldest())
        rows = first.num_rows
        with pq.ParquetWriter(partial, first.schema, compression="zstd") as writer:
            writer.write_table(first)
            for frame in frames:
                rows += frame.height
                writer.write_table(frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
        self._adopt(partial, path, rows)

    def write_text(self, name: str, text: str) -> None:
        path = self._data_dir / name
        partial = path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        self._adopt(partial, path, text.count("\n"))

    def seal(self, made_from: Recipe) -> None:
        """Write the manifest; from here on the bank counts as whole."""
        content = {**asdict(made_from), "files": {name: asdict(file) for name, file in sorted(self._files.items())}}
        path = self._data_dir / "bank" / MANIFEST
        partial = path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    @property
    def files(self) -> dict[str, TableFile]:
        return dict(self._files)

    def _adopt(self, partial: Path, path: Path, rows: int) -> None:
        partial.replace(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        name = path.relative_to(self._data_dir).as_posix()
        self._files[name] = TableFile(rows=rows, bytes=path.stat().st_size, sha256=digest)


def existing_bank(data_dir: Path, wanted: Recipe) -> dict[str, TableFile] | None:
    """The files of a whole bank already made from this recipe, otherwise None. Sizes are compared, contents are not."""
    try:
        content = json.loads((data_dir / "bank" / MANIFEST).read_text(encoding="utf-8"))
        files = {name: TableFile(**file) for name, file in content.pop("files").items()}
        whole = all((data_dir / name).stat().st_size == file.bytes for name, file in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return files if whole and content == asdict(wanted) else None
