"""Source systems' records as one table: whose, by which id, and the fields as they are compared."""

from pathlib import Path
from typing import Final

import polars as pl

from api.linkage.spec import Kind, Linkage, LinkageError, Source

RECORD: Final = "record"
"""`source:id`: what a record is called from here on."""
_LETTERS: Final = r"[^\p{L}\p{N}@.+\- ]"


def read_records(linkage: Linkage) -> pl.DataFrame:
    """All records, ordered by name: `record`, `source`, `id`, then the fields; what is empty is missing.

    Raises:
        LinkageError: a file or a column is not there, or an id is missing or stands twice.
    """
    frames = [_read(linkage, name, source) for name, source in linkage.sources.items()]
    records = pl.concat(frames)
    for field in linkage.fields:
        if records[field].null_count() == records.height:
            raise LinkageError(f"no source has anything under `{field}`; name its column in `columns`")
    return records.sort(RECORD)


def _read(linkage: Linkage, name: str, source: Source) -> pl.DataFrame:
    path = Path(linkage.folder) / source.file
    try:
        table = pl.read_csv(path, separator=source.separator, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise LinkageError(f"`{name}`: {path} cannot be read: {' '.join(str(error).split())}") from error
    for column in (source.id, *source.columns.values()):
        if column not in table.columns:
            raise LinkageError(f"`{name}`: {path} has no column `{column}`; it has {', '.join(table.columns)}")
    ids = table[source.id]
    if ids.null_count():
        raise LinkageError(f"`{name}`: {path} has rows without `{source.id}`")
    if ids.n_unique() < len(ids):
        twice = ids.filter(ids.is_duplicated()).sort()[0]
        raise LinkageError(f"`{name}`: {path} has `{source.id}` {twice} twice; link rows of one id before")
    return table.select(
        (pl.lit(f"{name}:") + pl.col(source.id)).alias(RECORD),
        pl.lit(name).alias("source"),
        pl.col(source.id).alias("id"),
        *(_field(linkage, table, source, field) for field in linkage.fields),
    )


def _field(linkage: Linkage, table: pl.DataFrame, source: Source, field: str) -> pl.Expr:
    column = source.columns.get(field, field)
    if column not in table.columns:
        return pl.lit(None, dtype=pl.String).alias(field)
    text = pl.col(column).str.strip_chars().str.to_lowercase().str.replace_all(r"\s+", " ")
    if linkage.compare.get(field) is Kind.NAME:
        text = text.str.replace_all(_LETTERS, "")
    return pl.when(text.str.len_chars() > 0).then(text).alias(field)
