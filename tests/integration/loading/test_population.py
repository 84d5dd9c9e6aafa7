"""Customers of a store that serves are seen one by one, wherever their records lie."""

from pathlib import Path

import pytest

from api.adapters import keys
from api.adapters.commands import checked, pack
from api.adapters.embedded import EmbeddedServer
from api.adapters.nodes import SingleNode
from api.adapters.record_reader import RecordReader
from api.population.sources import Viewer, from_store
from api.ports import key_of
from engine.decision import Snapshot
from engine.ids import CustomerId
from tests.integration.loading.conftest import Loading
from tests.integration.loading.test_store import EVENTS, TEXT
from tests.unit.api.loading.small_bank import target, written

PEOPLE = "id,age,income,ok\n" + "".join(f"C{at},{at % 90},1200.50,true\n" for at in range(2_500))


@pytest.mark.parametrize("limit", [None, 7])
async def test_every_customer_is_seen_once(
    load: Loading, nodes: SingleNode, server: EmbeddedServer, tmp_path: Path, limit: int | None
) -> None:
    """Records that moved away or cannot be read are passed over, and those that cannot be read are counted."""
    written(tmp_path, people=PEOPLE, orders=EVENTS)
    await load(TEXT)
    moved, damaged = key_of(CustomerId("C1")), key_of(CustomerId("C2"))
    for key, field, value in ((moved, b"moved_to", b"C9"), (damaged, b"p", b"\xc1")):
        (node,) = nodes.everyone()
        checked(await node.call(pack(b"HSET", keys.record(key), field, value), 1, 1e12))
    seen: dict[str, Snapshot] = {}
    viewer = Viewer(RecordReader(target().schema, target().layout), seen.__setitem__, limit)
    await from_store(viewer, server.url)
    assert viewer.seen == len(seen) == (2_498 if limit is None else 7)
    if limit is None:
        assert set(seen) == {f"C{at}" for at in range(2_500)} - {"C1", "C2"}
        assert viewer.unreadable == 1
        assert all(snapshot.known for snapshot in seen.values())
