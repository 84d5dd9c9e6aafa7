"""Decisions under rules that have gone: replayed with the bundles that served, from records in forms of their time."""

import shutil
import time
from pathlib import Path

from api.adapters.records import encode_layout, encode_schema
from api.archiving.archiver import held
from api.archiving.files import ARCHIVE
from api.archiving.finding import recorded_on
from api.archiving.known import Known
from api.archiving.makers import Makers
from api.archiving.replaying import replayed
from api.archiving.run import archiving
from api.bootstrap import open_stores
from api.decision_record import decode
from api.security import open_secrets
from tests.integration.api.installations import settings_of
from tests.integration.archiving.deciding import FIRST_DAY, Desk
from tests.unit.api.shells import ROOT

TRIGGER = """
trigger: visits_often
title: Visits often
owner: service@bank.example
version: 1
history: [{seen: branch_visit, in: 20d, at_least: 4}]
promote: {home_insurance: 1.5, contents_insurance: 1.3}
"""


async def test_decisions_of_two_bundles_replay_each_with_its_own(data_dir: Path, tmp_path: Path) -> None:
    """Under the second, histories are still in the layout of the first, and are carried over."""
    settings = settings_of(data_dir)
    rules = tmp_path / "rules"
    shutil.copytree(ROOT / "rules", rules)
    (rules / "customized" / "visits_often.yaml").write_text(TRIGGER)
    async with open_stores(settings, open_secrets(settings), patient=True) as stores:
        first = Desk.opened(settings, stores)
        second = Desk.opened(settings.model_copy(update={"rules": rules}), stores)
        second.settings = settings
        layouts = [desk.serving.plan.event_layout for desk in (first, second)]
        assert layouts[0].hash != layouts[1].hash
        names = await first.load(40)
        for layout in layouts:
            await stores.records.put_layout(layout.hash, encode_layout(layout))
            await stores.records.begin_folding(layout.hash, int(time.time()))
        schema = first.serving.plan.profile_schema
        await stores.records.put_schema(schema.hash, encode_schema(schema))
        known = Known(tmp_path)
        await known.learn(stores.records)
        folded_since = known.folded_since(second.serving.plan, FIRST_DAY.timestamp())
        second.serving.reader = known.reader(second.serving.plan, folded_since)
        for name in names:
            await first.decide(name, FIRST_DAY)
            await second.decide(name, FIRST_DAY)
        with held(data_dir / ARCHIVE):
            work = await archiving(settings, open_secrets(settings), stores)
            await work.catch_up()
    records = list(recorded_on(data_dir / ARCHIVE, FIRST_DAY.date().isoformat()))
    makers = Makers(settings, open_secrets(settings), Known(data_dir / ARCHIVE))
    assert {decode(each).ruleset for each in records} == {desk.serving.plan.hash for desk in (first, second)}
    assert [found.problem for found in (replayed(makers, each) for each in records)] == [None] * 80
