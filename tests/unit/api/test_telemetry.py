"""Counting, and gathering what several processes counted."""

from pathlib import Path

import pytest

from api import exposition
from api.exposition import MetricsFolder
from api.telemetry import OTHER, SECONDS, Counter, Histogram, Metrics


def sample(text: str, name: str) -> float:
    return next(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


def test_counter_counts_by_labels() -> None:
    """The plain case."""
    counter = Counter("c", "", ("channel",), 5)
    counter.add(("atm",))
    counter.add(("atm",), 2)
    counter.add(("web",))
    assert counter.values == {("atm",): 3, ("web",): 1}


def test_counter_puts_what_is_too_many_together() -> None:
    """A rule file with a thousand needs must not become a thousand series."""
    counter = Counter("c", "", ("need",), 3)
    for number in range(10):
        counter.add((str(number),))
    assert counter.values == {("0",): 1, ("1",): 1, (OTHER,): 8}


def test_histogram_puts_bounds_into_the_bucket_below() -> None:
    """As Prometheus reads `le`."""
    histogram = Histogram("h", "", ("channel",), 3, (0.1, 0.2))
    for value in (0.05, 0.1, 0.15, 5.0):
        histogram.observe(("atm",), value)
    assert histogram.values[("atm",)] == [2, 1, 1, pytest.approx(5.3)]


def a_process(folder: Path, role: str, pid: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Metrics, MetricsFolder]:
    monkeypatch.setattr(exposition, "own_pid", lambda: pid)
    metrics = Metrics()
    return metrics, MetricsFolder(folder, role, metrics)


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The processes that are taken to be running."""
    pids = {101, 102, 103}
    monkeypatch.setattr(exposition, "is_running", pids.__contains__)
    return pids


def test_exposition_adds_up_all_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alive: set[int]) -> None:
    """A scrape sees the installation, whichever process answers it."""
    for number, pid in enumerate((101, 102), 1):
        metrics, folder = a_process(tmp_path, "api", pid, monkeypatch)
        metrics.decisions.add(("atm", "none"), number)
        metrics.decision_seconds.observe(("atm",), 0.0025)
        metrics.bundle.set(("sha256:a", "m", "0"), 1)
        metrics.in_flight.set((), number)
        folder.flush()
    text = a_process(tmp_path, "worker", 103, monkeypatch)[1].exposition().decode()
    assert sample(text, 'nextbest_decisions_total{channel="atm"') == 3
    assert sample(text, 'nextbest_decision_seconds_bucket{channel="atm",le="0.002"') == 0
    assert sample(text, 'nextbest_decision_seconds_bucket{channel="atm",le="0.003"') == 2
    assert sample(text, 'nextbest_decision_seconds_sum{channel="atm"') == pytest.approx(0.005)
    assert sample(text, "nextbest_in_flight") == 3
    assert sample(text, 'nextbest_bundle_info{model="m"') == 1
    assert sample(text, 'nextbest_processes{role="api"') == 2
    assert sample(text, 'nextbest_processes{role="worker"') == 1


@pytest.mark.parametrize("end", ["clean", "killed", "killed and its number taken by another"])
def test_counts_of_a_process_that_ended_stay(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alive: set[int]
) -> None:
    """A total that fell would look like a restart to Prometheus, and be counted twice."""
    metrics, folder = a_process(tmp_path, "api", 101, monkeypatch)
    metrics.decisions.add(("atm", "none"), 5)
    metrics.in_flight.set((), 7)
    folder.flush()
    if end == "clean":
        folder.close()
    elif end == "killed":
        alive.discard(101)
    else:
        a_process(tmp_path, "api", 101, monkeypatch)
    _, survivor = a_process(tmp_path, "api", 102, monkeypatch)
    for _ in range(2):
        text = survivor.exposition().decode()
        assert sample(text, 'nextbest_decisions_total{channel="atm"') == 5
        assert "nextbest_in_flight 7" not in text
    assert {path.name for path in tmp_path.glob("*.json")} <= {"ended.json", "api-102.json"}


def test_damaged_file_costs_its_counts_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alive: set[int]
) -> None:
    """A metric is worth no crash."""
    (tmp_path / "api-102.json").write_text("{")
    (tmp_path / "ended.json").write_bytes(b"\xff")
    metrics, folder = a_process(tmp_path, "api", 101, monkeypatch)
    metrics.decisions.add(("atm", "none"))
    assert sample(folder.exposition().decode(), 'nextbest_decisions_total{channel="atm"') == 1


def test_histogram_s_row_has_a_place_for_every_bound_the_rest_and_the_sum() -> None:
    """What files and processes exchange."""
    metrics = Metrics()
    metrics.decision_seconds.observe(("atm",), 9.0)
    ((_, row),) = metrics.snapshot()["decision_seconds"]
    assert len(row) == len(SECONDS) + 2
    assert row[-2:] == [1, 9.0]
