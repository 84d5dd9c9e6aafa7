"""What is decided is archived once, in its own day, with every factor, and can be replayed to the last byte."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from api.archiving.archiver import Archiver, held
from api.archiving.errors import ArchiveBusy
from api.archiving.files import ARCHIVE
from api.archiving.finding import files_of, find, recorded_on
from api.archiving.known import Known
from api.archiving.makers import Makers
from api.archiving.replaying import replayed
from api.archiving.run import Archiving, archiving
from api.archiving.tables import ACTION_FIELDS, read
from api.bootstrap import open_stores, release
from api.cli import app
from api.decision_record import DecisionRecord, decode
from api.ports import PARTITIONS, Stream, key_of
from api.security import open_secrets
from tests.integration.api.installations import installed, load, settings_of
from tests.integration.archiving.conftest import Archived
from tests.integration.archiving.deciding import FIRST_DAY, Desk

FIELDS = tuple(ACTION_FIELDS)


def told(*words: str) -> tuple[int, dict[str, Any]]:
    """The exit code of a command, and what it told as JSON."""
    ended = CliRunner().invoke(app, [*words, "--json"])
    return ended.exit_code, json.loads(ended.stdout)


def test_every_decision_lies_once_in_the_files_of_its_own_day(archived: Archived) -> None:
    days = sorted(set(archived.day_by_decision.values()))
    found = {day: [decode(each).decision_id for each in recorded_on(archived.folder, day)] for day in days}
    wanted = {day: [name for name, its in archived.day_by_decision.items() if its == day] for day in days}
    assert len(days) == 4
    assert {day: sorted(names) for day, names in found.items()} == {day: sorted(names) for day, names in wanted.items()}


def test_every_archived_decision_replays_to_the_last_byte(archived: Archived) -> None:
    """With the scores found again, from records that the store need not have any more."""
    counts = [
        told("replay", "--day", day, "--all", "--data-dir", str(archived.settings.data_dir))
        for day in sorted(set(archived.day_by_decision.values()))
    ]
    assert [code for code, _ in counts] == [0] * len(counts)
    assert sum(found["identical"] for _, found in counts) == len(archived.day_by_decision)


def test_archived_rows_tell_every_action_with_its_factors(archived: Archived) -> None:
    """Priority is the product of the others, every action has one end, and the chosen are those of the record."""
    multiplied = 0
    for path in archived.folder.glob("day=*/decisions-*.parquet"):
        for row in read(path):
            assert row.value("replayed") == "identical"
            by_field = dict(zip(FIELDS, row.value("actions"), strict=True))
            record = decode(row.value("recorded"))
            pairs = zip(by_field["action"], by_field["reason"], strict=True)
            assert {name for name, reason in pairs if reason == "chosen"} == {
                name for _, names in record.fill for name in names
            }
            for at, place in enumerate(by_field["place"]):
                if place is not None:
                    product = (
                        by_field["propensity"][at]
                        * by_field["value"][at]
                        * by_field["context_weight"][at]
                        * by_field["lever"][at]
                    )
                    assert by_field["priority"][at] == pytest.approx(product)
                    multiplied += 1
    assert multiplied > 1_000


def test_an_untouched_archive_is_found_untouched(archived: Archived) -> None:
    code, found = told("audit", "verify", "--data-dir", str(archived.settings.data_dir))
    assert (code, found["findings"], found["anchors"], found["beyond_last_anchor"]) == (0, [], 2, 0)
    assert found["records"] > len(archived.day_by_decision)
    assert found["signatures_verified"]


def test_one_day_is_verified_alone(archived: Archived) -> None:
    """Its batches whole, and so fewer records than there are."""
    day = max(archived.day_by_decision.values())
    code, found = told("audit", "verify", "--day", day, "--data-dir", str(archived.settings.data_dir))
    assert (code, found["findings"]) == (0, [])
    assert found["records"] > len(files_of(archived.folder, day))


def test_a_single_decision_is_found_in_the_archive(archived: Archived) -> None:
    decision = next(iter(archived.day_by_decision))
    code, found = told("replay", decision, "--data-dir", str(archived.settings.data_dir))
    assert (code, found) == (0, {"identical": 1, "others": []})


def test_an_archived_decision_is_explained_as_it_was_to_staff(archived: Archived) -> None:
    """Every action of the rules, why or why not, from the archive alone."""
    record = with_an_offer(archived)
    words = ("replay", record.decision_id, "--explain", "--data-dir", str(archived.settings.data_dir))
    code, found = told(*words)
    explanation = found["explanation"]
    offered = [option["action"] for each in explanation["propositions"] for option in each["options"]]
    assert (code, explanation["decision_id"]) == (0, record.decision_id)
    assert offered == [name for _, names in record.fill for name in names]
    assert {"contents_insurance", "isa"} <= {each["action"] for each in explanation["rejected"]} | set(offered)
    assert offered[0] in CliRunner().invoke(app, words).stdout


@pytest.fixture(scope="module")
def makers(archived: Archived) -> Makers:
    """What made the archived decisions."""
    return Makers(archived.settings, open_secrets(archived.settings), Known(archived.folder))


def with_an_offer(archived: Archived) -> DecisionRecord:
    """A record of a decision that shows something drawn among several."""
    days = sorted(set(archived.day_by_decision.values()))
    records = (decode(each) for day in days for each in recorded_on(archived.folder, day))
    return next(each for each in records if any(len(draw[3]) > 1 for draw in each.draws))


def test_a_record_that_was_touched_names_the_first_field_that_differs(archived: Archived, makers: Makers) -> None:
    record = with_an_offer(archived)
    (place, shown), *others = record.fill
    action, score = record.scores[0]
    touched: dict[str, dict[str, Any]] = {
        f"scores[{action}]": {"scores": ((action, score / 2), *record.scores[1:])},
        f"fill[{place}][0]": {"fill": ((place, ("another", *shown[1:])), *others)},
        "draws[0][2]": {"draws": ((*record.draws[0][:2], 7, *record.draws[0][3:]), *record.draws[1:])},
    }
    for field, changes in touched.items():
        found = replayed(makers, encoded(msgspec.structs.replace(record, **changes)))
        assert found.difference is not None
        assert found.difference.field == field
        assert field in str(found.problem)


def test_a_decision_of_another_release_says_which_is_needed(archived: Archived, makers: Makers) -> None:
    """Where it is not the same again; a release that decides alike replays it as well."""
    record = msgspec.structs.replace(with_an_offer(archived), release="0.0.7")
    assert replayed(makers, encoded(record)).problem is None
    found = replayed(makers, encoded(msgspec.structs.replace(record, fill=())))
    assert found.problem == f"it was made by release 0.0.7: replay it with that one (this is {release()})"


def test_rules_or_a_model_that_are_not_here_are_named(archived: Archived, makers: Makers) -> None:
    record = with_an_offer(archived)
    other_rules = replayed(makers, encoded(msgspec.structs.replace(record, ruleset="sha256:" + "0" * 64)))
    other_model = replayed(makers, encoded(msgspec.structs.replace(record, model="f" * 64)))
    assert str(other_rules.problem).startswith("the rules sha256:000")
    assert str(other_model.problem).startswith("the model ffff")


def encoded(record: DecisionRecord) -> bytes:
    """A record as a stream holds it."""
    return msgspec.msgpack.encode(record)


def price_told(work: Archiving) -> float | None:
    """What exploration costs of what it might, as far as recorded decisions say."""
    price = work.rows.exploration_price
    assert price is None or -1.0 < price < 1.0
    return price


async def test_late_records_come_into_their_own_day_and_streams_are_trimmed_behind_them(data_dir: Path) -> None:
    """What is not archived stays, however old; what is archived stays for a day."""
    settings = settings_of(data_dir)
    keys = open_secrets(settings)
    async with open_stores(settings, keys, patient=True) as stores:
        desk = Desk.opened(settings, stores)
        with held(data_dir / ARCHIVE):
            work = await archiving(settings, keys, stores)
            assert price_told(work) is None
            await desk.load(5)
            desk.answered = 0.0
            await desk.decide("C0000001", FIRST_DAY + timedelta(days=2))
            await work.catch_up()
            assert price_told(work) is not None
            late = await desk.decide("C0000002", FIRST_DAY)
            await work.catch_up()
            assert [decode(each).decision_id for each in recorded_on(data_dir / ARCHIVE, "2031-03-03")] == [late]
            waiting = await desk.decide("C0000001", FIRST_DAY)
            assert await work.archiver.trim() == 0
            later = Archiver(
                data_dir / ARCHIVE, work.archiver.ledger, work.archiver.rows, stores.journal, lambda: time.time() + 2e5
            )
            await later.trim()
            await desk.decide("C0000001", FIRST_DAY)
            kept = await stores.journal.read(Stream.DECISIONS, dict.fromkeys(range(PARTITIONS), "0-0"), count=10)
            entries = kept[key_of("C0000001").partition]
            assert [decode(entry.body).decision_id for entry in entries][1] == waiting
            assert len(entries) == 3  # the last that is archived, and two that are not


async def test_a_decision_is_replayed_from_the_stream_then_from_the_archive(data_dir: Path) -> None:
    """Decided over HTTP; the command finds it either way."""
    async with installed(data_dir) as house:
        await load(house.stores, "C0000001")
        first = (await house.ask())["decision_id"]
        second = (await house.ask(channel="branch", moment=None, placements=[{"id": "card"}], only=None))["decision_id"]
        # Where a busy machine was asked again, the reservation of an answer that was a fallback is a record too.
        records = 2
        for archives in (False, True):
            if archives:
                code, found = await asyncio.to_thread(told, "archive", "--once", "--data-dir", str(data_dir))
                assert code == 0
                assert found["records"] >= records
                records = found["records"]
            for decision in (first, second):
                assert await asyncio.to_thread(told, "replay", decision, "--data-dir", str(data_dir)) == (
                    0,
                    {"identical": 1, "others": []},
                )
            today = datetime.now(UTC).date().isoformat()
            code, found = await asyncio.to_thread(told, "replay", "--day", today, "--all", "--data-dir", str(data_dir))
            assert (code, found["others"]) == (0, [])
            assert found["identical"] >= records
        stored = await find(first, data_dir / ARCHIVE, None)
        assert stored is not None
        assert decode(stored).decision_id == first


async def test_a_store_goes_into_one_archive_and_an_archive_has_one_writer(data_dir: Path, tmp_path: Path) -> None:
    settings = settings_of(data_dir)
    keys = open_secrets(settings)
    async with open_stores(settings, keys, patient=True) as stores:
        with held(data_dir / ARCHIVE), pytest.raises(ArchiveBusy, match="another process"), held(data_dir / ARCHIVE):
            pass
        await archiving(settings, keys, stores)
        (tmp_path / "elsewhere" / ARCHIVE).mkdir(parents=True)
        with pytest.raises(ArchiveBusy, match="another archive"):
            await archiving(settings.model_copy(update={"data_dir": tmp_path / "elsewhere"}), keys, stores)
