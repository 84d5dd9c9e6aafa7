"""What speaks against making a model the current one: its own figures, and evidence that was gathered about it.

Evidence is a file `evidence/<version>/<kind>.json` beside the models, written by whoever looked: a report, a shadow, a
comparison of traffic. Its `objections` are sentences; each keeps the model from serving until somebody overrules it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from models.artefact import Manifest
from models.durable import sync_folder, write_durably
from models.errors import ModelRefused

EVIDENCE: Final = "evidence"
MOST_AUC_LOST: Final = 0.02
"""A model may rank its own test slice worse than the current one ranked its own, by so much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What somebody found out about a model."""

    kind: str
    at: str
    """When, as an instant in ISO 8601."""
    objections: tuple[str, ...]
    figures: Mapping[str, float | int | str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model that is to serve, and the one that does."""

    manifest: Manifest
    current: Manifest | None
    evidence: tuple[Evidence, ...]


Check = Callable[[Candidate], Sequence[str]]


def objections(candidate: Candidate) -> tuple[str, ...]:
    """Every sentence that speaks against a model."""
    return tuple(sentence for check in CHECKS for sentence in check(candidate))


def write_evidence(models_dir: Path, version: str, evidence: Evidence) -> None:
    """Keep evidence about a model; it replaces what was known of its kind."""
    folder = models_dir / EVIDENCE / version
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / f".{evidence.kind}"
    write_durably(staged, msgspec.json.format(msgspec.json.encode(evidence), indent=1))
    staged.replace(folder / f"{evidence.kind}.json")
    sync_folder(folder)


def read_evidence(models_dir: Path, version: str) -> tuple[Evidence, ...]:
    """What is known about a model.

    Raises:
        ModelRefused: a file of it cannot be read.
    """
    found = []
    for file in sorted((models_dir / EVIDENCE / version).glob("*.json")):
        try:
            found.append(msgspec.json.decode(file.read_bytes(), type=Evidence))
        except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
            raise ModelRefused(f"the evidence `{file.name}` about it cannot be read") from error
    return tuple(found)


def _calibration(candidate: Candidate) -> Sequence[str]:
    return candidate.manifest.report.findings()


def _ranking(candidate: Candidate) -> Sequence[str]:
    ours, theirs = candidate.manifest.report.overall, candidate.current and candidate.current.report.overall
    if ours.auc is None or not theirs or theirs.auc is None or ours.auc >= theirs.auc - MOST_AUC_LOST:
        return ()
    return (
        f"it ranks its test contacts with an AUC of {ours.auc:.3f}, the current model its own with {theirs.auc:.3f}",
    )


def _evidence(candidate: Candidate) -> Sequence[str]:
    return [f"{each.kind}: {sentence}" for each in candidate.evidence for sentence in each.objections]


CHECKS: Final[tuple[Check, ...]] = (_calibration, _ranking, _evidence)
