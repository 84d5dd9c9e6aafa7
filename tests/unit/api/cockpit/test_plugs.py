"""Plugs: what is out, that it comes back, and that the store is stopped as the process that it is."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.cockpit.plugs import Plugs
from api.forms import Plug
from engine.ports import Outlook, ScoringContext
from tests.unit.api.shells import running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")


@contextmanager
def noted_as_store(tmp_path: Path, *words: str) -> Iterator[int]:
    """A process whose pid is noted as the embedded store's."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", *words]) as process:
        (tmp_path / "valkey").mkdir()
        noted = {"pid": process.pid, "socket": str(tmp_path / "valkey" / "server.sock")}
        (tmp_path / "valkey" / "server.json").write_text(json.dumps(noted))
        yield process.pid
        process.send_signal(signal.SIGCONT)
        process.kill()


def comes_to(pid: int, *, stopped: bool) -> bool:
    """Whether a process is stopped, or goes on, as soon as the kernel has told it."""
    stat = Path(f"/proc/{pid}/stat")
    return any((stat.read_text().rsplit(")", 1)[1].split()[0] == "T") is stopped for _ in range(10_000))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[int]:
    """A process that stands for the embedded store; its pid."""
    with noted_as_store(tmp_path, "valkey-server") as pid:
        yield pid


async def test_store_is_stopped_and_goes_on(tmp_path: Path, store: int) -> None:
    plugs = Plugs(tmp_path)
    async with plugs.running():
        assert plugs.pull(Plug.STORE)
        assert plugs.pull(Plug.STORE)
        assert plugs.out == {"store": True, "model": False}
        assert comes_to(store, stopped=True)
        plugs.put_back(Plug.STORE)
        plugs.put_back(Plug.STORE)
        assert comes_to(store, stopped=False)
    assert plugs.out == {"store": False, "model": False}


async def test_nothing_stays_out_when_the_process_ends(tmp_path: Path, store: int) -> None:
    plugs = Plugs(tmp_path)
    async with plugs.running():
        for plug in Plug:
            plugs.pull(plug)
    assert plugs.out == {"store": False, "model": False}
    assert comes_to(store, stopped=False)


async def test_store_that_a_killed_process_left_stopped_goes_on(tmp_path: Path, store: int) -> None:
    Plugs(tmp_path, longest_s=3_600).pull(Plug.STORE)
    assert comes_to(store, stopped=True)
    async with Plugs(tmp_path).running():
        assert comes_to(store, stopped=False)


async def test_process_that_has_got_the_stores_number_since_is_left_alone(tmp_path: Path) -> None:
    with noted_as_store(tmp_path) as pid:
        assert not Plugs(tmp_path).pull(Plug.STORE)
        assert comes_to(pid, stopped=False)


async def test_plug_comes_back_by_itself(tmp_path: Path) -> None:
    plugs = Plugs(tmp_path, longest_s=0.0)
    plugs.pull(Plug.MODEL)
    assert plugs.model_is_out
    await asyncio.sleep(0.001)
    assert not plugs.model_is_out


def test_store_of_others_is_left_alone(tmp_path: Path) -> None:
    assert not Plugs(tmp_path).pull(Plug.STORE)


class Halves:
    """Gives every candidate a half."""

    version = "halves"

    def score(self, _: ScoringContext, candidates: Sequence[int]) -> Sequence[float]:
        return [0.5] * len(candidates)

    def positives(self, _: int) -> Sequence[int]:
        return (7,)

    def outlook(self) -> Outlook:
        return Outlook((0.5,))


async def test_model_that_is_out_has_no_scores_and_keeps_its_name(tmp_path: Path) -> None:
    plugs = Plugs(tmp_path)
    scorer, context = plugs.scorer(Halves()), object()
    assert scorer.score(context, [1, 2]) == [0.5, 0.5]  # type: ignore[arg-type]  # nobody reads it
    plugs.pull(Plug.MODEL)
    assert scorer.score(context, [1, 2]) == ()  # type: ignore[arg-type]
    assert (scorer.version, scorer.positives(0)) == ("halves", (7,))
    plugs.put_back(Plug.MODEL)


async def test_plugs_are_pulled_over_http_in_a_demonstration_alone(tmp_path: Path) -> None:
    async with running(demonstration=True, data_dir=tmp_path) as house:
        told = (await house.client.post("/cockpit/plugs", json={"plug": "model", "out": True})).json()
        assert told == (await house.client.get("/cockpit/plugs")).json() == {"store": False, "model": True}
        back = await house.client.post("/cockpit/plugs", json={"plug": "model", "out": False})
        none = await house.client.post("/cockpit/plugs", json={"plug": "store", "out": True})
        wrong = await house.client.post("/cockpit/plugs", json={"plug": "bank", "out": True})
    assert back.json() == {"store": False, "model": False}
    assert none.status_code == wrong.status_code == 422
    async with running() as house:
        assert (await house.client.post("/cockpit/plugs", json={"plug": "model", "out": True})).status_code == 404
        assert (await house.client.get("/cockpit")).status_code == 404
