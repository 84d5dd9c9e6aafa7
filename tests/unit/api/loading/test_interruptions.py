"""A load that does not get to its end leaves nothing in the way of the next."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from api.loading.loader import Load
from api.loading.staging import Staging, StagingBusy
from api.ports import LoadedRecord, StoreUnavailable
from tests.unit.api.loading.small_bank import NOW, Records, mapping, target, written

PEOPLE = "id,age,income\n" + "".join(f"C{number},40,{number}\n" for number in range(6))


class Failing(Records):
    """A store that goes away in the middle."""

    async def load(self, records: Sequence[LoadedRecord]) -> None:
        if self.by_customer:
            raise StoreUnavailable("gone")
        await super().load(records)


def load(folder: Path) -> Load:
    return Load(
        mapping=mapping(),
        folder=written(folder, people=PEOPLE, orders="person\n"),
        target=target(),
        ruleset="sha256:0",
        staging=folder / "staging",
        now=NOW,
        progress=lambda _doing, _done: None,
    )


async def test_load_after_an_interrupted_one_completes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.loading.loader.BATCH", 2)
    store = Failing()
    with pytest.raises(StoreUnavailable):
        await load(tmp_path).run(store)
    assert len(store.by_customer) == 2
    assert not (tmp_path / "staging").exists()
    again, whole = Records(), Records()
    again.by_customer.update(store.by_customer)
    await load(tmp_path).run(again)
    await load(tmp_path).run(whole)
    assert again.by_customer == whole.by_customer


async def test_what_a_killed_load_left_behind_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "staging").mkdir()
    (tmp_path / "staging" / "customers-0-0.arrow").write_bytes(b"half a file")
    report = await load(tmp_path).run(Records())
    assert report.customers == 6


async def test_second_load_at_the_same_time_is_refused(tmp_path: Path) -> None:
    with Staging(tmp_path / "staging", 1), pytest.raises(StagingBusy):
        await load(tmp_path).run(Records())


async def test_judging_alone_writes_no_customer(tmp_path: Path) -> None:
    report = await load(tmp_path).run(None)
    assert (report.customers, report.written) == (6, False)
