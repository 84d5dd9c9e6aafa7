"""What several cases need, made once a run in a temporary folder: rule files, the bank's files, a trained model."""

from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from bench.bank import write_bank
from bench.bundle import BenchBundle, bench_bundle
from engine import Plan, compile_bundle
from models.artefact import Settings
from models.train import TrainedModel, train_from_bank

CUSTOMERS = 20_000
TREES, LEAVES = 100, 63


class Workshop:
    """Makes each thing when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def bundle(self) -> BenchBundle:
        """The benchmark's bundle."""
        return bench_bundle()

    @cached_property
    def plan(self) -> Plan:
        """The bundle, compiled."""
        return compile_bundle(self.bundle.files).plan

    @cached_property
    def rules_dir(self) -> Path:
        """The bundle as files."""
        folder = self.folder / "rules"
        for name, content in self.bundle.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder

    @cached_property
    def bank_dir(self) -> Path:
        """The files of a bank with CUSTOMERS customers, as of today."""
        folder = self.folder / "bank"
        write_bank(folder, CUSTOMERS, datetime.now(UTC).date())
        return folder

    @cached_property
    def trained(self) -> TrainedModel:
        """A model of TREES trees with LEAVES leaves, trained on the bank; takes some seconds."""
        settings = Settings(trees=TREES, leaves=LEAVES, learning_rate=0.05, patience=TREES)
        return train_from_bank(self.plan, self.bank_dir, self.folder / "models", settings=settings)
