"""The watch on the store: says what changed, once."""

import pytest

from api.ports import StoreStatus
from api.watch import StoreWatch


class Told:
    """A store that says what it is told to say."""

    def __init__(self) -> None:
        self.said = StoreStatus(available=True, durability="always", memory_used_share=None)

    async def status(self) -> StoreStatus:
        return self.said


async def test_changes_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """An operator reads sentences, not one a second."""
    store = Told()
    watch = StoreWatch(store)
    for available in (True, True, False, False, True):
        store.said = StoreStatus(available, "always", None)
        await watch.look()
    assert [record.message for record in caplog.records] == [
        "The store does not answer: fallbacks are served until it does.",
        "The store answers again.",
    ]


async def test_store_that_is_away_at_the_start_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """In a plain sentence."""
    store = Told()
    store.said = StoreStatus(available=False, durability="always", memory_used_share=None)
    await StoreWatch(store).look()
    assert "fallbacks are served" in caplog.text


@pytest.mark.parametrize(("share", "full"), [(None, False), (0.79, False), (0.8, True), (1.2, True)])
async def test_store_is_full_at_four_fifths(share: float | None, full: bool) -> None:
    """A store without a limit is never full."""
    store = Told()
    store.said = StoreStatus(available=True, durability="always", memory_used_share=share)
    watch = StoreWatch(store)
    await watch.look()
    assert watch.full is full
