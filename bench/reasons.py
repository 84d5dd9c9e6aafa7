"""Our rules with a reason for each: every block decides on an action of its own, which passes or gets its code."""

from collections.abc import Callable, Mapping, Sequence

from bench.blocks import Block, Value, blocks_true
from bench.bundle import reasoned_files
from bench.customers import NOW, request_of
from bench.peers import known_customer
from engine import compile_bundle
from engine.generated import Cause
from engine.row import assemble


class Reasoned:
    """The blocks, compiled, and one customer."""

    def __init__(self, blocks: Sequence[Block], values: Mapping[str, Value]) -> None:
        self._plan = compile_bundle(reasoned_files(blocks)).plan
        self._request = request_of(self._plan, 0)
        self._snapshot = known_customer(self._plan, values)
        expected = list(blocks_true(blocks, values))
        if self.codes()[0] != expected:
            raise AssertionError("the actions that pass are not those of the true blocks")

    def codes(self) -> tuple[list[int], bytearray]:
        """The actions that pass, and for every other one the code of the stage that it failed."""
        row = assemble(self._plan, self._request, self._snapshot, NOW)
        codes = bytearray(len(self._plan.actions))
        return self._plan.generated.engage(self._request.channel.position, row, codes), codes

    def names(self) -> Callable[[], list[Cause | None]]:
        """What names the cell, its file and its line for every action that fails: the traced path, on demand."""
        row = assemble(self._plan, self._request, self._snapshot, NOW)
        _, codes = self.codes()
        failed = [self._plan.action_rules[at].eligible for at, code in enumerate(codes) if code]
        cause = self._plan.tracer.cause
        return lambda: [cause(condition, row) for condition in failed]
