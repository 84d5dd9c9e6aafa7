"""Generates the Python functions of a plan from checked rules, and loads them.

Each function first copies the slots it reads into locals; after that a condition is a plain expression. A shared
prefix (complete, infer) comes first, then one function per stage, triggers by moment, and engagement by channel.
"""

from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import Any, Final, cast

from engine.compiler.amount_code import fits, terms_of, value_of
from engine.compiler.emit import Emitter
from engine.compiler.formula import least, most, ratio
from engine.compiler.formula_code import ranking_of
from engine.compiler.function import Function, Program
from engine.compiler.prefix_code import complete, infer, months_between
from engine.compiler.slots import SlotTable
from engine.compiler.stage_code import engage, guards, promotions, suppressions, themes
from engine.events import EventLayout
from engine.facts import MAX_HELD, NAN, FactSpec, Held, ProfileSchema
from engine.generated import Row
from engine.syntax import Condition


class GeneratedCode:
    """The loaded functions; implements `engine.generated.Generated`."""

    __slots__ = (
        "_engage",
        "_fits",
        "_terms",
        "_values",
        "complete",
        "guards",
        "infer",
        "priority",
        "promotions",
        "suppressions",
        "themes",
    )

    def __init__(self, namespace: Mapping[str, Any], channel_count: int) -> None:
        self.complete: Callable[[Row], None] = namespace["complete"]
        self.infer: Callable[[Row], None] = namespace["infer"]
        self.guards: Callable[[Row], list[int]] = namespace["guards"]
        self.suppressions: Callable[[Row], list[int]] = namespace["suppressions"]
        self.promotions: Callable[[Row], list[int]] = namespace["promotions"]
        self.themes: Callable[[Row], list[int]] = namespace["themes"]
        self._engage = tuple(namespace[f"engage_{channel}"] for channel in range(channel_count))
        self.priority: Callable[[Row, float, float, float, float], float] = namespace["ranking"] or _unranked
        self._values: Mapping[int, Callable[[Row], float]] = namespace["VALUES"]
        self._terms: Mapping[int, Callable[[Row], dict[str, float]]] = namespace["TERMS"]
        self._fits: Sequence[Callable[[Row], bool]] = namespace["FITS"]

    def engage(self, channel: int, row: Row, codes: bytearray) -> list[int]:
        """See `Generated.engage`."""
        return cast(list[int], self._engage[channel](row, codes))

    def value(self, action: int, row: Row) -> float:
        """See `Generated.value`."""
        return self._values[action](row)

    def terms(self, action: int, row: Row) -> Mapping[str, float]:
        """See `Generated.terms`."""
        return self._terms[action](row)

    def fits(self, condition: int, row: Row) -> bool:
        """See `Generated.fits`."""
        return bool(self._fits[condition](row))


def _unranked(_row: Row, *_factors: float) -> float:
    raise AssertionError("a plan without a formula ranks by the product of the factors")


PLAN: Final = "<plan>"
"""What generated functions call their file."""
FILTER: Final = "<event filter>"
_HELPERS: Final = frozenset({"NAN", "MAX", "months_between", "ratio", "least", "most", "__builtins__"})


def generate(program: Program) -> tuple[str, GeneratedCode]:
    """The source of all functions, and the functions."""
    source = "\n".join(
        [
            complete(program),
            infer(program),
            guards(program),
            suppressions(program),
            promotions(program),
            themes(program),
            *(engage(program, channel) for channel in range(program.channel_count)),
            *(value_of(program, action, tables) for action, tables in program.values.items()),
            *(terms_of(program, action, tables) for action, tables in program.terms.items()),
            *fits(program),
            ranking_of(program.table, program.ranking),
            "VALUES = {" + ", ".join(f"{action}: value_{action}" for action in program.values) + "}",
            "TERMS = {" + ", ".join(f"{action}: terms_{action}" for action in program.terms) + "}",
            "FITS = [" + ", ".join(f"fits_{at}" for at in range(len(program.treatment_conditions))) + "]",
        ]
    )
    return source, load_generated(compile(source, PLAN, "exec"), program.channel_count)


def load_generated(code: CodeType, channel_count: int) -> GeneratedCode:
    """The functions of compiled source.

    INVARIANT: no function is reachable from its own globals, so that a plan goes with its last reference: servers keep
    the collector away from plans, see `api/bootstrap.py`.
    """
    namespace: dict[str, Any] = {"NAN": NAN, "MAX": MAX_HELD, "months_between": months_between}
    namespace |= {"ratio": ratio, "least": least, "most": most}
    exec(code, namespace)  # noqa: S102 - made from the checked tree alone
    generated = GeneratedCode(namespace, channel_count)
    for name in [each for each in namespace if each not in _HELPERS]:
        del namespace[name]
    return generated


def generate_filter(condition: Condition, fields: Sequence[FactSpec]) -> Callable[[Sequence[Held]], bool]:
    """A function that tells whether an event's held fields pass a filter."""
    table = SlotTable(
        profile=ProfileSchema(tuple(fields)),
        event_layout=EventLayout(()),
        consent=(),
        context=(),
        calculated=(),
        needs=(),
        guarded=(),
    )
    table.fix((), ())
    function = Function("matches", "row", Emitter(table))
    function.lines.append(f"    return {function.emitter.true(condition)}")
    namespace: dict[str, Any] = {}
    exec(compile(function.source(), FILTER, "exec"), namespace)  # noqa: S102 - from the checked tree alone
    return cast(Callable[[Sequence[Held]], bool], namespace.pop("matches"))
