"""A damaged model never serves: hundreds of them, as a disk leaves them and with hashes made to agree afterwards."""

import json
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from bench.report import CaseResult, Figure, Target
from bench.workshop import Workshop
from models.arrays import Floats
from models.artefact import BINS, CANARIES, MANIFEST, TREES, Settings, sha256
from models.errors import ModelRefused
from models.loading import load_model
from models.registry import open_registry
from models.train import train_from_bank

AS_FOUND: Final = 300
SEALED: Final = 60
LONGEST_S: Final = 60.0
"""A model that nobody has judged by then hangs."""
_FILES: Final = (MANIFEST, TREES, CANARIES, BINS)
_PROBES: Final = 4_000

Damage = Callable[[bytes, random.Random], bytes]


@dataclass(slots=True)
class Tally:
    """How it went."""

    tried: int = 0
    refused: int = 0
    slow: int = 0
    harmless: int = 0
    """Served, with every score as it was: the damage touched nothing that scores."""
    wrong: int = 0
    died: int = 0
    """Of the refused: the child that tried it died or had to be ended."""


def run(folder: Path, *, quick: bool) -> CaseResult:
    """Train two models, damage copies of one, and try to load each."""
    workshop = Workshop(folder)
    whole = workshop.trained.folder
    settings = replace(workshop.trained.training.settings, seed=11)
    other = _other(workshop, settings)
    probes = np.random.default_rng(2).normal(50.0, 40.0, (_PROBES, load_model(whole).forest.feature_count))
    probes[np.random.default_rng(3).random(probes.shape) < 0.1] = np.nan
    expected = load_model(whole).forest.raw_scores(probes)
    count, sealed_count = (40, 20) if quick else (AS_FOUND, SEALED)
    found, sealed = Tally(), Tally()
    for number, name, content in _as_found(whole, other, count):
        _try(folder / "tries", whole, {name: content}, number, probes, expected, found)
    for number, files in _sealed(whole, sealed_count):
        _try(folder / "tries", whole, files, number, probes, expected, sealed)
    return _result(found, sealed, count + sealed_count)


def _other(workshop: Workshop, settings: Settings) -> Path:
    return train_from_bank(
        workshop.plan, workshop.bank_dir, workshop.folder / "other", settings=settings, seed=11, promote=False
    ).folder


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def _digit(content: bytes, chance: random.Random) -> bytes:
    """One digit becomes another one."""
    at = chance.choice([found.start() for found in re.finditer(rb"\d", content)])
    digit = chance.choice([each for each in b"0123456789" if each != content[at]])
    return content[:at] + bytes([digit]) + content[at + 1 :]


def _bit(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(8 * len(content))
    return content[: at // 8] + bytes([content[at // 8] ^ 1 << at % 8]) + content[at // 8 + 1 :]


def _lines(content: bytes, chance: random.Random) -> bytes:
    """Two lines change places."""
    lines = content.split(b"\n")
    one, two = chance.sample(range(len(lines)), 2) if len(lines) > 1 else (0, 0)
    lines[one], lines[two] = lines[two], lines[one]
    swapped = b"\n".join(lines)
    return swapped if swapped != content else content + b"\n"


def _zeros(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes(min(512, len(content) - at)) + content[at + 512 :]


def _hash(content: bytes, chance: random.Random) -> bytes:
    """One digit of one of the hashes in the manifest."""
    at = chance.choice([found.start() + chance.randrange(64) for found in re.finditer(rb"[0-9a-f]{64}", content)])
    digit = chance.choice([each for each in b"0123456789abcdef" if each != content[at]])
    return content[:at] + bytes([digit]) + content[at + 1 :]


_DAMAGES: Final[tuple[Damage, ...]] = (_cut, _digit, _bit, _lines, _zeros)


def _as_found(whole: Path, other: Path, count: int) -> Iterator[tuple[int, str, bytes]]:
    """Files cut, with digits and bits flipped, lines exchanged, blocks zeroed, hashes wrong, or of another model."""
    for number in range(count):
        chance = random.Random(number)
        name = _FILES[number % len(_FILES)]
        kind = number // len(_FILES) % (len(_DAMAGES) + 2)
        content = (whole / name).read_bytes()
        if kind < len(_DAMAGES):
            yield number, name, _DAMAGES[kind](content, chance)
        elif kind == len(_DAMAGES):
            yield number, name, (other / name).read_bytes()
        else:
            yield number, MANIFEST, _hash((whole / MANIFEST).read_bytes(), chance)


def _sealed(whole: Path, count: int) -> Iterator[tuple[int, dict[str, bytes]]]:
    """The trees damaged, and the manifest made to agree, as if it had happened before the hashes were made."""
    for number in range(count):
        chance = random.Random(10_000 + number)
        trees = _DAMAGES[number % len(_DAMAGES)]((whole / TREES).read_bytes(), chance)
        manifest = json.loads((whole / MANIFEST).read_bytes())
        manifest["sha256_by_file"][TREES] = sha256(trees)
        yield AS_FOUND + number, {TREES: trees, MANIFEST: json.dumps(manifest).encode()}


def _try(
    tries: Path, whole: Path, damaged: dict[str, bytes], number: int, probes: Floats, expected: Floats, tally: Tally
) -> None:
    """Load a damaged copy as a server does; nothing that it does may reach this process."""
    resealed = len(damaged) > 1
    version = sha256(damaged[MANIFEST]) if resealed else whole.name
    folder = tries / str(number) / version
    shutil.copytree(whole, folder)
    for name, content in damaged.items():
        (folder / name).chmod(0o644)
        (folder / name).write_bytes(content)
    began = time.monotonic()
    tally.tried += 1
    try:
        model = open_registry(folder.parent).load(version)
    except ModelRefused as refusal:
        tally.refused += 1
        tally.died += "a process that loaded it" in refusal.reason
    else:
        same = bool(np.array_equal(model.forest.raw_scores(probes), expected))
        tally.harmless += same
        tally.wrong += not same
    tally.slow += time.monotonic() - began > LONGEST_S
    shutil.rmtree(tries / str(number))


def _result(found: Tally, sealed: Tally, expected: int) -> CaseResult:
    tried, wrong = found.tried + sealed.tried, found.wrong + sealed.wrong
    return CaseResult(
        case="damaged",
        title=f"{found.tried} damaged models, and {sealed.tried} whose hashes were made to agree with the damage",
        figures=(
            Figure(what="damaged models refused", value=found.refused, unit=f"of {found.tried}"),
            Figure(what="with agreeing hashes refused", value=sealed.refused, unit=f"of {sealed.tried}"),
            Figure(what="of them by a child that died or did not end", value=sealed.died, unit=""),
            Figure(what="with agreeing hashes served, every score as it was", value=sealed.harmless, unit=""),
        ),
        targets=(
            Target(
                what="loads that the serving process lived through", bound="at least", target=expected, measured=tried
            ),
            Target(what="hangs", bound="at most", target=0, measured=found.slow + sealed.slow),
            Target(what="damaged models that served", bound="at most", target=0, measured=found.tried - found.refused),
            Target(what="wrong scores served, of either kind", bound="at most", target=0, measured=wrong),
        ),
    )
