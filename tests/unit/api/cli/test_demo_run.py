"""What the demonstration says while it prepares itself."""

import json
from pathlib import Path
from typing import cast

import pytest

from api.cli.console import Usage
from api.cli.demo_run import DemoRun
from api.cli.examples import DOORS, Example
from api.cli.supervisor import Job, JobFailed


class _Failing:
    """A job that ended with a code and printed something."""

    def __init__(self, code: int, **printed: object) -> None:
        self._failure = JobFailed(code, json.dumps(printed).encode())

    def result(self) -> bytes:
        raise self._failure


def finish(name: str, job: _Failing, folder: Path) -> None:
    run = DemoRun(rules=folder, data_dir=folder, customers=100, as_of=None, port=0, browser=False, as_json=False)
    run._finish(name, cast(Job, job))


def test_rows_that_were_left_out_are_told_with_the_place_of_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finish("load", _Failing(1, customers=5, report="/data/loads/1.json"), tmp_path)
    assert capsys.readouterr().err == "load: some rows were left out, see /data/loads/1.json\n"


def test_phase_that_failed_ends_the_run_with_its_own_sentence(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="load failed: the store is full"):
        finish("load", _Failing(2, error="the store is full"), tmp_path)


def test_requests_to_paste_print_what_people_can_read() -> None:
    keys = {"touchpoint": "nbk_t", "analyst": "nbk_a"}
    example = Example(door=DOORS[0], question={"channel": "atm"}, answer={}, because="")
    assert all(each.endswith(" | python3 -m json.tool") for each in example.commands("http://127.0.0.1:8080", keys))
