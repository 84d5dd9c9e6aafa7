"""What is said of a process that judges rules and gives no verdict."""

import sys
from pathlib import Path

import pytest

from api.reloading.asking import Judge, JudgeFailed
from api.reloading.verdict import Question, Verdict, encode
from api.settings import Settings
from tests.builders import rule_files

QUESTION = Question(serving=None, model=None)


def failure(tmp_path: Path, code: str, timeout_s: float = 60.0) -> str:
    """The sentence about a child that runs some code."""
    settings = Settings(rules=tmp_path / "rules", data_dir=tmp_path)
    judge = Judge(settings, timeout_s, command=[sys.executable, "-c", code])
    with pytest.raises(JudgeFailed) as failed:
        judge.verdict(QUESTION)
    return str(failed.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.abort()", "the process that judges rules died of SIGABRT: something in it found no memory, or"),
        (
            "import sys, threading\n"
            "sys.stdin.buffer.readline()\n"
            "threading.Thread(target=sys.stdin.buffer.read, daemon=True).start()",
            "gave up; Fatal Python error: _enter_buffered_busy",
        ),
        ("import os; os.kill(os.getpid(), 9)", "died of SIGKILL: somebody killed it, or the system did for want of"),
        ("import os; os.kill(os.getpid(), 10)", "the process that judges rules died of SIGUSR1"),
        ("raise ValueError('no such luck')", "ended with code 1: Traceback"),
        ("raise SystemExit(3)", "judging these rules takes more than 4 GiB of memory"),
        ("print('hello')", "the process that judges rules said something else"),
        ("import sys; sys.stderr.write('x' * 1_000_000); sys.exit(2)", "ended with code 2: xxx"),
    ],
)
def test_end_without_a_verdict_is_told_in_a_sentence(tmp_path: Path, code: str, said: str) -> None:
    """By what it died of, and what that mostly means."""
    assert said in failure(tmp_path, code)


def test_child_that_hangs_is_ended(tmp_path: Path) -> None:
    """Nobody waits for it forever."""
    assert failure(tmp_path, "import sys; sys.stdin.read()", 0.2) == (
        "the process that judges rules did not finish within 0.2 s"
    )


def test_child_that_found_no_time_is_followed_by_one_that_takes_its_share(tmp_path: Path) -> None:
    """The first one waits for idle processors, and there may be none."""
    verdict = Verdict(result="unchanged", ruleset="r", model=None, errors=0, problems=())
    begun = tmp_path / "begun"
    code = (
        "import pathlib, sys\n"
        f"begun = pathlib.Path({str(begun)!r})\n"
        "if not begun.exists():\n"
        "    begun.touch()\n"
        "    sys.stdin.read()\n"
        f"sys.stdout.write({encode(verdict).decode()!r})"
    )
    judge = Judge(Settings(data_dir=tmp_path), 2.0, command=[sys.executable, "-c", code])
    assert judge.verdict(QUESTION) == verdict


def judged_with(tmp_path: Path, change: str) -> Judge:
    """The real child, after a change of one of its names."""
    for name, content in rule_files().items():
        (tmp_path / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rules" / name).write_bytes(content)
    code = f"from api.reloading import child\n{change}\nchild.main()"
    settings = Settings(rules=tmp_path / "rules", data_dir=tmp_path / "data")
    return Judge(settings, command=[sys.executable, "-c", code])


def test_child_answers_and_ends(tmp_path: Path) -> None:
    """With far less memory than it may have, and without the end of an interpreter."""
    judge = judged_with(tmp_path, "import atexit, os\nchild._MEMORY_BYTES = 2**30\natexit.register(os.abort)")
    assert judge.verdict(QUESTION).result == "ready"


def test_child_that_lacks_memory_says_so(tmp_path: Path) -> None:
    """Whatever it was that wanted it."""
    greedy = "def answer(settings, question):\n    return bytearray(2**40)\nchild.answer = answer"
    with pytest.raises(JudgeFailed, match="takes more than 4 GiB of memory"):
        judged_with(tmp_path, greedy).verdict(QUESTION)
