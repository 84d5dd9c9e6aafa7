"""A whole installation in the foreground, asked to look at its rules again."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.integration.api.installations import PATIENCE_S
from tests.integration.reloading.servers import Server, headline, welcome
from tests.unit.api.shells import ROOT


@contextmanager
def installation(rules: Path, data_dir: Path) -> Iterator[Server]:
    """`nextbest serve` for as long as the context lasts; a signal ends it cleanly."""
    words = ["serve", "--rules", str(rules), "--data-dir", str(data_dir), "--port", "0", "--no-watch", "--json"]
    words += ["--access", "open"]
    running = subprocess.Popen(
        [sys.executable, "-m", "api.cli", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
        start_new_session=True,
    )
    assert running.stdout is not None
    try:
        printed = ""
        while not printed.endswith("}\n"):
            line = running.stdout.readline()
            assert line, f"it ended with code {running.wait()}"
            printed += line
        with httpx.Client(base_url=json.loads(printed)["url"], timeout=PATIENCE_S) as client:
            yield Server(running=running, client=client)
    finally:
        running.send_signal(signal.SIGTERM)
        ended = running.wait(2 * PATIENCE_S)
        running.stdout.close()
    assert ended == 0


def test_hangup_of_the_supervisor_reaches_server_and_worker(rules: Path, tmp_path: Path) -> None:
    """Both take the rules up, nothing ends; a server that dies comes back with them though the disk says otherwise."""
    with installation(rules, tmp_path / "data") as server:
        welcome(rules, "Good morning")
        server.hang_up()
        give_up_at = time.monotonic() + PATIENCE_S
        while server.reloads("taken_up") < 2:
            assert time.monotonic() < give_up_at
            time.sleep(0.1)
        assert headline(server.ask()) == "Good morning"
        (rules / "bank.yaml").write_text("bank: [")
        _kill_the_server(server)
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            try:
                assert headline(server.ask()) == "Good morning"
                break
            except httpx.TransportError:
                assert time.monotonic() < give_up_at
                time.sleep(0.1)
        server.until("refused")


def _kill_the_server(server: Server) -> None:
    """As if it had crashed."""
    children = Path(f"/proc/{server.running.pid}/task/{server.running.pid}/children").read_text().split()
    (api,) = [int(each) for each in children if b"api.server" in Path(f"/proc/{each}/cmdline").read_bytes()]
    subprocess.run(["kill", "-9", str(api)], check=True)
