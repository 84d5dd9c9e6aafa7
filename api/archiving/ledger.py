"""The archive's ledger and its anchors, each a file of lines that only grows.

ledger.jsonl    a line a batch: its files with their rows and hashes, and how far each partition came. A batch counts
                once its line stands whole; what a killed archiver leaves beside that is removed and written again.
anchors.jsonl   a line an hour: one hash over the heads of all partitions.
heads.json      how far everything came at the last anchor, so that a start need not read the whole ledger.

Lines are signed with a key of the installation, and each holds the hash of the one before it.
"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from api.archiving.chain import START, Head, joint
from api.archiving.errors import ArchiveDamaged
from api.archiving.files import append_durably, replace_durably

LEDGER: Final = "ledger.jsonl"
ANCHORS: Final = "anchors.jsonl"
HEADS: Final = "heads.json"
BEGIN: Final = sha256(b"").hexdigest()
"""What stands before the first line of a file."""
_LONGEST_LINE: Final = 2**20
"""With every partition in it a line has some 100 kB."""
StoredHead = tuple[int, str, str]
"""A head with its hash in hexadecimal."""


class FileNote(msgspec.Struct, frozen=True):
    """A file as it was written."""

    rows: int
    sha256: str


class Batch(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the ledger."""

    batch: int
    written_at: str
    files: dict[str, FileNote]
    """By path below the archive."""
    heads: dict[str, StoredHead]
    """Of the partitions that came further, by number."""
    previous: str
    """The hash of the line before."""
    dropped: list[str] = []
    """Files of earlier batches that were past their time."""
    signature: str = ""


class Anchor(msgspec.Struct, frozen=True):
    """A line of the anchors."""

    anchor: int
    anchored_at: str
    batch: int
    """The last batch that it covers."""
    records: int
    """In all partitions together."""
    ledger: str
    """The hash of that batch's line."""
    heads: str
    """One hash over the heads of all partitions."""
    previous: str
    """The hash of the anchor before."""
    signature: str = ""


Line = TypeVar("Line", bound=Batch | Anchor)


class _Heads(msgspec.Struct):
    batch: int
    offset: int
    ledger: str
    heads: dict[str, StoredHead]


_decode_batch: Final = msgspec.json.Decoder(Batch).decode
_decode_anchor: Final = msgspec.json.Decoder(Anchor).decode


def hash_of(line: bytes) -> str:
    """What the next line holds of one."""
    return sha256(line.rstrip(b"\n")).hexdigest()


def signing_key(token_key: bytes) -> bytes:
    """The key of the anchors' signatures, made from the installation's own."""
    return hmac.digest(token_key, b"archive anchors", "sha256")


def signed(line: Line, key: bytes) -> Line:
    """A line with its signature."""
    unsigned = msgspec.json.encode(msgspec.structs.replace(line, signature=""))
    return msgspec.structs.replace(line, signature=hmac.digest(key, unsigned, "sha256").hex())


def is_signed(line: Batch | Anchor, key: bytes) -> bool:
    """Whether a line was signed with a key."""
    return hmac.compare_digest(line.signature, signed(line, key).signature)


def advanced(heads: dict[int, Head], batch: Batch) -> None:
    """Move heads on by a batch."""
    for partition, (sequence, entry_id, digest) in batch.heads.items():
        heads[int(partition)] = Head(sequence, entry_id, bytes.fromhex(digest))


def lines_of(path: Path, offset: int = 0) -> Iterator[bytes]:
    """The lines of a file from some byte on, each with its end; the last one may be without."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            yield from file
    except FileNotFoundError:
        return


def batches_of(archive: Path) -> Iterator[tuple[bytes, Batch]]:
    """Every whole line of the ledger.

    Raises:
        ArchiveDamaged: a line is none.
    """
    for number, line in enumerate(lines_of(archive / LEDGER), start=1):
        if line.endswith(b"\n"):
            yield line, _batch(line, number)


def _batch(line: bytes, number: int) -> Batch:
    try:
        return _decode_batch(line)
    except msgspec.DecodeError as error:
        raise ArchiveDamaged(f"{LEDGER}: line {number} is no entry of the ledger") from error


def anchors_of(archive: Path) -> Iterator[tuple[bytes, Anchor]]:
    """Every whole line of the anchors.

    Raises:
        ArchiveDamaged: a line is none.
    """
    for number, line in enumerate(lines_of(archive / ANCHORS), start=1):
        if line.endswith(b"\n"):
            try:
                yield line, _decode_anchor(line)
            except msgspec.DecodeError as error:
                raise ArchiveDamaged(f"{ANCHORS}: line {number} is no anchor") from error


def standing(archive: Path) -> tuple[dict[int, Head], int]:
    """How far each partition came, and which batch was the last that counts, for those who only read.

    Raises:
        ArchiveDamaged: the ledger was cut, or a line is none.
    """
    noted = _noted(archive)
    heads, number, offset = ({}, 0, 0) if noted is None else (_heads_of(noted), noted.batch, noted.offset)
    for line in lines_of(archive / LEDGER, offset):
        if line.endswith(b"\n"):
            number += 1
            advanced(heads, _batch(line, number))
    return heads, number


def _noted(archive: Path) -> _Heads | None:
    """What the last anchor noted."""
    try:
        noted = msgspec.json.decode((archive / HEADS).read_bytes(), type=_Heads)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    path = archive / LEDGER
    if not path.exists() or path.stat().st_size < noted.offset:
        raise ArchiveDamaged(f"{LEDGER} is shorter than it was")
    return noted


def _heads_of(noted: _Heads) -> dict[int, Head]:
    return {
        int(partition): Head(sequence, entry_id, bytes.fromhex(digest))
        for partition, (sequence, entry_id, digest) in noted.heads.items()
    }


@dataclass(slots=True)
class Ledger:
    """The ledger as the archiver goes on with it."""

    archive: Path
    key: bytes = field(repr=False)
    batch: int = 0
    """The last batch that counts."""
    heads: dict[int, Head] = field(default_factory=dict)
    anchored: Anchor | None = None
    _line: str = BEGIN
    _anchor_line: str = BEGIN

    @classmethod
    def opened(cls, archive: Path, key: bytes) -> "Ledger":
        """The ledger as an archiver left it; a line that it was killed over is taken away.

        Raises:
            ArchiveDamaged: it was cut, or holds something else.
        """
        ledger = cls(archive, key)
        for name in (LEDGER, ANCHORS):
            _drop_torn_line(archive / name)
        offset = ledger._resume()
        for line in lines_of(archive / LEDGER, offset):
            batch = _batch(line, ledger.batch + 1)
            if batch.previous != ledger._line or batch.batch != ledger.batch + 1:
                raise ArchiveDamaged(f"{LEDGER}: batch {batch.batch} does not follow the one before it")
            if not is_signed(batch, key):
                raise ArchiveDamaged(f"{LEDGER}: batch {batch.batch} is not signed with the key of this installation")
            ledger._note(line, batch)
        for line, anchor in anchors_of(archive):
            ledger.anchored, ledger._anchor_line = anchor, hash_of(line)
        if ledger.anchored is not None and ledger.anchored.batch > ledger.batch:
            raise ArchiveDamaged(f"{LEDGER} ends before batch {ledger.anchored.batch}, which is anchored")
        return ledger

    def _resume(self) -> int:
        """Take up what the last anchor noted; how much of the ledger that spares."""
        noted = _noted(self.archive)
        if noted is None:
            return 0
        self.batch, self._line = noted.batch, noted.ledger
        self.heads = _heads_of(noted)
        return noted.offset

    def _note(self, line: bytes, batch: Batch) -> None:
        self.batch, self._line = batch.batch, hash_of(line)
        advanced(self.heads, batch)

    def head(self, partition: int) -> Head:
        """How far a partition is archived."""
        return self.heads.get(partition, START)

    def append(self, files: Mapping[str, FileNote], heads: Mapping[int, Head], now_s: float) -> None:
        """Make a batch count, whose files are on the disk."""
        stored = {str(partition): _stored(head) for partition, head in heads.items()}
        self._append(Batch(self.batch + 1, instant(now_s), dict(files), stored, self._line))

    def drop(self, names: Sequence[str], now_s: float) -> None:
        """Note that files are past their time, so that nobody misses them."""
        self._append(Batch(self.batch + 1, instant(now_s), {}, {}, self._line, list(names)))

    def _append(self, batch: Batch) -> None:
        batch = signed(batch, self.key)
        line = msgspec.json.encode(batch) + b"\n"
        append_durably(self.archive / LEDGER, line)
        self._note(line, batch)

    def anchor(self, now_s: float) -> Anchor:
        """Anchor everything that counts."""
        before = self.anchored
        anchor = Anchor(
            anchor=1 if before is None else before.anchor + 1,
            anchored_at=instant(now_s),
            batch=self.batch,
            records=sum(head.sequence for head in self.heads.values()),
            ledger=self._line,
            heads=joint(self.heads),
            previous=self._anchor_line,
        )
        anchor = signed(anchor, self.key)
        line = msgspec.json.encode(anchor) + b"\n"
        append_durably(self.archive / ANCHORS, line)
        self.anchored, self._anchor_line = anchor, hash_of(line)
        heads = {str(partition): _stored(head) for partition, head in self.heads.items()}
        noted = _Heads(self.batch, (self.archive / LEDGER).stat().st_size, self._line, heads)
        replace_durably(self.archive / HEADS, msgspec.json.encode(noted))
        return anchor


def _stored(head: Head) -> StoredHead:
    return head.sequence, head.entry_id, head.hash.hex()


def _drop_torn_line(path: Path) -> None:
    """Take away what stands after the last whole line."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        size = path.stat().st_size
        from_byte = max(0, size - _LONGEST_LINE)
        file.seek(from_byte)
        end = from_byte + file.read().rfind(b"\n") + 1
        if end < size:
            file.truncate(end)


def instant(at_s: float) -> str:
    """An instant as RFC 3339 in UTC."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
