"""Tries a model in a process of its own, where a crash or a hang harms nobody, and where LightGBM scores the canaries.

`python -m models.verify FOLDER` is that process; it prints what is wrong, or nothing.
"""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np

from models.artefact import CANARIES, TREES, read_canaries, read_content, read_effect_canaries, read_manifest
from models.errors import ModelRefused
from models.loading import compare_canaries, decoded, load_model

TIMEOUT_S: Final = 120.0
_MEMORY_BYTES: Final = 4 * 2**30
_REFUSED: Final = 3
_PACKAGES: Final = Path(__file__).resolve().parents[1]


def verify_in_child(folder: Path, timeout_s: float = TIMEOUT_S) -> None:
    """Compare the hashes of a model's files, then load it in a child process and compare its canary scores there.

    Raises:
        ModelRefused: a hash differs, or the child refused the model, died of it, or did not finish in time.
    """
    manifest = read_manifest(folder)
    for name in dict.fromkeys((TREES, CANARIES, *sorted(manifest.sha256_by_file))):
        read_content(folder, manifest, name)
    paths = [str(_PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-P", "-m", "models.verify", str(folder)]
    try:
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ModelRefused(f"a process that loaded it did not finish within {timeout_s:g} s") from error
    if ended.returncode == _REFUSED:
        raise ModelRefused(ended.stdout.strip())
    if ended.returncode < 0:
        raise ModelRefused(f"a process that loaded it died of {signal.Signals(-ended.returncode).name}")
    if ended.returncode:
        raise ModelRefused(f"a process that loaded it ended with code {ended.returncode}")


def verify_here(folder: Path) -> None:
    """Load a model twice in this process, by our evaluation and by LightGBM, and compare the canaries with both.

    Raises:
        ModelRefused: see `load_model`; or LightGBM reads or scores it otherwise.
    """
    load_model(folder)
    manifest = read_manifest(folder)
    from models.boosting import lightgbm  # noqa: PLC0415 - servers verify in a child, and need not load it themselves

    for file, canaries in {TREES: read_canaries(folder, manifest), **read_effect_canaries(folder, manifest)}.items():
        try:
            booster = lightgbm.Booster(model_str=decoded(read_content(folder, manifest, file)))
            scores = booster.predict(canaries.matrix(), raw_score=True, num_threads=1)
        except lightgbm.basic.LightGBMError as error:
            raise ModelRefused(f"LightGBM does not read it: {error}") from error
        compare_canaries(canaries, np.asarray(scores, dtype=np.float64))


def main() -> None:
    """Verify the folder named on the command line."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        verify_here(Path(sys.argv[1]))
    except ModelRefused as refusal:
        sys.stdout.write(refusal.reason)
        sys.exit(_REFUSED)


if __name__ == "__main__":
    main()
