"""The rules on which inferring needs is measured."""

from bench.needs_case import NEEDS, need_files
from engine import compile_bundle
from engine.compiler.need_program import need_program


def test_needs_are_as_many_as_are_said_and_chained() -> None:
    """Every fourth asks for another one, so there is a stratum above the first; the theme comes on top."""
    program = need_program(compile_bundle(need_files()).plan)
    assert program.rule_count == NEEDS + 1
    assert [sum(len(each.rules) for each in sets) for sets in program.strata] == [150, 51]
