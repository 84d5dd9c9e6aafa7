"""The hidden world as a process of its own: asked day by day, answered with choices, in frames over a pipe."""

import io
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

AS_OF: Final = "2026-01-05"
"""The day the world's two years end."""
Frame = dict[str, npt.NDArray[Any]]
_LENGTH: Final = struct.Struct(">Q")


class World:
    """One world, in the middle of its two years."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to: IO[bytes] = process.stdin
        self._from: IO[bytes] = process.stdout
        self.greeting = self.hear()

    def hear(self) -> Frame:
        """The next frame.

        Raises:
            EOFError: the world has ended.
        """
        head = self._from.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            raise EOFError("the world has ended")
        with np.load(io.BytesIO(self._from.read(_LENGTH.unpack(head)[0])), allow_pickle=False) as frame:
            return {name: frame[name] for name in frame.files}

    def say(self, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        """Answer the day that was asked about."""
        packed = io.BytesIO()
        np.savez(packed, **columns)  # type: ignore[arg-type]  # every keyword is a column
        self._to.write(_LENGTH.pack(packed.getbuffer().nbytes))
        self._to.write(packed.getbuffer())
        self._to.flush()


@contextmanager
def world(rules: Path, folder: Path, *, seed: int, customers: int, weeks: int) -> Iterator[World]:
    """A world for as long as the context lasts; its customers are written into `folder`."""
    command = [
        *(sys.executable, "-m", "demobank.partner", "--rules", str(rules), "--folder", str(folder)),
        *("--seed", str(seed), "--customers", str(customers), "--weeks", str(weeks), "--as-of", AS_OF),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield World(process)
        finally:
            process.kill()
