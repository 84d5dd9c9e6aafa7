"""Past events are loaded while a worker folds what comes in: both are in the histories, each once."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

from api.adapters.embedded import running_url
from api.loading.binding import for_file
from api.loading.events_loader import EventsLoad
from api.loading.mapping_file import read_mapping
from api.loading.run import EVENT_FILES, load_events_into
from api.loading.target import Target
from tests.integration.api.installations import PATIENCE_S, Installation, load
from tests.integration.api.test_worker import DEEP, instants
from tests.unit.api.shells import starter_plan

CUSTOMERS = [f"C{number:07}" for number in range(1, 21)]


async def load_past(house: Installation, file: Path) -> None:
    """As the command does."""
    mapping = for_file(read_mapping(str(EVENT_FILES), EVENT_FILES.read_bytes()), file.name)
    assert mapping is not None
    job = EventsLoad(
        mapping=mapping,
        folder=file.parent,
        target=Target.of(starter_plan()),
        ruleset="sha256:0",
        staging=file.parent / "staging",
        now=datetime.now(UTC),
        progress=lambda _doing, _done: None,
    )
    url = running_url(house.settings.data_dir)
    assert url is not None
    report = await load_events_into(job, url, write=True)
    assert (report.issues.total, dict(report.left_alone)) == (0, {})


async def test_past_events_are_joined_while_a_worker_folds_others(house: Installation, tmp_path: Path) -> None:
    """Loaded twice, with events coming in before, between and after."""
    await load(house.stores, *CUSTOMERS)
    now_s = int(time.time())
    half = DEEP.depth // 2
    past = [now_s - 86_400 * (30 + number) for number in range(half)]
    live = [now_s - 60 * (number + 1) for number in range(DEEP.depth - half)]
    rows = [
        f"{name},{DEEP.event},{datetime.fromtimestamp(at_s, UTC).isoformat()},{name}-{at_s},{{}}"
        for name in CUSTOMERS
        for at_s in past
    ]
    file = tmp_path / "past.csv"
    file.write_text("\n".join(["customer_id,type,time,event_id,data", *rows]) + "\n")
    async with house.working():
        for number, at_s in enumerate(live):
            for name in CUSTOMERS:
                at = datetime.fromtimestamp(at_s, UTC).isoformat()
                answer = await house.tell(DEEP.event, subject=f"customer_id:{name}", id=f"{name}-{number}", time=at)
                assert answer.status_code == 202
            if number < 2:
                await load_past(house, file)
        give_up_at = time.monotonic() + 2 * PATIENCE_S
        wanted = [*live, *past]
        while not all([await instants(house, name) == wanted for name in CUSTOMERS]):
            assert time.monotonic() < give_up_at, await instants(house, CUSTOMERS[0])
            await asyncio.sleep(0.2)
