"""Each way of tampering with an archive is found, with the file and the row or line."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from api.archiving.audit import verify
from api.archiving.chain import Head, link
from api.archiving.ledger import ANCHORS, HEADS, LEDGER, FileNote, Ledger, batches_of, lines_of, signing_key
from api.archiving.tables import Row, read, write
from api.security import open_secrets
from tests.integration.archiving.conftest import Archived


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of an archive to be tampered with."""

    folder: Path
    key: bytes

    @property
    def file(self) -> Path:
        """A file of decisions of the second batch."""
        return sorted(self.folder.glob("day=*/decisions-00000002.parquet"))[1]

    @property
    def name(self) -> str:
        """How findings call it."""
        return self.file.relative_to(self.folder).as_posix()

    def findings(self, key: bytes | None = None, anchored: str | None = None) -> list[str]:
        """What the audit finds."""
        return verify(self.folder, key or self.key, anchored=anchored).findings

    def rewrite(self, change: Callable[[list[Row]], list[Row]]) -> None:
        """Write the file's rows again, changed."""
        write(change(list(read(self.file))), self.file)


@pytest.fixture
def copy(archived: Archived, tmp_path: Path) -> Copy:
    """A copy of the archive."""
    shutil.copytree(archived.folder, tmp_path / "archive")
    return Copy(tmp_path / "archive", signing_key(open_secrets(archived.settings).token))


def changed(row: Row, column: str, value: object) -> Row:
    """A row with another value."""
    at = row.table.columns.index(column)
    return row._replace(values=(*row.values[:at], value, *row.values[at + 1 :]))


@pytest.mark.parametrize(
    ("column", "value"),
    [("recorded", b"another"), ("channel", "pigeon"), ("facts", "{}"), ("actions", None), ("decided_at", 0)],
)
def test_a_changed_value_is_found_in_any_column(copy: Copy, column: str, value: object) -> None:
    copy.rewrite(lambda rows: [*rows[:4], changed(rows[4], column, value), *rows[5:]])
    (found,) = copy.findings()
    assert found.startswith(f"{copy.name}: row 5: record ")
    assert found.endswith("was changed")


def test_a_changed_factor_of_one_action_is_found(copy: Copy) -> None:
    def dearer(rows: list[Row]) -> list[Row]:
        lists = list(rows[7].value("actions"))
        lists[4] = [*lists[4][:-1], 1e6]
        return [*rows[:7], changed(rows[7], "actions", tuple(lists)), *rows[8:]]

    copy.rewrite(dearer)
    (found,) = copy.findings()
    assert found.startswith(f"{copy.name}: row 8: record ")


def test_a_record_changed_with_its_own_hash_is_found(copy: Copy) -> None:
    """What follows it, or the ledger, gives it away."""

    def forged(rows: list[Row]) -> list[Row]:
        row = changed(rows[4], "channel", "pigeon")
        return [*rows[:4], row._replace(hash=link(bytes(32), row.table.name, row.values)), *rows[5:]]

    copy.rewrite(forged)
    (found,) = copy.findings()
    assert copy.name in found


@pytest.mark.parametrize("at", [0, 40, -1])
def test_a_dropped_record_is_found(copy: Copy, at: int) -> None:
    gone = list(read(copy.file))[at]
    copy.rewrite(lambda rows: [row for row in rows if row != gone])
    (found,) = copy.findings()
    assert f"record {gone.sequence} of partition {gone.partition} is missing" in found


def test_the_last_record_of_a_partition_that_was_dropped_is_found(copy: Copy) -> None:
    rows = list(read(copy.file))
    last = max((row for row in rows if row.partition == rows[0].partition), key=lambda row: row.sequence)
    copy.rewrite(lambda rows: [row for row in rows if row != last])
    (found,) = copy.findings()
    assert f"record {last.sequence} of partition {last.partition} is missing" in found


def test_reordered_records_are_found(copy: Copy) -> None:
    """In the file alone, and with their numbers exchanged."""
    rows = list(read(copy.file))
    of_one = next(
        [row for row in rows if row.partition == each.partition]
        for each in rows
        if sum(row.partition == each.partition for row in rows) > 1
    )
    first, second = rows.index(of_one[0]), rows.index(of_one[1])
    rows[first], rows[second] = rows[second], rows[first]
    copy.rewrite(lambda _: rows)
    (found,) = copy.findings()
    assert found.startswith(f"{copy.name}: row {second + 1} stands out of order")
    rows[first] = changed(rows[first], "sequence", of_one[0].sequence)
    rows[second] = changed(rows[second], "sequence", of_one[1].sequence)
    copy.rewrite(lambda _: rows)
    (found,) = copy.findings()
    assert "was changed" in found


def test_rows_of_different_partitions_exchanged_are_found(copy: Copy) -> None:
    """They are the same records; the file is not the one that was written."""
    copy.rewrite(lambda rows: [rows[1], rows[0], *rows[2:]])
    assert copy.findings() == [f"{copy.name}: its bytes are not those that were written"]


def test_an_inserted_record_is_found(copy: Copy) -> None:
    copy.rewrite(lambda rows: [*rows[:3], rows[2], *rows[3:]])
    (found,) = copy.findings()
    assert found.startswith(f"{copy.name}: row 4: record ")
    assert found.endswith("was inserted")


def test_a_record_appended_with_a_fitting_hash_is_found(copy: Copy) -> None:
    """The ledger knows where a partition ended."""

    def longer(rows: list[Row]) -> list[Row]:
        last = max((row for row in rows if row.partition == rows[0].partition), key=lambda row: row.sequence)
        new = changed(last, "sequence", last.sequence + 1)
        return [*rows, new._replace(hash=link(last.hash, new.table.name, new.values))]

    copy.rewrite(longer)
    (found,) = copy.findings()
    assert found.endswith("was inserted")


def test_a_missing_file_and_a_foreign_file_are_found(copy: Copy) -> None:
    name = copy.name
    shutil.copy(copy.file, copy.file.with_name("decisions-00009999.parquet"))
    copy.file.unlink()
    assert copy.findings() == [
        f"{name}: is missing",
        f"{name.replace('00000002', '00009999')}: the archiver did not write this file",
    ]


def test_a_file_that_is_no_table_is_found(copy: Copy) -> None:
    copy.file.write_bytes(b"PAR1 nothing PAR1")
    (found,) = copy.findings()
    assert found.startswith(f"{copy.name}: it is damaged")


def test_a_changed_ledger_is_found(copy: Copy) -> None:
    """The next line does not follow, and the anchor names another."""
    path = copy.folder / LEDGER
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0].replace(b'"rows":', b'"rows":1', 1) + b"".join(lines[1:]))
    found = copy.findings()
    assert f"{LEDGER}: line 1 is not signed with the key of this installation" in found
    assert f"{LEDGER}: line 2 does not follow the line before it" in found


def test_a_tail_that_was_cut_off_is_found_by_the_anchors(copy: Copy) -> None:
    """The last batch with its files, its line and all that noted it; only the anchors still know."""
    path = copy.folder / LEDGER
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    for each in copy.folder.glob(f"day=*/*-{len(lines):08}.parquet"):
        each.unlink()
    (copy.folder / HEADS).unlink()
    (found,) = copy.findings()
    assert found.startswith(f"{LEDGER} ends with line {len(lines) - 1}: anchor 2 of ")


def test_an_archive_rewritten_without_the_key_is_found_by_the_anchors(copy: Copy) -> None:
    """Every hash made anew from a changed record on, and the ledger with it."""
    forge(copy, key=b"a key of the forger's own")
    found = copy.findings()
    assert any("is not what anchor 1" in each for each in found)
    assert any(each.startswith(f"{LEDGER}: line 1 is not signed") for each in found)


def test_anchors_rewritten_with_the_archive_are_found_by_one_that_was_kept_elsewhere(copy: Copy) -> None:
    """Even by somebody who has the key."""
    kept = verify(copy.folder, copy.key).last_anchor_hash
    assert copy.findings(anchored=kept) == []
    (copy.folder / ANCHORS).unlink()
    forge(copy, key=copy.key)
    assert copy.findings() == []
    (found,) = copy.findings(anchored=kept)
    assert found.startswith(f"{ANCHORS}: the anchor {kept} is not among them")


def test_anchors_that_were_signed_with_another_key_are_found(copy: Copy) -> None:
    found = copy.findings(key=b"another")
    assert found == [
        *(f"{ANCHORS}: line {line} is not signed with the key of this installation" for line in (1, 2)),
        *(f"{LEDGER}: line {line} is not signed with the key of this installation" for line in range(1, 5)),
    ]


def test_files_that_are_said_to_be_past_their_time_are_found_missing(copy: Copy) -> None:
    """Only the installation's own archiver drops files."""
    name = copy.name
    ledger = Ledger.opened(copy.folder, copy.key)
    ledger.key = b"a key of the forger's own"
    ledger.drop([name], 2e9)
    copy.file.unlink()
    assert copy.findings() == [f"{LEDGER}: line 5 is not signed with the key of this installation"]


def test_an_archiver_does_not_go_on_with_an_archive_that_was_cut(copy: Copy) -> None:
    path = copy.folder / LEDGER
    path.write_bytes(b"".join(list(lines_of(path))[:-1]))
    with pytest.raises(Exception, match="is shorter than it was"):
        Ledger.opened(copy.folder, copy.key)
    (copy.folder / HEADS).unlink()
    with pytest.raises(Exception, match="which is anchored"):
        Ledger.opened(copy.folder, copy.key)


def forge(copy: Copy, *, key: bytes) -> None:
    """Write the whole archive anew with another channel in its first record, consistent in itself."""
    batches = [batch for _, batch in batches_of(copy.folder)]
    for name in (LEDGER, HEADS):
        (copy.folder / name).unlink()
    ledger = Ledger(copy.folder, key)
    for batch in batches:
        notes: dict[str, FileNote] = {}
        heads: dict[int, Head] = {}
        rows_by_name = {name: list(read(copy.folder / name)) for name in batch.files}
        placed = sorted(
            (
                (row.partition, row.sequence, name, at)
                for name, rows in rows_by_name.items()
                for at, row in enumerate(rows)
            )
        )
        for partition, sequence, name, at in placed:
            row = rows_by_name[name][at]
            if sequence == 1 and row.table.name == "decisions":
                row = changed(row, "channel", "pigeon")
            before = heads.get(partition) or ledger.head(partition)
            row = row._replace(hash=link(before.hash, row.table.name, row.values))
            rows_by_name[name][at] = row
            heads[partition] = Head(sequence, row.entry_id, row.hash)
        for name, rows in rows_by_name.items():
            write(rows, copy.folder / name)
            notes[name] = FileNote(len(rows), sha256((copy.folder / name).read_bytes()).hexdigest())
        ledger.append(notes, heads, 2e9)
    if not (copy.folder / ANCHORS).exists():
        ledger.anchor(2e9)
