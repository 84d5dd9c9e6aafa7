"""What takes long to make and is read only, or copied, is made by one of the processes that test."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(temporary: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder of this run of the tests that `make` fills, in whichever process asks for it first."""
    base = temporary.getbasetemp()
    around = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, made = around / name, around / f"{name}.made"
    with (around / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder
