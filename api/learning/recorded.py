"""Makes rows of everything that was recorded: of the archive, and of what the streams hold beyond it."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from api.adapters.embedded import running_url
from api.archiving.files import ARCHIVE
from api.archiving.known import Known
from api.archiving.makers import Makers
from api.bootstrap import open_stores
from api.experiments.recorded import walk
from api.learning.heard import Heard, Option
from api.learning.parity import Profiles, Rebuilt
from api.learning.rows import Rows, choose
from api.ports import Journal, Stream
from api.security import open_secrets
from api.settings import Settings
from engine.plan import Plan
from models.arrays import Floats
from models.dataset import BankRows, Pick
from models.features import FeatureSet
from models.logged import Parity, compare
from models.rows import Outcomes, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """Rows as decisions logged them."""

    rows: BankRows
    unreadable: int
    """Entries that are no record, outcome or event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilding:
    """Logged rows held against those that are rebuilt from what happened."""

    parity: Parity
    options: tuple[Option, ...]
    """The decision and the action of each row."""
    missing: int
    """Decisions whose rules or model are not kept, so that what they reserved is not known."""


def latest(most: int) -> Pick:
    """Picks so many impressions, the latest ones."""

    def pick(outcomes: Outcomes) -> Floats:
        weight = np.zeros(len(outcomes))
        weight[-most:] = 1.0
        return weight

    return pick


class Recorded:
    """Everything that an installation recorded, as often as it is asked for."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self._settings = settings
        self._plan = plan
        self._keys = open_secrets(settings)
        self._known = Known(settings.data_dir / ARCHIVE)
        self._archive = settings.data_dir / ARCHIVE

    async def rows(self, window: Window, *, pick: Pick, features: FeatureSet) -> Logged:
        """Rows of the impressions that `pick` picks.

        Raises:
            TrainingRefused: nothing was recorded that could teach anything.
            StoreUnavailable: the store went away.
        """
        async with AsyncExitStack() as stack:
            journal = await self._journal(stack)
            heard = await self._heard(journal)
            rows = self._rows(heard, window, pick, features)
            await walk(journal, Stream.DECISIONS, rows.see, self._archive)
        return Logged(rows=rows.done(), unreadable=heard.unreadable)

    async def parity(self, bank_dir: Path, window: Window, *, pick: Pick, features: FeatureSet) -> Rebuilding:
        """The rows that `pick` picks, held against the same ones rebuilt.

        Raises:
            TrainingRefused: nothing was recorded, or the bank's files cannot be read.
            StoreUnavailable: the store went away.
        """
        async with AsyncExitStack() as stack:
            journal = await self._journal(stack)
            heard = await self._heard(journal)
            logged, again = (self._rows(heard, window, pick, features) for _ in range(2))
            rebuilt = Rebuilt(
                rows=again,
                makers=Makers(self._settings, self._keys, self._known),
                told=heard.told,
                profiles=Profiles(self._plan, bank_dir, {name: code for code, name in enumerate(sorted(heard.told))}),
            )

            def see(kind: str, body: bytes) -> None:
                logged.see(kind, body)
                rebuilt.see(kind, body)

            await walk(journal, Stream.DECISIONS, see, self._archive)
        both = logged.made & again.made
        options = tuple(option for option, row in logged.chosen.row_by_option.items() if both[row])
        return Rebuilding(
            parity=compare(logged.matrix[both], again.matrix[both], features.names),
            options=options,
            missing=rebuilt.missing,
        )

    async def _journal(self, stack: AsyncExitStack) -> Journal | None:
        """The streams, where a store runs."""
        if self._settings.redis_url is None and running_url(self._settings.data_dir) is None:
            return None
        stores = await stack.enter_async_context(open_stores(self._settings, self._keys, patient=True))
        await self._known.learn(stores.records)
        return stores.journal

    async def _heard(self, journal: Journal | None) -> Heard:
        heard = Heard(self._plan)
        await walk(journal, Stream.DECISIONS, heard.see, self._archive)
        await walk(journal, Stream.EVENTS, heard.see_event, self._archive)
        return heard

    def _rows(self, heard: Heard, window: Window, pick: Pick, features: FeatureSet) -> Rows:
        reader = self._known.reader(self._plan, None)
        return Rows(choose(heard, window, pick=pick, features=features), self._plan, reader)
