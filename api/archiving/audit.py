"""Finds whatever was done to the archive after it was written: changed, dropped, reordered, inserted, cut off.

Every batch is held against the ledger, where each partition came from and came to; the ledger's lines against each
other and against the anchors; the anchors against each other and their signatures.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from api.archiving.chain import START, Head, joint, link
from api.archiving.errors import ArchiveDamaged
from api.archiving.files import EVENTS, QUARANTINE
from api.archiving.ledger import (
    ANCHORS,
    BEGIN,
    LEDGER,
    Anchor,
    Batch,
    StoredHead,
    advanced,
    anchors_of,
    batches_of,
    hash_of,
    is_signed,
)
from api.archiving.tables import Row, Unreadable, read

UNSIGNED: Final = "is not signed with the key of this installation"
Placed = tuple[str, int, Row]
"""A row with its file and its number in it."""


@dataclass(slots=True)
class Audit:
    """What was looked at, and what was found; each finding names a file, and a row or line where it can."""

    findings: list[str] = field(default_factory=list)
    records: int = 0
    files: int = 0
    batches: int = 0
    anchors: int = 0
    signed: bool = False
    last_anchor: Anchor | None = None
    last_anchor_hash: str | None = None
    beyond_anchor: int = 0
    """Records that came after the last anchor: until the next one their end could be cut off unseen."""


def verify(archive: Path, key: bytes | None, *, day: str | None = None, anchored: str | None = None) -> Audit:
    """Verify an archive, or the batches with files of one day; ledger and anchors are verified whole in any case.

    Without the key, signatures are not looked at. `anchored` is an anchor's hash that was kept elsewhere.
    """
    return _verify(archive, key, day, anchored, "")


def verify_events(archive: Path, key: bytes | None, *, day: str | None = None) -> Audit:
    """The same of the archives of events and of what was put aside, which have ledgers and anchors of their own."""
    events = _verify(archive / EVENTS, key, day, None, f"{EVENTS}/")
    aside = _verify(archive / QUARANTINE, key, day, None, f"{QUARANTINE}/")
    events.findings += aside.findings
    events.records += aside.records
    events.files += aside.files
    events.beyond_anchor += aside.beyond_anchor
    return events


def _verify(archive: Path, key: bytes | None, day: str | None, anchored: str | None, prefix: str) -> Audit:
    audit = Audit(signed=key is not None)
    try:
        anchors = _anchors(archive, key, anchored, audit)
        _ledger(archive, key, anchors, day, audit)
    except ArchiveDamaged as damage:
        audit.findings.append(str(damage))
    audit.findings = [prefix + finding for finding in audit.findings]
    return audit


def _anchors(archive: Path, key: bytes | None, anchored: str | None, audit: Audit) -> list[Anchor]:
    found: list[Anchor] = []
    previous, hashes = BEGIN, set()
    for number, (line, anchor) in enumerate(anchors_of(archive), start=1):
        where = f"{ANCHORS}: line {number}"
        if anchor.previous != previous or anchor.anchor != number:
            audit.findings.append(f"{where} does not follow the anchor before it")
        if key is not None and not is_signed(anchor, key):
            audit.findings.append(f"{where} {UNSIGNED}")
        previous = hash_of(line)
        hashes.add(previous)
        found.append(anchor)
    if anchored is not None and anchored not in hashes:
        audit.findings.append(f"{ANCHORS}: the anchor {anchored} is not among them: anchors were cut off or rewritten")
    audit.anchors = len(found)
    if found:
        audit.last_anchor, audit.last_anchor_hash = found[-1], previous
    return found


def _ledger(archive: Path, key: bytes | None, anchors: list[Anchor], day: str | None, audit: Audit) -> None:
    heads: dict[int, Head] = {}
    there = {path.relative_to(archive).as_posix() for path in archive.glob("day=*/*")}
    dropped = {name for _, batch in batches_of(archive) for name in batch.dropped}
    anchor_by_batch = {anchor.batch: (number, anchor) for number, anchor in enumerate(anchors, start=1)}
    noted: set[str] = set()
    previous, last = BEGIN, 0
    for number, (line, batch) in enumerate(batches_of(archive), start=1):
        if batch.previous != previous or batch.batch != number:
            audit.findings.append(f"{LEDGER}: line {number} does not follow the line before it")
        if key is not None and not is_signed(batch, key):
            audit.findings.append(f"{LEDGER}: line {number} {UNSIGNED}")
        if day is None or any(name.startswith(f"day={day}/") for name in batch.files):
            _batch(archive, batch, heads, dropped, audit)
        advanced(heads, batch)
        noted.update(batch.files)
        previous, last = hash_of(line), number
        if number in anchor_by_batch:
            _hold_against(anchor_by_batch[number], previous, heads, audit)
    for at, anchor in enumerate(anchors, start=1):
        if anchor.batch > last:
            audit.findings.append(
                f"{LEDGER} ends with line {last}: anchor {at} of {anchor.anchored_at} covers {anchor.batch} "
                f"with {anchor.records:,} records"
            )
    total = sum(head.sequence for head in heads.values())
    audit.beyond_anchor = max(0, total - (anchors[-1].records if anchors else 0))
    for name in sorted(there - noted):
        if not _is_being_written(name, last) and (day is None or name.startswith(f"day={day}/")):
            audit.findings.append(f"{name}: the archiver did not write this file")


def _is_being_written(name: str, last: int) -> bool:
    return name.endswith(f"-{last + 1:08}.parquet")


def _hold_against(numbered: tuple[int, Anchor], line: str, heads: dict[int, Head], audit: Audit) -> None:
    number, anchor = numbered
    if anchor.ledger != line or anchor.heads != joint(heads):
        audit.findings.append(
            f"{LEDGER}: line {anchor.batch} or one before it is not what anchor {number} of {anchor.anchored_at} names"
        )


def _batch(archive: Path, batch: Batch, before: dict[int, Head], dropped: set[str], audit: Audit) -> None:
    """Hold the files of a batch against where its partitions came from and came to.

    Where some are past their time and gone, the others are held against their bytes alone.
    """
    found: list[Placed] = []
    findings: list[str] = []
    names = sorted(batch.files.keys() - dropped)
    for name in names:
        found += _file(archive, name, findings)
    audit.batches += 1
    audit.files += len(names)
    audit.records += len(found)
    after = {int(partition): head for partition, head in batch.heads.items()}
    if len(names) == len(batch.files):
        findings = findings or list(_chains(found, before, after))
    audit.findings += findings or [
        f"{name}: its bytes are not those that were written"
        for name in names
        if sha256((archive / name).read_bytes()).hexdigest() != batch.files[name].sha256
    ]


def _file(archive: Path, name: str, findings: list[str]) -> list[Placed]:
    path = archive / name
    if not path.exists():
        findings.append(f"{name}: is missing")
        return []
    try:
        return [(name, number, row) for number, row in enumerate(read(path), start=1)]
    except Unreadable as unreadable:
        findings.append(f"{name}: {unreadable}")
        return []


def _chains(found: list[Placed], before: dict[int, Head], after: dict[int, StoredHead]) -> Iterator[str]:
    by_partition: dict[int, list[Placed]] = {}
    latest: dict[tuple[str, int], int] = {}
    for name, number, row in found:
        if row.sequence < latest.get((name, row.partition), 0):
            yield f"{name}: row {number} stands out of order (record {row.sequence} of partition {row.partition})"
        latest[name, row.partition] = row.sequence
        by_partition.setdefault(row.partition, []).append((name, number, row))
    for partition in sorted(by_partition.keys() | after.keys()):
        placed = sorted(by_partition.get(partition, ()), key=lambda each: each[2].sequence)
        end = after.get(partition)
        if end is None:
            name, number, row = placed[0]
            yield f"{name}: row {number}: record {row.sequence} of partition {partition} was inserted"
            continue
        yield from _chain(partition, placed, before.get(partition, START), Head(end[0], end[1], bytes.fromhex(end[2])))


def _chain(partition: int, placed: list[Placed], head: Head, end: Head) -> Iterator[str]:
    """The first thing that is wrong with a partition's part of a batch."""
    sequence, digest = head.sequence, head.hash
    for name, number, row in placed:
        where = f"{name}: row {number}"
        if row.sequence == sequence or row.sequence > end.sequence:
            yield f"{where}: record {row.sequence} of partition {partition} was inserted"
            return
        if row.sequence != sequence + 1:
            yield f"{where}: before it record {sequence + 1} of partition {partition} is missing"
            return
        expected = link(digest, row.table.name, row.values)
        if expected != row.hash:
            yield f"{where}: record {row.sequence} of partition {partition} or the one before it was changed"
            return
        sequence, digest = row.sequence, row.hash
    if sequence != end.sequence:
        last = f"{placed[-1][0]}: after row {placed[-1][1]}" if placed else LEDGER
        yield f"{last}: record {sequence + 1} of partition {partition} is missing at the end"
    elif digest != end.hash:
        name, number, _ = placed[-1]
        yield f"{name}: row {number}: record {sequence} of partition {partition} is not the one that the ledger names"
