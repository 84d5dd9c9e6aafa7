"""Carries a plan from the process that compiled it to those that serve it: as bytes, generated code included.

The bytes are code. Whoever unpacks them has to know that a process of the same installation packed them.
"""

import io
import marshal
import pickle
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from types import FunctionType
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from engine.clock import Clock, Windows
from engine.compiler.generate import FILTER, PLAN, GeneratedCode, load_generated
from engine.compiler.trace import ConditionTracer
from engine.facts import FactSpec
from engine.plan import Plan
from engine.running import Running, RunningFacts

PAUSE_EVERY: Final = 32
"""Values built between two pauses: some tenths of a millisecond of work."""
_Reduced = tuple[Callable[..., object], tuple[object, ...]]


def pack_plan(plan: Plan) -> bytes:
    """A plan as bytes, for `unpack_plan` in a process of the same release and the same Python."""
    packed = io.BytesIO()
    _Packer(packed, plan).dump(plan)
    return packed.getvalue()


def unpack_plan(packed: bytes, pause: Callable[[], None] = lambda: None) -> Plan:
    """The plan that was packed; `pause` is called again and again, so that a server can go on with its requests."""
    return cast(Plan, _Unpacker(io.BytesIO(packed), pause).load())


class _Packer(pickle.Pickler):
    """Takes apart what pickle cannot rebuild everywhere: frozen values of compiled classes, and generated functions."""

    def __init__(self, file: io.BytesIO, plan: Plan) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        assert isinstance(plan.tracer, ConditionTracer)
        self._plan = plan
        self._table = plan.tracer.table

    def reducer_override(self, value: Any) -> Any:
        match value:
            case FunctionType() if value.__code__.co_filename == FILTER:
                return _as_filter, (marshal.dumps(value.__code__),)
            case GeneratedCode():
                code = compile(self._plan.source, PLAN, "exec")
                return _as_generated, (marshal.dumps(code), len(self._plan.channels))
            case ConditionTracer():
                return ConditionTracer, (value.table,)
            case Clock():
                return Clock, (value.zone, self._table.windows, self._table.days)
            case RunningFacts():
                return _as_running, (
                    *(value.zone, value.facts, value.specs, value.slots),
                    *(value.width, value.own_offset),
                )
            case Windows():
                return Windows, (value.zone, tuple(cap.window for cap in self._plan.contact.caps))
            case _ if is_dataclass(value) and not isinstance(value, type):
                return _built, (type(value), *(getattr(value, each.name) for each in fields(value) if each.init))
            case _:
                return NotImplemented


class _Unpacker(pickle.Unpickler):
    """Rebuilds with a builder of its own.

    INVARIANT: the builder does not know the unpacker, which remembers everything that it rebuilt: a cycle would keep
    all of it alive.
    """

    def __init__(self, file: io.BytesIO, pause: Callable[[], None]) -> None:
        super().__init__(file)
        self._builder = _Builder(pause)

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == (_built.__module__, _built.__name__):
            return self._builder.build
        return super().find_class(module, name)


class _Builder:
    """Builds values of dataclasses, pausing now and then."""

    def __init__(self, pause: Callable[[], None]) -> None:
        self._pause = pause
        self._until_pause = PAUSE_EVERY
        self._names_by_class: dict[type, tuple[str, ...]] = {}

    def build(self, kind: type, *values: object) -> object:
        """A value from its fields in order."""
        self._until_pause -= 1
        if not self._until_pause:
            self._until_pause = PAUSE_EVERY
            self._pause()
        names = self._names_by_class.get(kind)
        if names is None:
            names = self._names_by_class[kind] = _field_names(kind)
        return kind(**dict(zip(names, values, strict=True)))


def _field_names(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind) if each.init)


def _built(kind: type, *values: object) -> object:
    """Stands for `_Builder.build` in packed bytes."""
    return _Builder(lambda: None).build(kind, *values)


def _as_running(
    zone: ZoneInfo,
    facts: Sequence[Running],
    specs: Sequence[FactSpec],
    slots: Sequence[int],
    width: int,
    own_offset: int,
) -> RunningFacts:
    return RunningFacts(zone, facts, specs, slots, width=width, own_offset=own_offset)


def _as_filter(code: bytes) -> FunctionType:
    return FunctionType(marshal.loads(code), {})  # noqa: S302 - see the module: a process of ours packed it


def _as_generated(code: bytes, channel_count: int) -> GeneratedCode:
    return load_generated(marshal.loads(code), channel_count)  # noqa: S302 - see the module: a process of ours packed it
