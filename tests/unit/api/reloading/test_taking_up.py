"""One bundle after another: requests end with what they began with, and what nobody needs is gone."""

import gc
import weakref
from pathlib import Path

from api.adapters.memory import MemoryCustomerStore, MemoryState
from api.adapters.memory_budgets import MemoryBudgetStore
from api.bootstrap import ServingMaker
from api.leases import Leases
from api.service import EARLIER_KEPT, Service
from api.serving import Serving
from api.settings import Settings
from api.telemetry import Metrics
from api.tokens import TokenCodec
from engine.compiler.carry import pack_plan, unpack_plan
from tests.builders import a_plan
from tests.unit.api.shells import KEYS


def test_fifty_bundles_leave_no_more_than_a_few_behind(tmp_path: Path) -> None:
    """INVARIANT: by counting references alone, since servers keep the collector away from plans."""
    maker = ServingMaker(Settings(data_dir=tmp_path), TokenCodec(KEYS), "release")
    packed = pack_plan(a_plan())
    serving = maker.make(unpack_plan(packed), None)
    state, metrics = MemoryState(), Metrics()
    leases = Leases(MemoryBudgetStore(state), "w1", metrics)
    service = Service(serving=serving, store=MemoryCustomerStore(state), secrets=KEYS, metrics=metrics, leases=leases)
    taken_up = [_part_of(serving)]
    del serving
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            following = maker.make(unpack_plan(packed), None, service.serving)
            taken_up.append(_part_of(following))
            service.take_up(following)
            del following
        alive = [each() is not None for each in taken_up]
    finally:
        gc.enable()
    assert alive == [False] * (50 - EARLIER_KEPT) + [True] * (EARLIER_KEPT + 1)


def _part_of(serving: Serving) -> "weakref.ref[object]":
    """Something that lives as long as the bundle; compiled classes themselves cannot be watched."""
    return weakref.ref(serving.plan.generated.complete)
