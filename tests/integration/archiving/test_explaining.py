"""Staff ask about a decision that no stream holds any more: the archive tells, or a plain problem says why not."""

import shutil
import time
from pathlib import Path

import httpx
import pytest

from api.archiving.asking import ArchiveDesk
from api.archiving.files import ARCHIVE
from api.archiving.finding import recorded, recorded_on
from api.decision_record import decode
from api.problems import Problem, ProblemType
from api.settings import Settings
from tests.integration.api.installations import PATIENCE_S, Installation, installed, settings_of
from tests.integration.archiving.conftest import Archived


@pytest.fixture
def decision(archived: Archived) -> str:
    """A decision of years to come, whose entry in the stream lies under the instant at which the test wrote it."""
    return next(iter(archived.day_by_decision))


async def asked(house: Installation, decision_id: str) -> httpx.Response:
    """What staff are told of a decision over HTTP, asked again while a busy machine keeps the store from answering."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        answer = await house.client.post("/v1/explanations", json={"decision_id": decision_id})
        if answer.status_code != 503 or time.monotonic() > give_up_at:
            return answer


async def test_a_decision_that_no_stream_holds_is_told_from_the_archive(archived: Archived, decision: str) -> None:
    """Every action, why or why not, as on the day itself."""
    async with installed(archived.settings.data_dir, watch_rules=False) as house:
        answer = await asked(house, decision)
    explained = answer.json()
    shown = {option["action"] for each in explained["propositions"] for option in each["options"]}
    kept = recorded(archived.folder, decision)
    assert kept is not None
    assert (answer.status_code, explained["decision_id"]) == (200, decision)
    assert shown == {name for _, names in decode(kept).fill for name in names}
    assert {"contents_insurance", "isa"} <= {each["action"] for each in explained["rejected"]} | shown


async def test_a_decision_that_the_archive_has_not_is_not_found(archived: Archived, decision: str) -> None:
    """Neither one of the same instant nor one of a day without files."""
    async with installed(archived.settings.data_dir, watch_rules=False) as house:
        answers = [await asked(house, id_) for id_ in (decision[:14] + "0123456789", decision[:3] + "0" * 21, "no id")]
    for answer in answers:
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:nextbest:problem:unknown_decision")


async def test_a_decision_whose_rules_are_gone_says_so(archived: Archived, decision: str, tmp_path: Path) -> None:
    """The record is here, and what made it is not."""
    settings = a_copy(archived, tmp_path)
    shutil.rmtree(tmp_path / "bundles")
    with pytest.raises(Problem, match="archived, and cannot be explained: the rules that made it are not") as told:
        await ArchiveDesk(settings).explained(decision)
    assert (told.value.kind, told.value.status) == (ProblemType.OTHER_BUNDLE, 409)


async def test_a_damaged_archive_is_our_fault_and_no_missing_decision(
    archived: Archived, decision: str, tmp_path: Path
) -> None:
    settings = a_copy(archived, tmp_path)
    day = archived.day_by_decision[decision]
    for path in (tmp_path / ARCHIVE / f"day={day}").glob("decisions-*"):
        path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(Problem, match="the archive cannot be read") as told:
        await ArchiveDesk(settings).explained(decision)
    assert told.value.kind is ProblemType.INTERNAL


def a_copy(archived: Archived, to: Path) -> Settings:
    """The archive and what it needs, in another data folder."""
    for part in (ARCHIVE, "bundles"):
        shutil.copytree(archived.settings.data_dir / part, to / part)
    shutil.copy(archived.settings.data_dir / "secrets.json", to)
    return settings_of(to)


def test_each_archived_decision_is_found_by_its_id(archived: Archived) -> None:
    """Whatever its hour and whichever the batch."""
    day = max(archived.day_by_decision.values())
    for record in list(recorded_on(archived.folder, day))[::50]:
        assert recorded(archived.folder, decode(record).decision_id) == record
