"""Runs `nextbest` as a process, and looks in /proc for what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CUSTOMERS = "300"
ENDED_WITHIN_S = 30


@dataclass(frozen=True, slots=True)
class Running:
    """An installation in the foreground of its own terminal, so to speak."""

    process: subprocess.Popen[str]
    told: dict[str, Any]
    """What it printed when it was ready."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return str(self.told["url"])

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for its end; its exit code."""
        return self.process.wait(ENDED_WITHIN_S)


def words(data_dir: Path) -> tuple[str, ...]:
    """A small demonstration on a folder."""
    return ("demo", "--port", "0", "--customers", CUSTOMERS, "--data-dir", str(data_dir), "--no-browser")


def start(*words: str) -> subprocess.Popen[str]:
    """Start a command with `--json`."""
    return subprocess.Popen(
        [sys.executable, "-m", "api.cli", *words, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NEXTBEST_ACCESS": "open"},
        start_new_session=True,
    )


def when_ready(process: subprocess.Popen[str]) -> Running:
    """Wait for the JSON that it prints once it serves."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if line.rstrip() == "}":
            return Running(process, json.loads(printed))
    assert process.stderr is not None
    raise AssertionError(f"it ended with {process.wait()}: {process.stderr.read()}")


@contextmanager
def in_session(*words: str) -> Iterator[Running]:
    """A running installation, ended at the end."""
    process = start(*words)
    try:
        yield when_ready(process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(ENDED_WITHIN_S)
        close(process)


def close(process: subprocess.Popen[str]) -> None:
    """Close what is left of its pipes."""
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def ask(url: str, path: str, body: dict[str, Any], key: str = "") -> dict[str, Any]:
    """The JSON of an answer."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def processes_on(data_dir: Path) -> dict[int, str]:
    """The processes whose command line or environment names a data folder, by pid."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                command = (entry / "cmdline").read_bytes()
                around = (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(data_dir).encode() in command + around:
                found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


def nothing_left_on(data_dir: Path, within_s: float = 10.0) -> bool:
    """Whether every process of a data folder has ended, at the latest after a while."""
    give_up_at = time.monotonic() + within_s
    while processes_on(data_dir):
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.05)
    return True
