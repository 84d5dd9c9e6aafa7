"""Files that are large, deep or hostile are refused with a sentence, by bounded work and in little memory."""

import sys
import tracemalloc
from types import FrameType

import pytest

from engine.compiler.problem_list import MAX_PROBLEMS
from engine.compiler.yaml_parser import MAX_FAULTS
from tests.hostile.files import ACTION, HOSTILE, said_of

MOST_MEMORY = 50 * 2**20
MOST_CALLS = 800_000
"""Calls of functions while one file is refused: what stays below takes tens of milliseconds."""


class Calls:
    """Counts the calls of functions, in Python and in C."""

    def __init__(self) -> None:
        self.count = 0

    def note(self, _frame: FrameType, event: str, _argument: object) -> None:
        """Called by the interpreter."""
        self.count += event in ("call", "c_call")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_refused_with_a_sentence_in_little_memory(name: str) -> None:
    """One of its faults is named where it stands, and nobody is told thousands."""
    make, sentence = HOSTILE[name]
    content = make()
    tracemalloc.start()
    try:
        said = said_of(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert any(each.startswith("rules/actions/x.yaml:") and sentence in each for each in said), said[:3]
    assert len(said) <= MAX_PROBLEMS + 1
    assert peak < MOST_MEMORY


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_refused_by_bounded_work(name: str) -> None:
    """Wherever its fault stands, and however much would have to be read to see the end of it."""
    content = HOSTILE[name][0]()
    said_of(ACTION)
    calls, before = Calls(), sys.getprofile()
    sys.setprofile(calls.note)
    try:
        said_of(content)
    finally:
        sys.setprofile(before)
    assert 1_000 < calls.count < MOST_CALLS


def test_faults_of_the_yaml_are_told_up_to_a_number() -> None:
    """Whoever mends twenty of them is told of the next twenty."""
    said = said_of(b"action: x\n" + b"k: 1\n" * 1_000)
    assert len([each for each in said if "stands here twice" in each]) == MAX_FAULTS


def test_too_many_problems_are_counted_and_not_listed() -> None:
    """The last line says how many more there are."""
    *_, last = said_of(ACTION + b"".join(b"key_%d: 1\n" % at for at in range(1_500)))
    assert last.endswith("there are 500 more problems; mend the others first")
