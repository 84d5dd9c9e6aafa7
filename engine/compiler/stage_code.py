"""Code of the stages: which guards, suppressions, promotions and themes hold, and at which stage each action fails."""

from collections.abc import Sequence
from typing import Protocol

from engine.compiler.function import Function, Program, branches, in_validity
from engine.compiler.sharing import MarkingEmitter
from engine.compiler.slots import MOMENT
from engine.plan import RuleHead, Trigger
from engine.reasons import Reason
from engine.syntax import ALWAYS, Condition


class _Ruled(Protocol):
    @property
    def head(self) -> RuleHead: ...


def guards(program: Program) -> str:
    """A guard stops unless it is false."""
    function = Function("guards", "row", MarkingEmitter(program.table, guarded=True), ["    fired = []"])
    for position, guard in enumerate(program.guards):
        _fire(function, program, position, guard, f"not ({function.emitter.false(guard.condition)})")
    return _returning_fired(function)


def suppressions(program: Program) -> str:
    """A suppression binds unless it is false; where no moment is told, none of its moments is ruled out."""
    excluding = [
        (position, each, each.suppression)
        for position, each in enumerate(program.triggers)
        if each.suppression is not None
    ]
    return _by_moment(program, "suppressions", excluding, unknown_moment=True)


def promotions(program: Program) -> str:
    """A promotion has to be true, and meant for this moment."""
    admitting = [(position, each, each.condition) for position, each in enumerate(program.triggers) if each.promotes]
    return _by_moment(program, "promotions", admitting, unknown_moment=False)


_Part = tuple[int, Trigger, Condition]


def _by_moment(program: Program, name: str, parts: Sequence[_Part], *, unknown_moment: bool) -> str:
    """One function for what counts at every moment, and one for each moment that some trigger waits for."""
    parts_by_moment: dict[int | None, list[_Part]] = {}
    for part in parts:
        moments = sorted(program.moments.index(each) for each in part[1].moments or ())
        for moment in (*moments, *((None,) if unknown_moment and part[1].moments is not None else ())):
            parts_by_moment.setdefault(moment, []).append(part)
    always = [part for part in parts if part[1].moments is None]
    sources = [
        _fired(program, f"{name}_at_{moment}", found, excludes=unknown_moment)
        for moment, found in parts_by_moment.items()
    ]
    if not sources:
        return _fired(program, name, always, excludes=unknown_moment)
    slot = program.table.slot_by_fact[MOMENT]
    index = ", ".join(f"{moment}: {name}_at_{moment}" for moment in parts_by_moment)
    dispatch = [
        f"def {name}(row, always=always_{name}, by_moment={{{index}}}):",
        f"    found = by_moment.get(row[{slot}])",
        "    return always(row) if found is None else sorted(always(row) + found(row))",
        "",
    ]
    return "\n".join([*sources, _fired(program, f"always_{name}", always, excludes=unknown_moment), *dispatch])


def _fired(program: Program, name: str, parts: Sequence[_Part], *, excludes: bool) -> str:
    function = Function(name, "row", MarkingEmitter(program.table), ["    fired = []"])
    for position, trigger, condition in parts:
        emitter = function.emitter
        binds = f"not ({emitter.false(condition)})" if excludes else emitter.true(condition)
        _fire(function, program, position, trigger, binds)
    return _returning_fired(function)


def themes(program: Program) -> str:
    """A theme has to be true."""
    function = Function("themes", "row", MarkingEmitter(program.table), ["    fired = []"])
    for position, theme in enumerate(program.themes):
        _fire(function, program, position, theme, function.emitter.true(theme.condition))
    return _returning_fired(function)


def _fire(function: Function, program: Program, position: int, rule: _Ruled, condition: str) -> None:
    validity = in_validity(function, program, rule.head.validity)
    function.lines.append(f"    if {validity}{condition}: fired.append({position})")


def _returning_fired(function: Function) -> str:
    function.lines.append("    return fired")
    return function.source()


def engage(program: Program, channel: int) -> str:
    """Codes are written per action; an action whose code is set already was stopped before and stays untouched."""
    table = program.table
    emitter = MarkingEmitter(table, fixed={table.request_offset: channel})
    function = Function(f"engage_{channel}", "row, codes", emitter, ["    passed = []"])
    for position, rules in enumerate(program.actions):
        function.lines.append(f"    if not codes[{position}]:")
        branch = "if"
        for version in rules.versions:
            chain = [
                (f"not ({emitter.true(condition)})", f"codes[{position}] = {int(reason)}")
                for condition, reason in version.stages
                if condition != ALWAYS
            ]
            chain.append(("True", f"passed.append({position})"))
            if not version.head.validity.bounded:
                function.lines.extend(branches(chain, "        "))
                break
            inside = in_validity(function, program, version.head.validity).removesuffix(" and ")
            function.lines.append(f"        {branch} {inside}:")
            function.lines.extend(branches(chain, "            "))
            branch = "elif"
        else:
            function.lines.append(f"        else: codes[{position}] = {int(Reason.OUTSIDE_VALIDITY)}")
    function.lines.append("    return passed")
    return function.source()
