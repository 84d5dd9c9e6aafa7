"""Evaluates single conditions on demand, to name the one that decided; generated code says only at which stage."""

from collections.abc import Callable
from typing import Any, cast

from engine.compiler.emit import Emitter
from engine.compiler.slots import SlotTable
from engine.generated import Cause, Row
from engine.syntax import All, AnyOf, Condition, Not

_Test = Callable[[Row], object]


class _RowEmitter(Emitter):
    """Emits expressions over the row itself."""

    def local(self, slot: int) -> str:
        return f"row[{slot}]"


class ConditionTracer:
    """Implements `engine.generated.Tracer` with the expressions that generated code is made of."""

    def __init__(self, table: SlotTable) -> None:
        self.table = table
        self._plain = _RowEmitter(table)
        self._guarded = _RowEmitter(table, guarded=True)
        self._tests: dict[tuple[Condition, bool], tuple[_Test, _Test]] = {}

    def truth(self, condition: Condition, row: Row, *, guarded: bool = False) -> bool | None:
        """See `Tracer.truth`."""
        is_true, is_false = self._tests_of(condition, guarded)
        return True if is_true(row) else False if is_false(row) else None

    def cause(self, condition: Condition, row: Row, *, guarded: bool = False) -> Cause | None:
        """See `Tracer.cause`."""
        truth = self.truth(condition, row, guarded=guarded)
        return None if truth else self._cause(condition, row, guarded)

    def _cause(self, condition: Condition, row: Row, guarded: bool) -> Cause | None:
        """The first cell that is what the whole is: what is unknown is never explained by what is known."""
        match condition:
            case Not(item):
                return self._cause(item, row, guarded)
            case All(items) | AnyOf(items):
                whole = self.truth(condition, row, guarded=guarded)
                for item in items:
                    if self.truth(item, row, guarded=guarded) is whole:
                        return self._cause(item, row, guarded)
                return None
            case _:
                return Cause(atom=condition, truth=self.truth(condition, row, guarded=guarded))

    def _tests_of(self, condition: Condition, guarded: bool) -> tuple[_Test, _Test]:
        key = (condition, guarded)
        tests = self._tests.get(key)
        if tests is None:
            emitter = self._guarded if guarded else self._plain
            tests = _compiled(emitter.true(condition)), _compiled(emitter.false(condition))
            self._tests[key] = tests
        return tests


def _compiled(expression: str) -> _Test:
    scope: dict[str, Any] = {}
    exec(compile(f"def test(row):\n    return {expression}\n", "<trace>", "exec"), scope)  # noqa: S102 - from the checked tree alone
    return cast(_Test, scope.pop("test"))
