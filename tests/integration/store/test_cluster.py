"""A cluster: partitions spread over its nodes, moved slots are followed, and a node that is away takes only its own."""

import asyncio
from pathlib import Path

import pytest
import redis
from redis.crc import key_slot

from api.adapters import keys
from api.adapters.cluster import ClusterNodes, nodes_at, slot_of
from api.adapters.commands import pack
from api.adapters.customer_store import RedisCustomerStore
from api.adapters.nodes import SingleNode
from api.ports import PARTITIONS, CustomerKey, StoreUnavailable
from tests.contract.clusters import a_cluster
from tests.contract.worlds import a_commit, soon
from tests.integration.store.servers import BRISK


@pytest.mark.parametrize(
    "name", ["plain", "c:{7}:C1", "c:{7", "{}empty", "a{b}{c}", "id:{card_token:tok_{1}}", "}{x}", "é"]
)
def test_slots_are_those_of_the_server(name: str) -> None:
    """Hash tags included."""
    assert slot_of(name) == key_slot(name.encode())


def test_an_address_says_whether_it_is_a_cluster() -> None:
    """Otherwise it is one server."""
    assert isinstance(nodes_at("redis://store?cluster=true"), ClusterNodes)
    assert isinstance(nodes_at("redis://store"), SingleNode)


async def test_a_cluster_serves_moves_and_loses_slots(tmp_path: Path) -> None:
    """One cluster for the whole story, since it takes seconds to form."""
    with a_cluster(tmp_path) as ports:
        nodes = ClusterNodes(f"redis://127.0.0.1:{ports[0]}", BRISK)
        await nodes.start()
        try:
            assert len({id(nodes.of_partition(partition)) for partition in range(PARTITIONS)}) == 3
            await _follows_a_moved_slot(nodes, ports[0], ports[1])
            await _serves_without_a_lost_node(nodes, ports[2])
        finally:
            await nodes.close()


async def _follows_a_moved_slot(nodes: ClusterNodes, source: int, target: int) -> None:
    store = RedisCustomerStore(nodes)
    with redis.Redis(port=source) as giver, redis.Redis(port=target) as taker:
        moved = next(
            CustomerKey(each, "C1") for each in range(PARTITIONS) if nodes.of_partition(each).address.port == source
        )
        slot = slot_of(keys.record(moved))
        taker_id = taker.execute_command("CLUSTER MYID")
        for client in (taker, giver):
            client.execute_command("CLUSTER SETSLOT", slot, "NODE", taker_id)
    with pytest.raises(StoreUnavailable, match="MOVED"):
        await store.gather(moved, None, deadline=soon())
    async with asyncio.timeout(10):
        while nodes.of_partition(moved.partition).address.port != target:  # noqa: ASYNC110 - the map is only looked at
            await asyncio.sleep(0.02)
    read = await store.gather(moved, None, deadline=soon())
    await store.commit(moved, a_commit(read), deadline=soon())


async def _serves_without_a_lost_node(nodes: ClusterNodes, port: int) -> None:
    lost, *_ = [node for node in nodes.everyone() if node.address.port == port]
    with redis.Redis(port=port) as client:
        client.shutdown(nosave=True)
    for node in nodes.everyone():
        if node is lost:
            with pytest.raises(StoreUnavailable):
                await node.call(pack("PING"), 1, asyncio.get_running_loop().time() + 0.2)
        else:
            assert await node.call(pack("PING"), 1, soon()) == b"PONG"
